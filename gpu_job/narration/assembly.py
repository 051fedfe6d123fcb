"""Spoken pieces into one narration, a block per piece, so that memory does not grow with the story.

    a piece:  silence│ speech │silence      ─▶  trim ▸ fade ▸ level ▸ limit ▸ + pause  ─▶  block

Level: each piece gets one gain, towards the same RMS of its speech, so that sentences of one story match and stories
match each other; at most 12 dB, so that a whisper stays one. Peaks: what would then exceed the ceiling is turned
down, and up again, within milliseconds by a look-ahead limiter. So nothing is ever clipped: not by us, nor (the
ceiling is 1 dB below full scale) by the ripples of a lossy encoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from gpu_job.audio import SPEECH_RATE, Samples, amplitude, frame_rms
from gpu_job.engines.protocol import Speech
from gpu_job.narration.pieces import Piece
from jobs.errors import Internal

LEVEL_DBFS = -20.0  # RMS of speech, pauses left out
CEILING_DBFS = -1.0
_MOST_GAIN_DB = 12.0
_SILENCE_BELOW_PEAK_DB = 45.0  # quieter than the piece's loudest frame by this: nothing of a word any more
_INAUDIBLE_DBFS = -70.0
_FRAME_SECONDS = 0.01
_MARGIN_SECONDS = 0.03  # kept around the speech: soft consonants and breath begin and end below the threshold
_FADE_SECONDS = 0.005
_LOOK_AHEAD_SECONDS = 0.005


class Assembly:
    """Iterate it once: each block is one piece's speech and the pause after it, at `rate`, in order.

    `seconds` is the length of the blocks given so far.
    """

    def __init__(self, spoken: Iterable[tuple[Piece, Speech]], *, rate: int = SPEECH_RATE) -> None:
        self._spoken = spoken
        self._rate = rate
        self._length = 0

    @property
    def seconds(self) -> float:
        return self._length / self._rate

    def __iter__(self) -> Iterator[Samples]:
        for piece, speech in self._spoken:
            block = self._block(speech.audio.at_rate(self._rate).samples, piece.pause_after_seconds)
            self._length += len(block)
            yield block

    def _block(self, samples: Samples, pause_seconds: float) -> Samples:
        """Raises Internal where the engine gave silence: a story must not be marked ready with a sentence missing."""
        speech = limited(levelled(faded(trimmed(samples, self._rate), self._rate), self._rate), self._rate)
        if not len(speech):
            raise Internal("The voice gave no sound for a part of the story. Try again.")
        return np.concatenate([speech, np.zeros(round(pause_seconds * self._rate), np.float32)])


def trimmed(samples: Samples, rate: int) -> Samples:
    """Without the silence at its edges, but for a margin. Empty where nothing can be heard. Raises Internal on NaN."""
    if not np.isfinite(samples).all():
        raise Internal("The voice gave a sound that is not one. Try again.")
    frame = int(_FRAME_SECONDS * rate)
    levels = frame_rms(samples, frame)
    if not len(levels) or levels.max() < amplitude(_INAUDIBLE_DBFS):
        return samples[:0]
    audible = np.flatnonzero(levels >= levels.max() * amplitude(-_SILENCE_BELOW_PEAK_DB))
    margin = int(_MARGIN_SECONDS * rate)
    return samples[max(0, int(audible[0]) * frame - margin) : (int(audible[-1]) + 1) * frame + margin]


def faded(samples: Samples, rate: int) -> Samples:
    """From and to zero in 5 ms, along a raised cosine: a step at a join would be heard as a click."""
    length = min(int(_FADE_SECONDS * rate), len(samples) // 2)
    if not length:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)
    result = samples.copy()
    result[:length] *= ramp
    result[-length:] *= ramp[::-1]
    return result


def levelled(samples: Samples, rate: int) -> Samples:
    """With the RMS of its speech (the frames within 25 dB of the loudest) brought to LEVEL_DBFS, by 12 dB at most."""
    levels = frame_rms(samples, int(_FRAME_SECONDS * rate))
    if not len(levels) or not levels.max():
        return samples
    speech = levels[levels >= levels.max() * amplitude(-25.0)]
    gain = amplitude(LEVEL_DBFS) / float(np.sqrt(np.mean(np.square(speech))))
    most = amplitude(_MOST_GAIN_DB)
    return samples * np.float32(np.clip(gain, 1 / most, most))


def limited(samples: Samples, rate: int) -> Samples:
    """With no sample above the ceiling, and no audible corner in the gain that sees to it.

    The gain that each sample needs, held over the look-ahead on both sides (a running minimum), then smoothed over
    the same width (a running mean). A mean of minima over a window that all contain the peak is at most what the peak
    needs: the ceiling holds exactly, not nearly.
    """
    ceiling = np.float32(amplitude(CEILING_DBFS))
    needed = np.minimum(1.0, ceiling / np.maximum(np.abs(samples), ceiling))
    if needed.min(initial=1.0) == 1.0:
        return samples
    reach = int(_LOOK_AHEAD_SECONDS * rate)
    width = 2 * reach + 1
    held = np.lib.stride_tricks.sliding_window_view(np.pad(needed, 2 * reach, constant_values=1.0), width).min(axis=1)
    sums = np.cumsum(np.concatenate([[0.0], held]), dtype=np.float64)
    gain = (sums[width:] - sums[:-width]) / width
    return np.clip(samples * gain, -ceiling, ceiling).astype(np.float32)  # the clip only takes rounding errors
