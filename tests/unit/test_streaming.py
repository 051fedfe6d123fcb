"""Segments and their playlist go up while a narration is told: in order, listed soon, and not too often."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Samples
from gpu_job.narration.segments import INIT_NAME, PLAYLIST_NAME, PLAYLIST_TYPE, SEGMENT_TYPE, Segmenter
from gpu_job.storage import IMMUTABLE
from gpu_job.streaming import GROWING, Stream
from jobs.errors import Internal, StaleAttempt, Unavailable
from tests.rules import uris_in

SLACK_SECONDS = 0.4  # on a busy machine
_SEGMENT = re.compile(r"^seg_\d+\.m4s$", re.MULTILINE)


class Uploaded(NamedTuple):
    name: str
    data: bytes
    content_type: str
    cache_control: str
    at: float


class Origin:
    """What has been uploaded so far, in order. `before(name)` runs before an upload and may raise, or wait."""

    def __init__(self, before: Callable[[str], None] = lambda _: None) -> None:
        self.uploads: list[Uploaded] = []
        self._before = before
        self._changed = threading.Condition()

    def put(self, data: bytes, name: str, content_type: str, cache_control: str) -> None:
        self._before(name)
        with self._changed:
            self.uploads.append(Uploaded(name, data, content_type, cache_control, time.monotonic()))
            self._changed.notify_all()

    @property
    def names(self) -> list[str]:
        return [upload.name for upload in self.uploads]

    @property
    def lists(self) -> list[Uploaded]:
        return [upload for upload in self.uploads if upload.name == PLAYLIST_NAME]

    def until(self, true: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(true, 10)

    def listed(self) -> list[str]:
        """What the newest playlist names."""
        return segments_of(self.lists[-1]) if self.lists else []


def segments_of(playlist: Uploaded) -> list[str]:
    return _SEGMENT.findall(playlist.data.decode())


def sound(seconds: float) -> Samples:
    time_axis = np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    made = (0.4 * np.sin(2 * np.pi * 300 * time_axis)).astype(np.float32)
    made[: SPEECH_RATE // 10] = 0.0
    return made


def check_order(origin: Origin) -> None:
    """At any moment the playlist names only what is up, and has only grown."""
    up: set[str] = set()
    known: list[str] = []
    for upload in origin.uploads:
        if upload.name == PLAYLIST_NAME:
            named = segments_of(upload)
            assert named[: len(known)] == known
            assert {*named, INIT_NAME} <= up
            known = named
        else:
            assert upload.name not in up
            up.add(upload.name)


def check_pauses(origin: Origin) -> None:
    """R2 takes one write a second at a key; and nobody waits longer than that to learn of a segment that is up."""
    moments = [playlist.at for playlist in origin.lists]
    assert all(after - one >= 0.99 for one, after in pairwise(moments))
    for upload in origin.uploads:
        if _SEGMENT.match(upload.name):
            listed = next(playlist.at for playlist in origin.lists if upload.name in segments_of(playlist))
            assert listed - upload.at < 1.0 + SLACK_SECONDS


def test_the_playlist_calls_each_file_by_its_address_which_never_changes() -> None:
    asked: list[str] = []

    def address(name: str) -> str:
        asked.append(name)
        return f"https://bucket.example/{name}?signature={len(asked)}"

    origin = Origin()
    with Stream(origin.put, address=address) as stream:
        stream.write(sound(9.0))
        stream.close()
    names = [upload.name for upload in origin.uploads if upload.name != PLAYLIST_NAME]
    assert asked == names
    addresses = [f"https://bucket.example/{name}?signature={number}" for number, name in enumerate(names, start=1)]
    assert uris_in(origin.lists[-1].data.decode()) == addresses


def test_everything_goes_up_and_is_listed() -> None:
    said = sound(9.0)
    origin = Origin()
    with Stream(origin.put) as stream:
        for at in range(0, len(said), SPEECH_RATE):
            stream.write(said[at : at + SPEECH_RATE])
        stream.close()
    check_order(origin)
    check_pauses(origin)
    segmenter = Segmenter()
    expected = {segment.name: segment.data for segment in [*segmenter.write(said), *segmenter.close()]}
    uploaded = {upload.name: upload.data for upload in origin.uploads}
    assert len(expected) == 5
    assert {name: data for name, data in uploaded.items() if name != PLAYLIST_NAME} == {
        **expected,
        INIT_NAME: segmenter.init,
    }
    assert origin.listed() == list(expected)
    assert origin.lists[-1].data.endswith(b"#EXT-X-ENDLIST\n")
    assert not any(b"ENDLIST" in playlist.data for playlist in origin.lists[:-1])


def test_segments_never_change_and_the_playlist_does() -> None:
    origin = Origin()
    with Stream(origin.put) as stream:
        stream.write(sound(1.5))
        stream.close()
    for upload in origin.uploads:
        is_playlist = upload.name == PLAYLIST_NAME
        assert upload.content_type == (PLAYLIST_TYPE if is_playlist else SEGMENT_TYPE)
        assert upload.cache_control == (GROWING if is_playlist else IMMUTABLE)


def test_what_is_up_is_listed_soon_though_nothing_more_comes() -> None:
    """The engine takes its time over the next piece: the listener has all that there is."""
    origin = Origin()
    with Stream(origin.put) as stream:
        stream.write(sound(2.5))
        origin.until(lambda: len(origin.listed()) == 2)
        stream.write(sound(7.0))  # two more segments, at once
        origin.until(lambda: len(origin.listed()) == 4)
        check_order(origin)
        check_pauses(origin)
        assert len(origin.lists) == 2


def test_a_story_that_comes_all_at_once_is_listed_once_a_second_and_at_its_end() -> None:
    """Slow uploads, as of a story that was kept: it can be played before all of it is up."""
    origin = Origin(before=lambda name: time.sleep(0.25 if _SEGMENT.match(name) else 0))
    with Stream(origin.put) as stream:
        stream.write(sound(40.0))
        stream.close()
    check_order(origin)
    check_pauses(origin)
    assert 3 <= len(origin.lists) <= 6
    assert len(origin.listed()) == 12


def test_a_short_story_is_listed_once() -> None:
    """And does not wait a second for its end, as it would if its beginning had been listed a moment before."""
    all_is_said = threading.Event()

    def wait(_: str) -> None:
        all_is_said.wait(5)

    origin = Origin(before=wait)
    with Stream(origin.put) as stream:
        stream.write(sound(2.5))
        closing = threading.Timer(0.1, all_is_said.set)
        closing.start()
        stream.close()
        closing.join()
    assert [name for name in origin.names if name == PLAYLIST_NAME] == [PLAYLIST_NAME]
    assert origin.names[-1] == PLAYLIST_NAME


def test_it_is_open_once_a_playlist_names_a_beginning() -> None:
    origin = Origin()
    opened: list[list[str]] = []
    is_open = threading.Event()

    def on_open() -> None:
        opened.append(origin.names)
        is_open.set()

    with Stream(origin.put, on_open) as stream:
        stream.write(sound(1.5))
        assert not is_open.wait(0.1)
        stream.write(sound(1.0))
        assert is_open.wait(5)  # and not only when something more is written
        stream.write(sound(8.0))
        stream.close()
    assert opened == [[INIT_NAME, "seg_00000.m4s", "seg_00001.m4s", PLAYLIST_NAME]]


def failing_at(name: str, error: Exception) -> Origin:
    def fail(uploaded: str) -> None:
        if uploaded == name:
            raise error

    return Origin(before=fail)


ERRORS = (Unavailable("The bucket is gone."), StaleAttempt("Attempt 2 has it."), ValueError("a mistake of ours"))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", [INIT_NAME, "seg_00001.m4s", PLAYLIST_NAME])
def test_a_failed_upload_is_raised_by_whoever_writes_next(name: str, error: Exception) -> None:
    """Of whatever kind: else the story would be ready, and its stream would not."""
    origin = failing_at(name, error)

    def write_until_it_raises() -> None:
        deadline = time.monotonic() + 10
        with Stream(origin.put) as stream:
            while time.monotonic() < deadline:
                stream.write(sound(1.0))
                time.sleep(0.01)

    with pytest.raises(type(error)) as raised:
        write_until_it_raises()
    assert raised.value is error
    check_order(origin)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", ["seg_00001.m4s", PLAYLIST_NAME])
def test_a_failed_upload_is_raised_at_the_end(name: str, error: Exception) -> None:
    origin = failing_at(name, error)
    with Stream(origin.put) as stream:
        stream.write(sound(2.5))
        with pytest.raises(type(error)):
            stream.close()


def test_a_worker_that_is_fenced_out_uploads_nothing_more() -> None:
    lost = threading.Event()

    def check_lease(_: str) -> None:
        if lost.is_set():
            raise StaleAttempt("Attempt 2 has it.")

    def tell() -> None:
        with Stream(origin.put) as stream:
            stream.write(sound(2.5))
            origin.until(lambda: len(origin.lists) == 1)
            lost.set()
            for _ in range(1000):
                stream.write(sound(3.0))
                time.sleep(0.01)

    origin = Origin(before=check_lease)
    with pytest.raises(StaleAttempt):
        tell()
    assert origin.names == [INIT_NAME, "seg_00000.m4s", "seg_00001.m4s", PLAYLIST_NAME]
    assert streams() == []


def test_nothing_goes_up_after_the_block_has_ended() -> None:
    """What is on its way is finished, so that whoever deletes what was uploaded deletes all of it."""
    begun, may_end = threading.Event(), threading.Event()

    def slow(name: str) -> None:
        if name == "seg_00001.m4s":
            begun.set()
            may_end.wait(5)

    def tell() -> None:
        with Stream(origin.put) as stream:
            stream.write(sound(60.0))
            assert begun.wait(5)
            threading.Timer(0.1, may_end.set).start()
            raise Internal("The voice broke.")

    origin = Origin(before=slow)
    with pytest.raises(Internal):
        tell()
    uploaded = origin.names
    assert uploaded[-1] == "seg_00001.m4s"
    assert streams() == []
    time.sleep(0.1)
    assert origin.names == uploaded


def test_whoever_gives_up_while_the_end_waits_for_its_second_waits_no_longer() -> None:
    origin = Origin()
    started = time.monotonic()
    with Stream(origin.put, clock=lambda: 0.0) as stream:  # a second that never ends
        stream.write(sound(2.5))
        origin.until(lambda: len(origin.lists) == 1)
    assert time.monotonic() - started < 0.9
    assert b"ENDLIST" not in origin.lists[-1].data


def streams() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "stream"]
