"""Spoken pieces into one narration, a block per piece, so that memory does not grow with the story.

    a piece:  silence│ speech │silence   ─▶   trim ▸ speed and pitch ▸ fade ▸ loudness and peaks ▸ + pause   ─▶   block

Where the engine knows when it said its words, their times are carried along, and come out as times in the narration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpu_job.audio import SPEECH_RATE, Audio, Samples, amplitude, frame_rms
from gpu_job.engines.protocol import Speech, SpokenWord, Watermark
from gpu_job.narration.mastering import mastered
from gpu_job.narration.tempo import AS_SPOKEN, Delivery, delivered
from jobs.errors import Internal

SILENCE_BELOW_PEAK_DB = 45.0  # quieter than the piece's loudest frame by this: nothing of a word any more
INAUDIBLE_DBFS = -70.0
_FRAME_SECONDS = 0.01
_MARGIN_SECONDS = 0.03  # kept around the speech: soft consonants and breath begin and end below the threshold
_FADE_SECONDS = 0.005
LEAD_SECONDS = 0.1  # of silence before the first word: players swallow their first moment, and so does an encoder


@dataclass(frozen=True, eq=False)
class Block:
    """One piece as it lies in the narration. Times are in seconds from the narration's beginning."""

    samples: Samples  # the speech with the pauses around it
    starts_at: float  # of the speech, without the pauses
    ends_at: float
    words: tuple[SpokenWord, ...]  # none where the engine gave none


class Assembly:
    """Give it the pieces in order, one at a time; it keeps nothing but the time.

    The same pieces give the same blocks, sample for sample: whoever goes on with a half-made narration goes through the
    finished pieces again and comes out where the other left off.

    `watermark`: the engine's. Pieces come with it; speed and pitch wear it away, so it is put on again after them.
    """

    def __init__(
        self, delivery: Delivery = AS_SPOKEN, *, rate: int = SPEECH_RATE, watermark: Watermark | None = None
    ) -> None:
        self._delivery = delivery
        self._watermark = watermark
        self._rate = rate
        self._length = 0

    @property
    def seconds(self) -> float:
        """The length of the blocks given so far."""
        return self._length / self._rate

    def add(self, speech: Speech, *, pause_after_seconds: float, pause_before_seconds: float = 0.0) -> Block:
        """The next piece, and the planned pauses around it, which speed shortens as it does the words.

        Raises Internal where the engine gave silence: a story must not be marked ready with a sentence missing.
        """
        spoken, words = self._spoken(speech)
        if not len(spoken):
            raise Internal("The voice gave no sound for a part of the story. Try again.")
        after = self._pause(pause_after_seconds)
        before = self._pause(pause_before_seconds)
        if not self._length:
            before = max(before, round(LEAD_SECONDS * self._rate))
        sound = mastered(faded(spoken, self._rate), self._rate, pause_seconds=after / self._rate)
        starts_at = (self._length + before) / self._rate
        ends_at = starts_at + len(sound) / self._rate
        whole = np.pad(sound, (before, after))
        self._length += len(whole)
        return Block(whole, starts_at, ends_at, tuple(_moved(word, starts_at, ends_at) for word in words))

    def _pause(self, seconds: float) -> int:
        return round(seconds / self._delivery.speed * self._rate)

    def _spoken(self, speech: Speech) -> tuple[Samples, list[SpokenWord]]:
        """At our rate, trimmed, at the wanted speed and pitch; and its words, in seconds from there."""
        audio = speech.audio.at_rate(self._rate)
        start, end = audible_span(audio.samples, self._rate)
        cut, speed = start / self._rate, self._delivery.speed
        words = [
            word._replace(starts_at=(word.starts_at - cut) / speed, ends_at=(word.ends_at - cut) / speed)
            for word in speech.words
        ]
        sound = delivered(Audio(audio.samples[start:end], self._rate), self._delivery)
        if self._watermark is not None and self._delivery != AS_SPOKEN:
            sound = self._watermark.mark(sound)
        return sound.samples, words


def _moved(word: SpokenWord, starts_at: float, ends_at: float) -> SpokenWord:
    """Placed in the narration, and within its piece: an engine's idea of a first sound may lie in what was trimmed."""

    def placed(seconds: float) -> float:
        return min(max(starts_at + seconds, starts_at), ends_at)

    return word._replace(starts_at=placed(word.starts_at), ends_at=placed(word.ends_at))


def audible_span(samples: Samples, rate: int) -> tuple[int, int]:
    """Where the sound is, as indices of its first and after its last sample, with a margin; (0, 0) where nothing can be
    heard. Raises Internal on NaN."""
    if not np.isfinite(samples).all():
        raise Internal("The voice gave a sound that is not one. Try again.")
    frame = int(_FRAME_SECONDS * rate)
    levels = frame_rms(samples, frame)
    if not len(levels) or levels.max() < amplitude(INAUDIBLE_DBFS):
        return 0, 0
    audible = np.flatnonzero(levels >= levels.max() * amplitude(-SILENCE_BELOW_PEAK_DB))
    margin = int(_MARGIN_SECONDS * rate)
    return max(0, int(audible[0]) * frame - margin), min(len(samples), (int(audible[-1]) + 1) * frame + margin)


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
