"""Kept pieces: what is found is what was kept, to the sample; and whatever else happens, no narration fails of it."""

from __future__ import annotations

import dataclasses
import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job import chunks as module
from gpu_job import storage
from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.chunks import Chunks, as_kept, decoded, encoded
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Engine, Speech, SpeechParameters, SpokenWord
from gpu_job.storage import Bucket
from jobs import keys
from jobs.errors import StoryvoiceError
from tests.unit.bucket_server import KEYS, served_bucket

VOICE = "voice-1"
SPOKEN = "Once upon a time."
WORDS = (SpokenWord(0, 4, 0.1, 0.3 + 1e-9), SpokenWord(5, 9, 1 / 3, 0.7))
PROFILE = VoiceProfile("piper", "m1", "e1", "en", clones=True, tensors={"speaker": np.arange(3, dtype=np.float32)})
ENGINE: dict[str, Any] = {"name": "piper", "engine_version": "e1", "model_version": "m1", "sample_rate": SPEECH_RATE}
PARAMETERS = SpeechParameters(exaggeration=0.5, cfg_weight=0.5, temperature=0.8, seed=7)


def sound(seconds: float = 0.5, seed: int = 0) -> Audio:
    made = np.random.default_rng(seed).normal(0, 0.4, int(seconds * SPEECH_RATE))  # some of it beyond full scale
    return Audio(made.astype(np.float32), SPEECH_RATE)


def chunks(bucket: Bucket, **changed: Any) -> Chunks:
    """Of our voice, with these things of an engine, or `profile` or `parameters` or `voice_id`, otherwise."""
    engine = cast(Engine, SimpleNamespace(**{**ENGINE, **{name: changed[name] for name in ENGINE if name in changed}}))
    return Chunks(
        bucket,
        changed.get("voice_id", VOICE),
        engine,
        changed.get("profile", PROFILE),
        changed.get("parameters", PARAMETERS),
    )


@pytest.fixture(scope="module")
def shared_bucket() -> Iterator[Bucket]:
    with served_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(shared_bucket: Bucket) -> Bucket:
    """Without the piece that every test is about."""
    shared_bucket.delete(chunks(shared_bucket).key(SPOKEN))
    return shared_bucket


def same(one: Speech | None, other: Speech | None) -> bool:
    assert one is not None
    assert other is not None
    return (
        (one.index, one.words, one.audio.rate) == (other.index, other.words, other.audio.rate)
        and one.audio.samples.dtype == other.audio.samples.dtype
        and np.array_equal(one.audio.samples, other.audio.samples)
    )


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3 * SPEECH_RATE),
    st.floats(0, 3),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.floats(0, 60), st.floats(0, 60)), max_size=60),
)
def test_a_file_holds_the_sound_and_the_words_to_the_bit(
    length: int, level: float, words: list[tuple[int, int, float, float]]
) -> None:
    samples = np.random.default_rng(length).normal(0, level, length).astype(np.float32)
    speech = Speech(5, Audio(samples, SPEECH_RATE), tuple(SpokenWord(*word) for word in words))

    read, said = decoded(encoded(speech))

    kept = as_kept(speech)
    assert np.array_equal(read, kept.audio.samples16)
    assert said == speech.words == kept.words
    assert same(as_kept(kept), kept)
    assert np.abs(kept.audio.samples - np.clip(samples, -1, 1)).max() <= 0.5 / 32767 + 1e-7


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_or_is_another_is_refused(data: st.DataObject) -> None:
    whole = encoded(Speech(0, sound(0.6), WORDS))
    file = data.draw(
        st.one_of(st.binary(max_size=300), st.integers(0, len(whole) - 1).map(lambda at: whole[:at])), "the file"
    )
    with pytest.raises((av.FFmpegError, ValueError)):
        decoded(file)


def test_a_file_that_was_cut_between_two_frames_is_refused() -> None:
    whole = encoded(Speech(0, sound(1.0)))
    with av.open(io.BytesIO(whole), "r") as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
    assert len(packets) > 1
    with pytest.raises(ValueError, match="not all"):
        decoded(whole[: -packets[-1].size])


# ── in the bucket ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_found_is_what_was_kept(bucket: Bucket) -> None:
    speech = Speech(3, sound(), WORDS)
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), speech)

    found = chunks(bucket).find(chunks(bucket).key(SPOKEN), 8)

    assert same(found, as_kept(dataclasses.replace(speech, index=8)))
    assert chunks(bucket).key(SPOKEN).startswith(keys.chunks_of(VOICE))


def test_what_was_not_kept_is_not_found(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), Speech(0, sound()))
    assert chunks(bucket).find(chunks(bucket).key("Once upon a time!"), 0) is None
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


OTHER_PROFILE: dict[str, Any] = {
    "model": "other",
    "model_version": "m2",
    "engine_version": "e2",
    "language": "de",
    "clones": False,
    "tensors": {"speaker": np.arange(1, 4, dtype=np.float32)},
}
OTHER_PARAMETERS: dict[str, Any] = {
    "exaggeration": 0.6,
    "cfg_weight": None,
    "temperature": 0.81,
    "min_p": 0.05,
    "top_p": 0.9,
    "repetition_penalty": 1.3,
    "seed": 8,
}
OTHERS: dict[str, Any] = {
    "voice_id": "voice-2",
    "name": "chatterbox",
    "engine_version": "e2",
    "model_version": "m2",
    "sample_rate": 22_050,
    **{f"profile.{name}": dataclasses.replace(PROFILE, **{name: other}) for name, other in OTHER_PROFILE.items()},
    **{
        f"parameters.{name}": dataclasses.replace(PARAMETERS, **{name: other})
        for name, other in OTHER_PARAMETERS.items()
    },
}


