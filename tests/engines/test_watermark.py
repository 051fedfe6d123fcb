"""The watermark: on every second, not heard, and still there when the file has been made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import perth
import pytest

from gpu_job import marked
from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.chatterbox.watermark import PerthWatermark
from gpu_job.engines.protocol import Speech
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.encoding import AudioWriter
from gpu_job.narration.tempo import AS_SPOKEN, Delivery
from gpu_job.recordings import decode
from jobs.errors import FailedPrecondition, Internal

RECORDING = Path(__file__).parents[2] / "assets" / "recording.flac"


@cache
def watermark() -> PerthWatermark:
    return PerthWatermark()


@cache
def speech() -> Audio:
    return Audio(decode(RECORDING).samples[: 6 * SPEECH_RATE + 77], SPEECH_RATE)


def seconds(audio: Audio) -> list[Audio]:
    whole = [audio.samples[at : at + audio.rate] for at in range(0, len(audio.samples) - audio.rate, audio.rate)]
    return [Audio(np.ascontiguousarray(second), audio.rate) for second in whole]


def test_it_is_on_every_second_and_changes_little() -> None:
    after = watermark().mark(speech())
    assert len(after.samples) == len(speech().samples)
    assert all(watermark().presence(second) < 0.5 for second in seconds(speech()))
    assert all(watermark().presence(second) > 0.9 for second in seconds(after))
    change = float(np.sqrt(np.mean(np.square(after.samples - speech().samples))))
    assert change < 0.2 * float(np.sqrt(np.mean(np.square(speech().samples))))


@pytest.mark.parametrize("length", [0, 1, 100, 240, 5_000])
def test_any_length(length: int) -> None:
    given = Audio(speech().samples[24_000 : 24_000 + length], SPEECH_RATE)
    after = watermark().mark(given)
    assert len(after.samples) == length
    assert np.isfinite(after.samples).all()
    assert 0.0 <= watermark().presence(after) <= 1.0


def test_silence_has_none() -> None:
    silence = Audio(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE)
    assert watermark().presence(watermark().mark(silence)) == 0.0


def written(path: Path, audio: Audio, delivery: Delivery = AS_SPOKEN) -> Path:
    assembly = Assembly(delivery, watermark=watermark())
    with AudioWriter(path, path.suffix[1:]) as writer:
        for at in range(0, len(audio.samples), 2 * SPEECH_RATE):
            piece = Audio(audio.samples[at : at + 2 * SPEECH_RATE], SPEECH_RATE)
            if piece.seconds > 0.5:
                writer.write(assembly.add(Speech(0, piece), pause_after_seconds=0.3).samples)
    return path


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.opus", "a.flac"])
def test_it_outlives_mastering_and_encoding(name: str, tmp_path: Path) -> None:
    marked.require_mark(written(tmp_path / name, watermark().mark(speech())), watermark())


@pytest.mark.parametrize(
    "delivery", [Delivery(speed=0.5), Delivery(speed=2.0), Delivery(pitch=12), Delivery(pitch=-12)]
)
def test_it_outlives_another_delivery(delivery: Delivery, tmp_path: Path) -> None:
    marked.require_mark(written(tmp_path / "a.mp3", watermark().mark(speech()), delivery), watermark())


def test_a_file_without_it_is_not_published(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp3", speech())
    with pytest.raises(Internal, match="could not be marked"):
        marked.require_mark(path, watermark())
    marked.require_mark(path, None)


def test_half_a_file_is_not_enough(tmp_path: Path) -> None:
    after = watermark().mark(speech()).samples
    half = np.concatenate([after[: 3 * SPEECH_RATE], speech().samples[3 * SPEECH_RATE :]])
    with pytest.raises(Internal, match="could not be marked"):
        marked.require_mark(written(tmp_path / "a.mp3", Audio(half, SPEECH_RATE)), watermark())


def test_without_the_package_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perth, "PerthImplicitWatermarker", None)
    with pytest.raises(FailedPrecondition, match=r"pip install resemble-perth \"setuptools<81\""):
        PerthWatermark()
