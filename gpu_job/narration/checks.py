"""Whether a spoken piece is good, by its sound alone. Pure, and cheap: about a five-hundredth of what it listens to.

Neural voices fail in ways of their own: they stop early, go on after the text in noise or invented speech, say a phrase
twice, fall silent in the middle. Each check below looks for one of these. The bounds let real speech pass (no alarm in
102 sentences of the embedded voice; see tests/unit/test_checks.py for what they catch), so a fault is worth the price
of speaking the piece again; see retakes.py.

What a speech recogniser could say besides (other words than the text's) is in recognition.py.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from gpu_job.audio import Audio, Samples, amplitude, decibels, frame_rms
from gpu_job.narration.assembly import SILENCE_BELOW_PEAK_DB
from gpu_job.narration.repetition import likeness_within
from gpu_job.narration.speech_length import expected_seconds

_FRAME_SECONDS = 0.01
_SILENT_DBFS = -60.0

LEAST_LEVEL_DBFS = -45.0  # of the loudest 10 ms
MOST_GAP_SECONDS = 1.2  # within; planned pauses lie between pieces
MOST_EDGE_SECONDS = 1.5  # it is cut off anyway, but a voice that waits so long has lost its way
MOST_TAIL_SECONDS = 0.5  # audible and without a tone at the end; a long "s" has 0.3
MOST_END_DB = -30.0  # of the last 20 ms, below the loudest: a voice that ends, ends in silence
MOST_CLIPPED_SHARE = 0.001
MOST_LIKENESS = 0.74  # of one second and another; see repetition.py
PACE_UNKNOWN = (0.45, 2.0)  # bounds of the length, as a share of what the text makes one expect
PACE_KNOWN = (0.6, 1.5)  # the same, once the voice's own pace is known
_SLACK_SECONDS = 0.4  # either way: "Snow!" has no pace
_TAIL_WINDOW_SECONDS = 3.0
_TONE_SECONDS = 0.04  # holds two periods of the lowest voice
_LEAST_PERIODICITY = 0.5


class Fault(StrEnum):
    """What can be wrong with a piece; the values are what the request's `quality` says."""

    NOT_A_NUMBER = "not_a_number"
    SILENT = "silent"
    QUIET = "quiet"
    CLIPPED = "clipped"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    GAP = "gap"
    WAITS = "waits"  # long silence before the first or after the last sound
    CUT_OFF = "cut_off"
    NOISE_AFTER = "noise_after"
    REPEATED = "repeated"
    OTHER_WORDS = "other_words"  # only where a recogniser listens


@dataclass(frozen=True)
class Verdict:
    """The faults of a piece, and by how much each is one: from 0 at the bound, 1 for twice the bound."""

    faults: dict[Fault, float] = field(default_factory=dict)
    seconds: float = 0.0  # from the first sound to the last
    expected_seconds: float = 0.0  # at the default pace

    @property
    def is_good(self) -> bool:
        return not self.faults

    @property
    def badness(self) -> float:
        """To choose the least bad of several takes by; 0 for a good one."""
        return sum(1.0 + excess for excess in self.faults.values())


class Pace:
    """How much slower than the default a voice speaks, learnt from its good pieces: the median of the latest."""

    _LEAST, _LATEST = 4, 32

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=self._LATEST)

    def learn(self, verdict: Verdict) -> None:
        if verdict.is_good and verdict.expected_seconds > 1.0:
            self._ratios.append(verdict.seconds / verdict.expected_seconds)

    def bounds(self, expected: float) -> tuple[float, float]:
        """The least and the most seconds that a piece should take that takes `expected` at the default pace."""
        is_known = len(self._ratios) >= self._LEAST
        usual = statistics.median(self._ratios) if is_known else 1.0
        least, most = PACE_KNOWN if is_known else PACE_UNKNOWN
        return expected * usual * least - _SLACK_SECONDS, expected * usual * most + _SLACK_SECONDS


