"""Whether the same is heard twice, and whether the text says the same twice. Pure."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from gpu_job.audio import Samples

_HOP_SECONDS, _FRAME_SECONDS = 0.02, 0.04
_STRETCH_SECONDS = 1.0  # that must be alike: no sentence has a second twice by chance
_LEAST_LAG = round(0.4 / _HOP_SECONDS)
_BANDS_HERTZ = np.geomspace(100.0, 8000.0, 25)
_AUDIBLE_BELOW_PEAK = 10 ** (-35.0 / 10.0)
_OF_SILENCE = 0.5  # the likeness of two frames of which one is silent: neither for nor against

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 12
_FEW_LETTERS = 6  # "of the" is said twice in many a sentence, and is soon over
_SECONDS_PER_LETTER = 0.08  # of a slow voice


def likeness_within(sound: Samples, rate: int, spoken: str) -> float:
    """How alike the two most similar seconds of a sound are, 0.4 s or more apart: 1.0 for the very same.

    Seconds, or as much longer as the text says the same twice by itself.

    Each 20 ms is its energy in 24 bands, as decibels, less the average of the whole: so what is alike is what is said,
    not the voice or the room. Two such are compared by the cosine between them, and stretches at every distance by the
    mean of that: a diagonal of the matrix of all pairs.
    """
    frames = _spectra(sound, rate)
    count = len(frames)
    told = letters_told_twice(spoken)
    seconds = _STRETCH_SECONDS + (told * _SECONDS_PER_LETTER if told >= _FEW_LETTERS else 0.0)
    stretch = round(seconds / _HOP_SECONDS)
    if count < stretch + _LEAST_LAG:
        return 0.0
    energy = frames.sum(axis=1)
    is_silent = energy < energy.max() * _AUDIBLE_BELOW_PEAK
    shapes = np.log10(frames + 1e-7)
    shapes -= shapes[~is_silent].mean(axis=0)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True) + 1e-9
    likeness = shapes @ shapes.T
    likeness[is_silent] = _OF_SILENCE
    likeness[:, is_silent] = _OF_SILENCE
    best = 0.0
    for lag in range(_LEAST_LAG, count - stretch + 1):
        sums = np.cumsum(np.concatenate([[0.0], np.diagonal(likeness, lag)]))
        best = max(best, float((sums[stretch:] - sums[:-stretch]).max()) / stretch)
    return best


def _spectra(sound: Samples, rate: int) -> npt.NDArray[np.float32]:
    """Energy in each band of each 20 ms, shape (frames, bands)."""
    size, hop = int(_FRAME_SECONDS * rate), int(_HOP_SECONDS * rate)
    if len(sound) < size:
        return np.zeros((0, len(_BANDS_HERTZ) - 1), np.float32)
    window = np.hanning(size).astype(np.float32)
    transform = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(sound, size)[::hop] * window, transform)) ** 2
    edges = np.minimum(np.round(_BANDS_HERTZ * transform / rate).astype(int), power.shape[1] - 1)
    below = np.cumsum(power, axis=1, dtype=np.float64)[:, edges]
    return np.asarray(np.diff(below, axis=1), dtype=np.float32)


def letters_told_twice(spoken: str) -> int:
    """The letters of the longest phrase that the text has twice."""
    words = [word.casefold() for word in _WORD.findall(spoken)]
    most = 0
    for length in range(1, min(_MOST_WORDS, len(words) - 1) + 1):
        seen: set[tuple[str, ...]] = set()
        for at in range(len(words) - length + 1):
            phrase = tuple(words[at : at + length])
            if phrase in seen:
                most = max(most, sum(map(len, phrase)))
            seen.add(phrase)
    return most
