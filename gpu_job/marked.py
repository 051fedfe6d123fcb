"""That a file carries its engine's watermark: asked of the file itself, after mastering and encoding.

    file ─▶ decoded as a player does ─▶ three seconds ▪ three seconds ▪ …     each with speech in it is listened to

The mark is on all of it. In a single second it is missed now and then (one in seven, an octave higher, after MP3), in
three it has not been: so three seconds are asked at a time, and held. Should more than one in ten not have it,
something is wrong with the making, and nothing is published.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gpu_job.audio import SPEECH_RATE, Audio, Samples, amplitude, frame_rms
from gpu_job.engines.protocol import Watermark
from jobs.errors import Internal

log = logging.getLogger(__name__)
_STRETCH = 3 * SPEECH_RATE
_FRAME = SPEECH_RATE // 100
_AUDIBLE_DBFS = -45.0
_LEAST_AUDIBLE = 0.3  # of a stretch, for the mark to be asked of it
_PRESENT = 0.5
_LEAST_SHARE = 0.9  # of the stretches with speech


def require_mark(path: Path, watermark: Watermark | None) -> None:
    """Raises Internal where the sound in the file does not carry the mark. None: its engine marks nothing."""
    if watermark is None:
        return
    asked = [
        watermark.presence(Audio(stretch, SPEECH_RATE)) >= _PRESENT for stretch in _stretches(path) if _speaks(stretch)
    ]
    heard = sum(asked)
    if heard < _LEAST_SHARE * len(asked):
        log.error("the watermark is heard in %d of %d stretches", heard, len(asked))
        raise Internal("The narration could not be marked as spoken by a machine. Please try again.")


def _speaks(stretch: Samples) -> bool:
    return float(np.mean(frame_rms(stretch, _FRAME) > amplitude(_AUDIBLE_DBFS))) >= _LEAST_AUDIBLE


def _stretches(path: Path) -> Iterator[Samples]:
    """The file's sound at 24 kHz; what is left at the end, if it is a second or more, or all there is."""
    held = np.zeros(0, np.float32)
    is_first = True
    for block in _blocks(path):
        held = np.concatenate([held, block])
        while len(held) >= _STRETCH:
            yield held[:_STRETCH]
            held, is_first = held[_STRETCH:], False
    if is_first or len(held) >= SPEECH_RATE:
        yield held


def _blocks(path: Path) -> Iterator[Samples]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SPEECH_RATE)
        for frame in container.decode(audio=0):
            yield from map(_samples, resampler.resample(frame))
        yield from map(_samples, resampler.resample(None))


def _samples(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray().reshape(-1), np.float32)