def check(audio: Audio, spoken: str, pace: Pace) -> Verdict:
    """The verdict on a piece as the engine gave it, before it is trimmed; `spoken` is what the engine was given."""
    expected = expected_seconds(spoken)
    if not np.isfinite(audio.samples).all():
        return Verdict({Fault.NOT_A_NUMBER: np.inf}, 0.0, expected)
    levels = frame_rms(audio.samples, int(_FRAME_SECONDS * audio.rate))
    loudest = float(levels.max(initial=0.0))
    if decibels(loudest) < _SILENT_DBFS:
        return Verdict({Fault.SILENT: np.inf}, 0.0, expected)
    audible = np.flatnonzero(levels >= loudest * amplitude(-SILENCE_BELOW_PEAK_DB))
    first, last = int(audible[0]), int(audible[-1])
    seconds = (last - first + 1) * _FRAME_SECONDS
    least, most = pace.bounds(expected)
    gap = float(np.diff(audible).max(initial=1) - 1) * _FRAME_SECONDS
    edge = max(first, len(levels) - 1 - last) * _FRAME_SECONDS
    sound = audio.samples[int(first * _FRAME_SECONDS * audio.rate) : int((last + 1) * _FRAME_SECONDS * audio.rate)]
    excess = {
        Fault.QUIET: (LEAST_LEVEL_DBFS - decibels(loudest)) / 6.0,
        Fault.CLIPPED: _clipped_share(audio.samples) / MOST_CLIPPED_SHARE - 1.0,
        Fault.TOO_SHORT: least / seconds - 1.0,
        Fault.TOO_LONG: seconds / most - 1.0,
        Fault.GAP: gap / MOST_GAP_SECONDS - 1.0,
        Fault.WAITS: edge / MOST_EDGE_SECONDS - 1.0,
        Fault.CUT_OFF: (_end_db(audio, loudest) - MOST_END_DB) / -MOST_END_DB,
        Fault.NOISE_AFTER: _toneless_tail_seconds(sound, audio.rate) / MOST_TAIL_SECONDS - 1.0,
        Fault.REPEATED: (likeness_within(sound, audio.rate, spoken) - MOST_LIKENESS) / (1.0 - MOST_LIKENESS),
    }
    return Verdict({fault: round(by, 3) for fault, by in excess.items() if by > 0}, seconds, expected)


def _clipped_share(samples: Samples) -> float:
    """The share of the samples that lie at full scale beside another that does: a lone peak is none."""
    full = np.abs(samples) >= 0.999
    return float(np.count_nonzero(full[1:] & full[:-1]) / max(1, len(samples)))


def _end_db(audio: Audio, loudest: float) -> float:
    last = audio.samples[-int(2 * _FRAME_SECONDS * audio.rate) :]
    return decibels(float(np.sqrt(np.mean(np.square(last)))) / loudest)


def _toneless_tail_seconds(sound: Samples, rate: int) -> float:
    """How long it goes on at the end, audibly, after the last moment that has the periodicity of a voice."""
    tail = sound[-int(_TAIL_WINDOW_SECONDS * rate) :]
    periodicity, energy = _periodicity(tail, rate)
    if not len(energy):
        return 0.0
    voiced = np.flatnonzero((periodicity > _LEAST_PERIODICITY) & (energy > energy.max() * 1e-3))
    after = energy[int(voiced[-1]) + 1 :] if len(voiced) else energy
    audible = after > energy.max() * 10 ** (-SILENCE_BELOW_PEAK_DB / 10)
    return float(np.count_nonzero(audible)) * _TONE_SECONDS


def _periodicity(sound: Samples, rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each 40 ms: the highest autocorrelation at the lags of a voice's pitch, 70 to 400 Hz, and the energy."""
    size = hop = int(_TONE_SECONDS * rate)
    if len(sound) < size:
        return np.zeros(0), np.zeros(0)
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    transform = 1 << (2 * size - 1).bit_length()

    def autocorrelation(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(values, transform)) ** 2), dtype=np.float64)

    correlation = autocorrelation(frames)
    of_window = autocorrelation(window)
    lags = slice(rate // 400, rate // 70)
    likeness = correlation[:, lags] / (of_window[lags] / of_window[0] + 1e-3)
    return likeness.max(axis=1) / np.maximum(correlation[:, 0], 1e-12), correlation[:, 0]
