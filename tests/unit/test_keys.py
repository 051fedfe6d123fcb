"""Names that several parts agree on: stable, distinct, and safe whatever an id holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import keys
from jobs.errors import InvalidArgument

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
BAD_IDS = ["", "a/b", "..", "a b", "a\n", "\n", "ä", "a.b", "x" * 129, "a\x00", "a?b", "٣"]


def test_a_job_is_named_by_its_request_for_ever() -> None:
    """Running jobs would be made twice if it changed."""
    assert keys.job_id("audio_requests/r1") == "oueh3shav3t2nkarpjbvu44bei"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(1, 100))
def test_hashed_names_fit_cloud_tasks(path: str, attempt: int) -> None:
    assert re.fullmatch(r"[a-z2-7]{26}", keys.job_id(path))
    assert re.fullmatch(r"[a-z2-7]{26}", keys.task_name(path, attempt))
    assert keys.task_name(path, attempt) != keys.task_name(path, attempt + 1)


@given(st.sets(st.tuples(IDS, st.integers(1, 9)), min_size=2))
def test_each_attempt_has_a_name_of_its_own(pairs: set[tuple[str, int]]) -> None:
    assert len({keys.task_name(job, attempt) for job, attempt in pairs}) == len(pairs)


@given(user=IDS, voice=IDS, upload=IDS, extension=st.sampled_from(sorted(keys.RECORDING_TYPES.values())))
def test_a_recording_belongs_to_its_user_only(user: str, voice: str, upload: str, extension: str) -> None:
    key = keys.recording(user, voice, upload, extension)
    assert key == f"recordings/{user}/{voice}/{upload}.{extension}"
    assert keys.is_own_recording(user, key)
    assert not keys.is_own_recording(f"{user[:127]}x", key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "recordings/u/",
        "recordings/u/v",
        "recordings/u/v/",
        "recordings/u/v/x",
        "recordings/u/v/.wav",
        "recordings/u/v/x.",
        "recordings/u/v/w/x.wav",
        "recordings/u/../x.wav",
        "recordings/u//x.wav",
        "recordings/u/v/x.wav\n",
        "recordings/u/v\n/x.wav",
        "recordings/u/v/x.wav?versionId=1",
        "recordings/u/v/x.y.wav",
        "recordings/uu/v/x.wav",
        "recordings/U/v/x.wav",
        "voices/u/v/x.wav",
        " recordings/u/v/x.wav",
    ],
)
def test_keys_of_another_form_are_nobodys(key: str) -> None:
    assert not keys.is_own_recording("u", key)


@given(st.text())
def test_what_is_own_is_what_recording_makes(key: str) -> None:
    assert not keys.is_own_recording("u", f"recordings/u/{key}") or re.fullmatch(
        r"[A-Za-z0-9_-]{1,128}/[A-Za-z0-9_-]{1,128}\.[A-Za-z0-9_-]{1,128}", key
    )


MAKERS: list[Callable[[str], str]] = [
    keys.recordings_of,
    lambda bad: keys.recording(bad, "v", "u", "wav"),
    lambda bad: keys.recording("u", bad, "u", "wav"),
    lambda bad: keys.recording("u", "v", bad, "wav"),
    lambda bad: keys.recording("u", "v", "u", bad),
    lambda bad: keys.voice(bad, "v", "j", 1, "sample.mp3"),
    lambda bad: keys.voice("u", bad, "j", 1, "sample.mp3"),
    lambda bad: keys.voice("u", "v", bad, 1, "sample.mp3"),
    lambda bad: keys.story(bad, "s", "j", 1, "audio.mp3"),
    lambda bad: keys.story("u", bad, "j", 1, "audio.mp3"),
    lambda bad: keys.story("u", "s", bad, 1, "audio.mp3"),
]


@pytest.mark.parametrize("bad", BAD_IDS)
def test_ids_that_would_break_a_key_are_refused(bad: str) -> None:
    assert not keys.is_id(bad)
    for make in MAKERS:
        with pytest.raises(InvalidArgument):
            make(bad)


def test_each_attempt_writes_under_its_own_prefix() -> None:
    assert keys.voice("u", "v", "j", 2, "sample.mp3") == "voices/u/v/j/2/sample.mp3"
    assert keys.story("u", "s", "j", 3, "audio.mp3") == "stories/u/s/j/3/audio.mp3"


@pytest.mark.parametrize(
    ("key", "is_older"),
    [("p/1/a.mp3", True), ("p/2/a.mp3", False), ("p/3/a.mp3", False), ("p/10/a.mp3", False), ("p/x/a.mp3", False)],
)
def test_what_an_attempt_before_has_made(key: str, is_older: bool) -> None:
    assert keys.is_of_attempt_before(2, "p/", key) is is_older
