"""Files: each format opens again, is as long as was written, and sounds as it did."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Samples
from gpu_job.narration.encoding import FORMATS, AudioWriter
from gpu_job.narration.tags import COMMENT, Tags, iso_639_2
from jobs.errors import InvalidArgument

LOSSY = {"mp3", "m4a", "opus"}


def sweep(samples: int) -> Samples:
    seconds = np.arange(samples) / SPEECH_RATE
    return (0.4 * np.sin(2 * np.pi * (200 + 100 * seconds) * seconds)).astype(np.float32)


def write(path: Path, format_name: str, samples: Samples, block: int) -> AudioWriter:
    with AudioWriter(path, format_name) as writer:
        for at in range(0, len(samples), block):
            writer.write(samples[at : at + block])
    return writer


def read(path: Path) -> tuple[Samples, float, int]:
    """Samples at 24 kHz, the length that the header states in seconds, and bit/s."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SPEECH_RATE)
    with av.open(str(path)) as container:
        assert container.duration is not None
        frames = [*container.decode(audio=0), None]
        blocks = [made.to_ndarray().reshape(-1) for frame in frames for made in resampler.resample(frame)]
        return np.concatenate(blocks).astype(np.float32), container.duration / 1e6, container.bit_rate


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("block", [311, 24_000])
def test_what_is_written_is_heard_again(tmp_path: Path, format_name: str, block: int) -> None:
    samples = sweep(3 * SPEECH_RATE + 137)
    path = tmp_path / f"audio.{format_name}"
    writer = write(path, format_name, samples, block)
    heard, stated_seconds, bit_rate = read(path)
    assert writer.seconds == len(samples) / SPEECH_RATE
    assert stated_seconds == pytest.approx(writer.seconds, abs=0.03 if format_name in LOSSY else 1e-4)
    assert len(heard) == pytest.approx(len(samples), abs=SPEECH_RATE * 0.03)
    together = min(len(heard), len(samples))
    likeness = np.corrcoef(heard[:together], samples[:together])[0, 1]  # 1.0 only without any delay left in
    assert likeness > (0.98 if format_name in LOSSY else 0.9999)
    loudness = np.dot(heard[:together], samples[:together]) / np.dot(samples[:together], samples[:together])
    assert loudness == pytest.approx(1.0, abs=0.02)
    if format_name == "mp3":
        assert bit_rate == pytest.approx(64_000, rel=0.1)


@pytest.mark.parametrize("length", [48_000, 48_991, 72_137])  # in frames of 576 samples: full, hardly begun, half full
def test_mp3_is_as_long_as_what_was_written_to_a_millisecond(tmp_path: Path, length: int) -> None:
    path = tmp_path / "audio.mp3"
    writer = write(path, "mp3", sweep(length), 4_000)
    heard, stated_seconds, _ = read(path)
    assert stated_seconds == pytest.approx(writer.seconds, abs=1e-3)
    assert len(heard) == pytest.approx(length, abs=SPEECH_RATE // 1000)


def test_an_unknown_format_lists_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="'wma' is not offered; choose one of mp3, m4a, opus, flac, wav"):
        AudioWriter(tmp_path / "audio.wma", "wma")


def test_no_half_written_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "audio.mp3"

    def stop_halfway() -> None:
        with AudioWriter(path, "mp3") as writer:
            writer.write(sweep(5_000))
            raise RuntimeError("the worker was fenced out")

    with pytest.raises(RuntimeError):
        stop_halfway()
    assert not path.exists()


def test_samples_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="numbers"):
        write(tmp_path / "audio.wav", "wav", np.array([0.0, np.nan], np.float32), 10)


def test_sixteen_bit_formats_do_not_wrap_around(tmp_path: Path) -> None:
    write(tmp_path / "audio.wav", "wav", np.array([1.5, -1.5] * 500, np.float32), 100)
    heard, _, _ = read(tmp_path / "audio.wav")
    assert heard[0] > 0.99
    assert heard[1] < -0.99


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_says_what_it_is_and_that_the_voice_is_synthetic(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / f"audio.{format_name}"
    with AudioWriter(path, format_name, tags=Tags("Der Löwe\0 & die\nMaus 🦁", "Mama \ud800", "de")) as writer:
        writer.write(sweep(5_000))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0].metadata
        tags = {key.lower(): value for key, value in {**stream, **container.metadata}.items()}
        language = stream.get("language", tags.get("language"))
    assert tags["title"] == "Der Löwe & die Maus 🦁"
    assert tags["artist"] == "Mama"
    assert tags["comment"] == COMMENT
    assert language == ("deu" if format_name == "m4a" else "de")


def test_a_nameless_story_has_no_empty_title() -> None:
    assert Tags(" \n", "x" * 1000, "xx").fields().keys() == {"artist", "comment", "language"}
    assert len(Tags("", "x" * 1000, "xx").fields()["artist"]) == 200
    assert iso_639_2("xx") == "und"
