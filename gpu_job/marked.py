"""That a file carries its engine's watermark: asked of the file itself, after mastering and encoding.

    file ─▶ decoded as a player does ─▶ a second ▪ a second ▪ a second ▪ …     each with speech in it is listened to

One second at a time is held. The mark is on all of it, and is heard in every second as a rule; a second that is nearly
all breath may hide it, so a few may be missed, far from each other. Where more are, something is wrong with the making,
and nothing is published.
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
_SECOND = SPEECH_RATE
_FRAME = SPEECH_RATE // 100
_AUDIBLE_DBFS = -45.0
_LEAST_AUDIBLE = 0.5  # of a second, for the mark to be asked of it
_PRESENT = 0.5
_LEAST_SHARE = 0.9  # of the seconds with speech


def require_mark(path: Path, watermark: Watermark | None) -> None:
    """Raises Internal where the sound in the file does not carry the mark. None: its engine marks nothing."""
    if watermark is None:
        return
    asked = [watermark.presence(Audio(second, SPEECH_RATE)) >= _PRESENT for second in _seconds(path) if _speaks(second)]
    heard = sum(asked)
    if heard < _LEAST_SHARE * len(asked):
        log.error("the watermark is heard in %d of %d seconds", heard, len(asked))
        raise Internal("The narration could not be marked as spoken by a machine. Please try again.")


def _speaks(second: Samples) -> bool:
    return float(np.mean(frame_rms(second, _FRAME) > amplitude(_AUDIBLE_DBFS))) >= _LEAST_AUDIBLE


def _seconds(path: Path) -> Iterator[Samples]:
    """The file's sound at 24 kHz; what is left at the end, if it is half a second or more."""
    held = np.zeros(0, np.float32)
    for block in _blocks(path):
        held = np.concatenate([held, block])
        while len(held) >= _SECOND:
            yield held[:_SECOND]
            held = held[_SECOND:]
    if len(held) >= _SECOND // 2:
        yield held


def _blocks(path: Path) -> Iterator[Samples]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SPEECH_RATE)
        for frame in container.decode(audio=0):
            yield from map(_samples, resampler.resample(frame))
        yield from map(_samples, resampler.resample(None))


def _samples(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray().reshape(-1), np.float32)
