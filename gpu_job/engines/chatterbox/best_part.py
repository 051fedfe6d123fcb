"""The ten seconds of a recording that a voice is made of: the ones with the most and the cleanest speech. Pure.

    recording   ···▁▃▅▃▁··▅▇▅▃▅▇▅▃·▃▅▃▅▃▁▃▅▃·····▃▅     each column 32 ms
    windows            └──────── 10 s ────────┘          one from every place where speech begins
    the part            └─────────────────┘              of the best one, to its last pause

Every model of the family looks at ten seconds, whatever it is given: which ones, is worth choosing. The part begins
where a word begins and ends where one has ended, since the model goes on from the very last sound that it has heard.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gpu_job.audio import Audio, Samples, decibels, frame_rms
from gpu_job.recordings import SPEECH_FRAME_SECONDS, speech_frames

PART_SECONDS = 10.0
_LEAST_KEPT_SECONDS = 6.0  # a part is not cut shorter than this to make it end in a pause
_STEP_SECONDS = 0.04  # one speech token: the part is a whole number of them, so that tokens and mel frames agree
_LEAD_FRAMES = 3  # kept before the first word: soft consonants begin before the detector hears them
_CLIPPED = 0.999
_NOISE_FLOOR_DBFS = -90.0
# What takes as much from a window as one tenth of it without speech does:
_CLIPPED_SHARE = 0.01  # one frame in a hundred that clips
_NOISE_DB = 6.0  # of noise over _CLEAN_DB below the speech
_CLEAN_DB = 35.0
_UNEVEN_DB = 3.0  # away from how loud this speaker is as a rule: a whisper, a shout, a step back from the microphone

Frames = npt.NDArray[np.bool_]


def best_part(recording: Audio, seconds: float = PART_SECONDS) -> Audio:
    """At most `seconds` of the recording, which has been examined and so holds speech. The samples are not changed."""
    frame = round(SPEECH_FRAME_SECONDS * recording.rate)
    levels = frame_rms(recording.samples, frame)
    is_speech = speech_frames(recording)
    count = min(len(levels), len(is_speech))  # the two rates may round the last frame differently
    levels, is_speech = levels[:count], is_speech[:count]
    length = min(count, int(seconds / SPEECH_FRAME_SECONDS))
    starts = _starts(is_speech, count - length)
    peaks = np.abs(recording.samples[: count * frame].reshape(-1, frame)).max(axis=1)
    usual_db = decibels(float(np.median(levels[is_speech])))
    windows = [slice(start, start + length) for start in starts]
    scores = [_score(levels[window], peaks[window], is_speech[window], usual_db) for window in windows]
    start = starts[int(np.argmax(scores))]
    end = _end(is_speech, start, start + length)
    return _cut(recording, start * frame, end * frame, seconds)


def _starts(is_speech: Frames, latest: int) -> list[int]:
    """Where a window may begin, `latest` at most: a little before every place where speech begins, and at the ends."""
    begins = np.flatnonzero(is_speech & ~np.concatenate([[False], is_speech[:-1]]))
    return sorted({0, latest, *(min(max(0, int(begin) - _LEAD_FRAMES), latest) for begin in begins)})


def _score(levels: Samples, peaks: Samples, is_speech: Frames, usual_db: float) -> float:
    """1 for a window full of clean speech, less for everything that is wrong with it; -inf where nobody speaks.

    Of each of its frames: how loud it is, its highest sample, whether it holds speech.
    """
    if not is_speech.any():
        return -np.inf
    speech_db = decibels(_mean(levels[is_speech]))
    noise_db = (
        decibels(_mean(levels[~is_speech]), floor=_NOISE_FLOOR_DBFS) if not is_speech.all() else _NOISE_FLOOR_DBFS
    )
    faults = (
        float(np.mean(peaks >= _CLIPPED)) / _CLIPPED_SHARE
        + max(0.0, _CLEAN_DB - (speech_db - noise_db)) / _NOISE_DB
        + abs(speech_db - usual_db) / _UNEVEN_DB
    )
    return float(np.mean(is_speech)) - 0.1 * faults


def _mean(levels: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(levels))))


def _end(is_speech: Frames, start: int, end: int) -> int:
    """The last pause before `end`, as far as enough is left; else `end`."""
    least = start + int(_LEAST_KEPT_SECONDS / SPEECH_FRAME_SECONDS)
    pauses = np.flatnonzero(~is_speech[least:end])
    return least + int(pauses[-1]) + 1 if len(pauses) else end


def _cut(recording: Audio, start: int, end: int, seconds: float) -> Audio:
    step = round(_STEP_SECONDS * recording.rate)
    length = min(end, start + int(seconds * recording.rate)) - start
    return Audio(recording.samples[start : start + max(step, length // step * step)], recording.rate)
