"""Which ten seconds of a recording are taken."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples, amplitude
from gpu_job.engines.chatterbox.best_part import best_part
from gpu_job.recordings import decode, examine, speech_frames

RECORDING = Path(__file__).parents[2] / "assets" / "recording.flac"
STEP = SPEECH_RATE // 25


@cache
def speech() -> Samples:
    return decode(RECORDING).samples


def place(part: Audio, recording: Samples) -> float:
    """Where the part lies in the recording, in seconds."""
    first = part.samples[:400]
    found = [at for at in np.flatnonzero(recording == first[0]) if np.array_equal(recording[at : at + 400], first)]
    assert found, "it is not a part of it"
    return float(found[0]) / SPEECH_RATE


def noise(seconds: float, level_dbfs: float) -> Samples:
    drawn = np.random.default_rng(1).standard_normal(round(seconds * SPEECH_RATE)).astype(np.float32)
    return drawn * np.float32(amplitude(level_dbfs))


def test_the_recording_of_the_demo() -> None:
    part = best_part(Audio(speech(), SPEECH_RATE))
    assert 6.0 <= part.seconds <= 10.0
    assert len(part.samples) % STEP == 0
    assert examine(part).speech_seconds >= 0.6 * part.seconds
    assert not speech_frames(part)[-1], "it ends in a pause"


@pytest.mark.parametrize("seconds", [3.5, 5.0, 9.0])
def test_a_short_recording_is_taken_whole_but_for_its_end(seconds: float) -> None:
    part = best_part(Audio(speech()[: int(seconds * SPEECH_RATE)], SPEECH_RATE))
    assert min(seconds, 6.0) - 0.05 <= part.seconds <= seconds


def test_clean_speech_is_preferred_to_noisy_and_to_clipped() -> None:
    clean = speech()[: 9 * SPEECH_RATE]
    noisy = clean + noise(9, -35)
    clipped = np.clip(clean * np.float32(8), -1, 1)
    for first in (noisy, clipped):
        whole = np.concatenate([first, noise(0.5, -80), clean, noise(0.5, -80), first])
        at = place(best_part(Audio(whole, SPEECH_RATE)), whole)
        assert 8.5 <= at <= 11.0, at


def test_speech_is_preferred_to_silence() -> None:
    whole = np.concatenate([noise(20, -75), speech()[: 8 * SPEECH_RATE], noise(20, -75)])
    part = best_part(Audio(whole, SPEECH_RATE))
    assert 18.0 <= place(part, whole) <= 21.0
    assert examine(part).speech_seconds >= 4.0
