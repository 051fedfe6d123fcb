"""Loudness and peaks, piece by piece, so that a story can be heard before its end is known. Pure.

Loudness is that of ITU-R BS.1770-5: the mean square of the K-weighted sound in blocks of 0.4 s, each begun 0.1 s after
the last; blocks below -70 LUFS and those 10 LU below the mean of the rest do not count. A file's loudness would need
the whole file, so every piece is brought to the target by itself, measured as it will lie in the file: with its pauses.
Blocks that are half pause then count here as they count there, and the sum comes out where the pieces are.

True peak is the peak of the sound between the samples, by oversampling four times (BS.1770, annex 2).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import soxr

from gpu_job.audio import Samples, amplitude

TARGET_LUFS = -16.0
CEILING_DBTP = -1.0  # of the file: what a decoder gives
_ENCODING_HEADROOM_DB = 1.2  # lossy encoders move peaks by so much
MOST_GAIN_DB = 15.0  # so that a whisper stays one, and a hiss is not made loud
_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_CLOSE_ENOUGH_LU = 0.1
_LIMITER_PASSES = 0.5  # the share of further gain that is left when speech is limited already
_TRIES = 3
_OVERSAMPLING = 4
_LOOK_AHEAD_SECONDS = 0.005

Spectrum = npt.NDArray[np.complex64]


def mastered(speech: Samples, rate: int, *, pause_seconds: float) -> Samples:
    """`speech` at the target loudness, by MOST_GAIN_DB at most, with no true peak above the ceiling.

    `pause_seconds` follow it in the file. The limiter takes some loudness away, so the gain is set again where
    that can be heard.
    """
    before = _within_pauses(speech, rate, pause_seconds)
    if before == -np.inf:
        return speech
    envelope = _envelope(speech)
    wanted_db = gain_db = min(TARGET_LUFS - before, MOST_GAIN_DB)
    for _ in range(_TRIES):
        gain = np.float32(amplitude(gain_db))
        result = _limited(speech * gain, envelope * gain, rate)
        missing = before + wanted_db - _within_pauses(result, rate, pause_seconds)
        if abs(missing) <= _CLOSE_ENOUGH_LU:
            break
        gain_db += missing / _LIMITER_PASSES
    return result


def _within_pauses(speech: Samples, rate: int, pause_seconds: float) -> float:
    before, after = np.zeros(int(_BLOCK_SECONDS * rate), np.float32), np.zeros(int(pause_seconds * rate), np.float32)
    return loudness(np.concatenate([before, speech, after]), rate)


def loudness(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS of mono sound; -inf where there is none, or less than a block of it."""
    step = int(_STEP_SECONDS * rate)
    weighted = k_weighted(samples, rate)
    steps = weighted[: len(weighted) // step * step].reshape(-1, step)
    energy = np.concatenate([[0.0], np.cumsum(np.square(steps).sum(axis=1, dtype=np.float64))])
    per_block = round(_BLOCK_SECONDS / _STEP_SECONDS)
    blocks = (energy[per_block:] - energy[:-per_block]) / (per_block * step)
    loud = blocks[blocks > _mean_square(_ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -np.inf
    counted = loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE_LU / 10)]
    return float(-0.691 + 10 * np.log10(counted.mean()))


def _mean_square(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def k_weighted(samples: Samples, rate: int) -> Samples:
    """Filtered as BS.1770 does before it measures: the head's shelf, and the low frequencies taken away.

    By multiplying spectra, with room at the end for the filter's ring to die away in: the same as running the filter.
    """
    if not len(samples):
        return samples
    size = _transform_size(len(samples) + rate // 10)
    spectrum = np.fft.rfft(samples, size) * _k_response(size, rate)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(samples)], dtype=np.float32)


def _transform_size(least: int) -> int:
    """The next size that is quick to transform, in coarse steps, so that the responses for a few sizes are kept."""
    power = 1 << (least - 1).bit_length()
    return next(size for size in (power // 8 * 5, power // 4 * 3, power // 8 * 7, power) if size >= least)


@functools.lru_cache(maxsize=8)
def _k_response(size: int, rate: int) -> Spectrum:
    """The two filters of BS.1770 at the frequencies of a real transform.

    Given there as coefficients at 48 kHz; these are the analog filters behind them (found by undoing the bilinear
    transform), so that they can be had at any rate.
    """
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    shelf = _biquad(
        z, rate, hertz=1681.974450955533, q=0.7071752369554196, high=1.584864701130855, band=1.258720930232562
    )
    low_cut = _biquad(z, rate, hertz=38.13547087602444, q=0.5003270373238773, high=1.0, band=0.0, low=0.0)
    return np.asarray(shelf * low_cut, dtype=np.complex64)


def _biquad(
    z: npt.NDArray[np.complex128], rate: int, *, hertz: float, q: float, high: float, band: float, low: float = 1.0
) -> npt.NDArray[np.complex128]:
    """The bilinear transform of (high·s² + band·s/q + low) / (s² + s/q + 1) at the delays `z`; s counts in `hertz`."""
    k = np.tan(np.pi * hertz / rate)
    above = (
        (high + band * k / q + low * k * k) + 2 * (low * k * k - high) * z + (high - band * k / q + low * k * k) * z**2
    )
    below = (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2
    return np.asarray(above / below)


def true_peak(samples: Samples) -> float:
    """The largest amplitude between the samples as on them."""
    return float(_envelope(samples).max(initial=0.0))


def _envelope(samples: Samples) -> Samples:
    """For each sample, the largest amplitude from half a sample before it to half a sample after it."""
    if not len(samples):
        return samples
    between = np.abs(soxr.resample(samples, 1, _OVERSAMPLING, quality="MQ"))
    padded = np.zeros((len(samples) + 1) * _OVERSAMPLING, np.float32)
    padded[_OVERSAMPLING // 2 :][: len(between)] = between[: len(samples) * _OVERSAMPLING]
    around = padded[: len(samples) * _OVERSAMPLING].reshape(-1, _OVERSAMPLING).max(axis=1)
    edge = padded[_OVERSAMPLING::_OVERSAMPLING][: len(samples)]  # the instant that two samples share
    return np.asarray(np.maximum(np.maximum(around, edge), np.abs(samples)), dtype=np.float32)


def limited(samples: Samples, rate: int) -> Samples:
    """With no true peak above the ceiling, and no audible corner in the gain that sees to it."""
    return _limited(samples, _envelope(samples), rate)


def _limited(samples: Samples, envelope: Samples, rate: int) -> Samples:
    """The gain that each sample needs, held over the look-ahead on both sides (a running minimum), then smoothed over
    the same width (a running mean).

    A mean of minima over a window that all contain the peak is at most what the peak needs: the ceiling holds exactly
    on the samples, and between them to what so slow a gain can bend.
    """
    ceiling = np.float32(amplitude(CEILING_DBTP - _ENCODING_HEADROOM_DB))
    if envelope.max(initial=0.0) <= ceiling:
        return samples
    needed = ceiling / np.maximum(envelope, ceiling)
    reach = int(_LOOK_AHEAD_SECONDS * rate)
    width = 2 * reach + 1
    held = _running_minimum(np.pad(needed, 2 * reach, constant_values=1.0), width)
    sums = np.cumsum(np.concatenate([[0.0], held]), dtype=np.float64)
    gain = (sums[width:] - sums[:-width]) / width
    return np.clip(samples * gain, -ceiling, ceiling).astype(np.float32)  # the clip only takes rounding errors


def _running_minimum(values: Samples, width: int) -> Samples:
    """The least of each `width` values, shape (n - width + 1,): of windows twice as long each time, then of two."""
    least, reach = values, 1
    while 2 * reach <= width:
        least, reach = np.minimum(least[:-reach], least[reach:]), 2 * reach
    return np.minimum(least[: len(values) - width + 1], least[width - reach :])
