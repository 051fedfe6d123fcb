"""The mark, asked of the encoded file. Here it is a tone; the real one is in tests/engines/test_watermark.py."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.protocol import Speech
from gpu_job.marked import require_mark
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.encoding import AudioWriter
from gpu_job.narration.tempo import AS_SPOKEN, Delivery
from gpu_job.recordings import decode
from jobs.errors import Internal

RECORDING = Path(__file__).parents[2] / "assets" / "recording.flac"
HERTZ = 9_000


class Tone:
    """A mark that pitch wears away; counts how often it is put on."""

    def __init__(self) -> None:
        self.marked = 0

    def mark(self, audio: Audio) -> Audio:
        self.marked += 1
        time = np.arange(len(audio.samples), dtype=np.float32) / audio.rate
        tone = 0.02 * np.sin(2 * np.pi * HERTZ * time)
        return Audio((audio.samples + tone).astype(np.float32), audio.rate)

    def presence(self, audio: Audio) -> float:
        spectrum = np.abs(np.fft.rfft(audio.samples))
        at = HERTZ * len(audio.samples) // audio.rate
        beside = np.median(spectrum[at - 200 : at + 200])
        return float(spectrum[at - 2 : at + 3].max() > 30 * beside)


@cache
def speech() -> Audio:
    return decode(RECORDING)


def written(path: Path, audio: Audio, tone: Tone, delivery: Delivery = AS_SPOKEN) -> Path:
    block = Assembly(delivery, watermark=tone).add(Speech(0, audio), pause_after_seconds=0.5)
    with AudioWriter(path, path.suffix[1:]) as writer:
        writer.write(block.samples)
    return path


@pytest.mark.parametrize("name", ["a.flac", "a.wav", "a.m4a"])
def test_what_is_marked_passes(name: str, tmp_path: Path) -> None:
    tone = Tone()
    require_mark(written(tmp_path / name, tone.mark(speech()), tone), tone)
    assert tone.marked == 1, "as spoken it is not put on twice"


def test_what_is_not_marked_is_not_published(tmp_path: Path) -> None:
    tone = Tone()
    path = written(tmp_path / "a.flac", speech(), tone)
    with pytest.raises(Internal, match="could not be marked"):
        require_mark(path, tone)
    require_mark(path, None)


def test_nor_is_what_is_marked_in_part(tmp_path: Path) -> None:
    tone, middle = Tone(), len(speech().samples) // 2
    half = np.concatenate([tone.mark(speech()).samples[:middle], speech().samples[middle:]])
    with pytest.raises(Internal):
        require_mark(written(tmp_path / "a.flac", Audio(half, SPEECH_RATE), tone), tone)


@pytest.mark.parametrize("delivery", [Delivery(pitch=5), Delivery(speed=0.6)])
def test_another_delivery_is_marked_again(delivery: Delivery, tmp_path: Path) -> None:
    tone = Tone()
    require_mark(written(tmp_path / "a.flac", tone.mark(speech()), tone, delivery), tone)
    assert tone.marked == 2


@pytest.mark.parametrize("seconds", [0.4, 0.9, 3.5])
def test_short_files(seconds: float, tmp_path: Path) -> None:
    tone = Tone()
    loud = Audio(speech().samples[24_000 : 24_000 + int(seconds * SPEECH_RATE)], SPEECH_RATE)
    require_mark(written(tmp_path / "a.flac", tone.mark(loud), tone), tone)
    with pytest.raises(Internal):
        require_mark(written(tmp_path / "b.flac", loud, tone), tone)
