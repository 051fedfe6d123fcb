"""Speed and pitch: each does what it says, neither touches the other, and nothing is heard of how it is done."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.narration.tempo import Delivery, delivered
from jobs.errors import InvalidArgument
from tests.unit.spoken_corpus import spoken_corpus

SPEEDS = (0.5, 0.8, 1.25, 2.0)
PITCHES = (-12.0, -3.0, 4.0, 12.0)


def vowel(hertz: float = 140.0, seconds: float = 2.0) -> Audio:
    """A voice's buzz through two formants, as of "ah"."""
    time = np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    harmonics = np.arange(1, int(5_000 / hertz))
    weights = 1 / (1 + ((harmonics * hertz - 700) / 300) ** 2) + 0.5 / (1 + ((harmonics * hertz - 1200) / 300) ** 2)
    waves = weights[:, None] * np.sin(2 * np.pi * hertz * harmonics[:, None] * time)
    sound = waves.sum(axis=0)
    return Audio((0.4 * sound / np.abs(sound).max()).astype(np.float32), SPEECH_RATE)


def fundamental(audio: Audio) -> float:
    """Hz: of the middle's autocorrelation, the first lag that comes near the best, between samples by a parabola."""
    samples = audio.samples[len(audio.samples) // 4 : -len(audio.samples) // 4].astype(np.float64)
    size = 1 << (2 * len(samples)).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, size)) ** 2)[: SPEECH_RATE // 40]
    shortest = SPEECH_RATE // 600
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:])) + 1
    peaks = peaks[peaks >= shortest]
    lag = int(peaks[correlation[peaks] > 0.9 * correlation[peaks].max()][0])
    left, middle, right = correlation[lag - 1 : lag + 2]
    return SPEECH_RATE / float(lag + 0.5 * (left - right) / (left - 2 * middle + right))


@pytest.mark.parametrize(("speed", "pitch"), [*itertools.product(SPEEDS, PITCHES), (1.0, 5.0), (1.4, 0.0)])
def test_speed_and_pitch_are_exact_and_independent(speed: float, pitch: float) -> None:
    sound = vowel()
    made = delivered(sound, Delivery(speed, pitch))
    assert made.seconds == pytest.approx(sound.seconds / speed, rel=1e-3)
    assert fundamental(made) / fundamental(sound) == pytest.approx(2 ** (pitch / 12), rel=0.02)


@pytest.mark.parametrize(("speed", "pitch"), [*itertools.product(SPEEDS, (0.0,)), *itertools.product((1.0,), PITCHES)])
def test_no_clicks(speed: float, pitch: float) -> None:
    """A click is a step: more change from one sample to the next than the sound has by itself. Pitch scales changes."""
    sound = vowel()
    steps = np.abs(np.diff(delivered(sound, Delivery(speed, pitch)).samples[2_000:-2_000]))
    assert steps.max() < 1.2 * np.abs(np.diff(sound.samples)).max() * max(1.0, 2 ** (pitch / 12))


def test_words_stay_in_their_places() -> None:
    """Loud and soft come where they came, at the speed's scale: to 40 ms in real speech."""
    speech = spoken_corpus(24)[22][1].audio
    for speed in SPEEDS:
        made = envelope(delivered(speech, Delivery(speed)).samples, speed)
        before = envelope(speech.samples, 1.0)
        count = min(len(made), len(before))
        assert np.corrcoef(made[:count], before[:count])[0, 1] > 0.9


def envelope(samples: Samples, speed: float) -> npt.NDArray[np.float64]:
    frame = round(0.04 * SPEECH_RATE / speed)
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(np.sqrt(np.mean(np.square(whole), axis=1, dtype=np.float64)))


def test_as_it_was_spoken_is_left_alone() -> None:
    sound = vowel()
    assert delivered(sound, Delivery()) is sound


@pytest.mark.parametrize("length", [0, 1, 7, 500])
def test_scraps(length: int) -> None:
    scrap = Audio(np.full(length, 0.1, np.float32), SPEECH_RATE)
    assert len(delivered(scrap, Delivery(2.0, 3.0)).samples) == round(length / 2)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("speed", (0.49, 1.0)[:1]),
        ("speed", (2.01,)),
        ("speed", (float("nan"),)),
        ("pitch", (12.5,)),
        ("pitch", (-13.0,)),
    ],
)
def test_out_of_range_is_named(name: str, values: tuple[float]) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} must be from"):
        Delivery(**{name: values[0]})
