"""Loudness and true peak, judged by FFmpeg's EBU R 128 meter, which shares no code with ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE, Samples, amplitude, decibels
from gpu_job.narration.assembly import Assembly, faded
from gpu_job.narration.encoding import FORMATS, AudioWriter
from gpu_job.narration.mastering import (
    CEILING_DBTP,
    MOST_GAIN_DB,
    TARGET_LUFS,
    limited,
    loudness,
    mastered,
    true_peak,
)
from tests.loudness import measured
from tests.unit.spoken_corpus import spoken_corpus

PAUSES = (0.05, 0.15, 0.35, 0.8)
CEILING = amplitude(CEILING_DBTP)


def tone(hertz: float = 997.0, level_db: float = -20.0, seconds: float = 4.0) -> Samples:
    return (
        amplitude(level_db) * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE)
    ).astype(np.float32)


@pytest.fixture(scope="module")
def narration() -> Samples:
    assembly = Assembly()
    blocks = [
        assembly.add(speech, pause_after_seconds=PAUSES[index % len(PAUSES)]).samples
        for index, (_, speech) in enumerate(spoken_corpus(24))
    ]
    return np.concatenate(blocks)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_narration_is_as_loud_as_it_should_be_in_every_format(
    tmp_path: Path, narration: Samples, format_name: str
) -> None:
    path = tmp_path / f"audio.{format_name}"
    with AudioWriter(path, format_name) as writer:
        writer.write(narration)
    integrated, peak = measured(path)
    assert integrated == pytest.approx(TARGET_LUFS, abs=0.5)
    assert peak < CEILING_DBTP


@pytest.mark.parametrize("hertz", [60.0, 400.0, 997.0, 4_000.0, 9_000.0])
def test_our_meter_reads_what_theirs_reads(tmp_path: Path, hertz: float) -> None:
    sound = np.concatenate([faded(tone(hertz, level), SPEECH_RATE) for level in (-20.0, -45.0, -26.0)])
    path = tmp_path / "audio.wav"
    with AudioWriter(path, "wav") as writer:
        writer.write(sound)
    integrated, peak = measured(path)
    assert loudness(sound, SPEECH_RATE) == pytest.approx(integrated, abs=0.15)
    assert decibels(true_peak(sound)) == pytest.approx(peak, abs=0.3)


def test_silence_and_scraps_have_no_loudness() -> None:
    assert loudness(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE) == -np.inf
    assert loudness(np.zeros(0, np.float32), SPEECH_RATE) == -np.inf
    assert loudness(tone(seconds=0.3), SPEECH_RATE) == -np.inf
    assert not mastered(np.zeros(100, np.float32), SPEECH_RATE, pause_seconds=0.0).any()


def test_a_whisper_is_raised_so_much_and_no_more() -> None:
    quiet = tone(level_db=-60.0)
    raised = mastered(quiet, SPEECH_RATE, pause_seconds=0.3)
    assert decibels(float(raised.max() / quiet.max())) == pytest.approx(MOST_GAIN_DB, abs=0.01)


def test_the_limiter_leaves_alone_what_is_below_the_ceiling() -> None:
    quiet = tone(level_db=-6.0)
    assert limited(quiet, SPEECH_RATE) is quiet


def test_the_limiter_turns_a_peak_down_without_bending_the_rest() -> None:
    samples = tone(level_db=-10.0, seconds=1.0)
    samples[12_000] = 2.0
    result = limited(samples, SPEECH_RATE)
    assert np.abs(result).max() <= CEILING
    np.testing.assert_array_equal(result[:11_000], samples[:11_000])
    np.testing.assert_array_equal(result[13_000:], samples[13_000:])


def test_a_peak_between_the_samples_is_seen_and_limited() -> None:
    """At a quarter of the rate and 45 degrees, every sample is 3 dB below the peak."""
    samples = (0.95 * np.sin(np.pi / 2 * np.arange(SPEECH_RATE) + np.pi / 4)).astype(np.float32)
    assert np.abs(samples).max() < CEILING < true_peak(samples)
    assert true_peak(limited(samples, SPEECH_RATE)) < CEILING


@settings(max_examples=60)
@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=400), st.integers(1, 40))
def test_nothing_exceeds_the_ceiling_and_no_sample_changes_sign(values: list[float], repeats: int) -> None:
    samples = np.repeat(np.array(values, np.float32), repeats)
    result = limited(samples, SPEECH_RATE)
    assert len(result) == len(samples)
    assert np.abs(result).max() <= CEILING + 1e-6
    assert (result * samples >= 0).all()
    assert (np.abs(result) <= np.abs(samples) + 1e-6).all()