def test_the_key_depends_on_everything_that_the_sound_depends_on(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = chunks(bucket).key(SPOKEN)
    made = {what: chunks(bucket, **{what.partition(".")[0]: other}).key(SPOKEN) for what, other in OTHERS.items()}
    for what, tensors in {
        "name": {"listener": PROFILE.tensors["speaker"]},
        "shape": {"speaker": PROFILE.tensors["speaker"][None]},
        "type": {"speaker": PROFILE.tensors["speaker"].view(np.int32)},
    }.items():
        made[f"{what} of a tensor"] = chunks(bucket, profile=dataclasses.replace(PROFILE, tensors=tensors)).key(SPOKEN)
    made["spoken"] = chunks(bucket).key(SPOKEN.lower())
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    made["format"] = chunks(bucket).key(SPOKEN)
    assert len({ours, *made.values()}) == 1 + len(made)


def test_every_parameter_and_property_of_a_profile_is_looked_at_above() -> None:
    """Whoever adds one is told here that the key must change with it."""
    named = {what.partition(".")[2] for what in OTHERS}
    assert {field.name for field in dataclasses.fields(SpeechParameters)} <= named
    assert {field.name for field in dataclasses.fields(VoiceProfile)} - {"quality"} <= named


def test_the_key_depends_on_nothing_else(bucket: Bucket) -> None:
    """So another worker, another day, with the profile read from its file, finds the same."""
    elsewhere = Bucket("http://127.0.0.1:9", "another-bucket", *KEYS)
    measured = dataclasses.replace(PROFILE, quality={"seconds": 9.5})
    made = {
        chunks(elsewhere, profile=VoiceProfile.from_bytes(profile.to_bytes())).key(SPOKEN)
        for profile in [PROFILE, measured] * 10
    }
    assert made == {chunks(bucket).key(SPOKEN)}


def test_the_first_one_stays(bucket: Bucket) -> None:
    first, second = (Speech(0, sound(seed=seed), WORDS[:seed]) for seed in (1, 2))
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), first)
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), second)
    assert same(chunks(bucket).find(chunks(bucket).key(SPOKEN), 0), as_kept(first))


def test_two_at_once_leave_one_of_theirs_whole(bucket: Bucket) -> None:
    takes = [Speech(0, sound(seed=seed), WORDS) for seed in range(8)]
    together = threading.Barrier(len(takes))

    def keep(speech: Speech) -> None:
        together.wait(10)
        chunks(bucket).keep(chunks(bucket).key(SPOKEN), speech)

    with ThreadPoolExecutor(len(takes)) as threads:
        list(threads.map(keep, takes))

    found = chunks(bucket).find(chunks(bucket).key(SPOKEN), 0)
    assert sum(same(found, as_kept(take)) for take in takes) == 1
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), Speech(0, sound(seed=99)))
    assert same(chunks(bucket).find(chunks(bucket).key(SPOKEN), 0), found)


def with_words(words: str) -> bytes:
    """The file with another comment, of the same length."""
    file = encoded(Speech(0, sound(), (SpokenWord(0, 1, 0.5, 0.5),)))
    comment = b"[[0,1,0.5,0.5]]"
    assert file.count(comment) == 1
    return file.replace(comment, words.encode().ljust(len(comment)))


def as_24_bit() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=SPEECH_RATE, layout="mono", format="s32")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 5000), np.int32) << 20, format="s32", layout="mono")
        frame.sample_rate = SPEECH_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    "damaged",
    [
        lambda: b"",
        lambda: b"<Error/>",
        lambda: encoded(Speech(0, sound()))[:1000],
        lambda: bytes(100) + encoded(Speech(0, sound()))[100:],
        lambda: with_words("[["),
        lambda: with_words('[["a"]]'),
        lambda: with_words("{}"),
        as_24_bit,
    ],
)
def test_what_is_damaged_is_not_found(
    bucket: Bucket, caplog: pytest.LogCaptureFixture, damaged: Callable[[], bytes]
) -> None:
    bucket.put_bytes(damaged(), chunks(bucket).key(SPOKEN), module.CONTENT_TYPE)
    assert chunks(bucket).find(chunks(bucket).key(SPOKEN), 0) is None
    assert [record.levelname for record in caplog.records if record.name == module.__name__] == ["ERROR"]
    assert SPOKEN not in caplog.text


def test_what_is_too_large_is_not_found(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), Speech(0, sound()))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    assert chunks(bucket).find(chunks(bucket).key(SPOKEN), 0) is None


def test_a_bucket_that_does_not_answer_finds_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_port: int
) -> None:
    monkeypatch.setattr(storage, "_ATTEMPTS", 1)  # botocore's pauses are real time
    nobody = Bucket(f"http://127.0.0.1:{unused_port}", "b", *KEYS)
    with pytest.raises(StoryvoiceError):
        nobody.get_bytes("k", max_bytes=10)
    assert chunks(nobody).find(chunks(nobody).key(SPOKEN), 0) is None
    chunks(nobody).keep(chunks(nobody).key(SPOKEN), Speech(0, sound()))
    said = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert said == ["a kept piece cannot be had: unavailable", "a piece cannot be kept: unavailable"]


def test_what_cannot_be_written_is_not_kept(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    """An engine's mistake, which whoever assembles the story will say; nothing is raised into the background."""
    chunks(bucket).keep(chunks(bucket).key(SPOKEN), Speech(0, Audio(sound().samples, rate=0)))
    assert [record.levelname for record in caplog.records if record.name == module.__name__] == ["ERROR"]
    assert chunks(bucket).find(chunks(bucket).key(SPOKEN), 0) is None


@pytest.fixture
def unused_port() -> Iterator[int]:
    """Bound and not listening: connections are refused."""

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
