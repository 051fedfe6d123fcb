"""An optional check: does a speech recogniser hear the words that were to be spoken? English, where pocketsphinx is.

Off unless a deployment asks for it: it takes a fifth of the time that the speech lasts, a hundred times what all other
checks take together. It hears three quarters of the words of clear speech, and less in short sentences; so a fault is
only what has hardly a word of its text.
"""

from __future__ import annotations

import difflib
import importlib
import re
import threading
from typing import Any, NamedTuple

from gpu_job.audio import Audio
from gpu_job.narration.checks import Fault, Verdict
from jobs.errors import FailedPrecondition

LANGUAGE = "en"
LEAST_WORDS = 6
LEAST_SHARE_HEARD = 0.2
_RATE = 16_000  # Hz, what the recogniser's model was trained at
_FRAME_SECONDS = 0.01
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ALTERNATIVE = re.compile(r"\(\d+\)$")  # "the(2)": another pronunciation


class Heard(NamedTuple):
    """A word, with its times in seconds."""

    word: str
    starts_at: float
    ends_at: float


class Recogniser:
    """Hears English words. Raises FailedPrecondition with what to install."""

    def __init__(self) -> None:
        try:
            pocketsphinx: Any = importlib.import_module("pocketsphinx")
        except ModuleNotFoundError as error:
            raise FailedPrecondition(
                "There is no speech recogniser here. Install it: pip install pocketsphinx."
            ) from error
        self._decoder = pocketsphinx.Decoder(samprate=_RATE, loglevel="FATAL")
        self._listening = threading.Lock()  # it holds the state of one utterance

    def words(self, audio: Audio) -> list[Heard]:
        """What it hears, in lower case, in order."""
        with self._listening:
            self._decoder.start_utt()
            self._decoder.process_raw(audio.at_rate(_RATE).as_pcm16(), full_utt=True)
            self._decoder.end_utt()
            segments = list(self._decoder.seg() or ())
        return [
            Heard(word, segment.start_frame * _FRAME_SECONDS, (segment.end_frame + 1) * _FRAME_SECONDS)
            for segment in segments
            if _WORD.fullmatch(word := _ALTERNATIVE.sub("", segment.word.lower()))
        ]

    def share_heard(self, audio: Audio, spoken: str) -> float:
        """The share of the text's words that are heard, in their order: 0 to 1."""
        said = _WORD.findall(spoken.lower().replace("’", "'"))
        heard = [each.word for each in self.words(audio)]
        matcher = difflib.SequenceMatcher(a=said, b=heard, autojunk=False)
        return sum(block.size for block in matcher.get_matching_blocks()) / max(1, len(said))

    def judged(self, audio: Audio, spoken: str, verdict: Verdict) -> Verdict:
        """The verdict, with OTHER_WORDS among its faults where hardly a word is heard; short pieces are let pass."""
        if len(_WORD.findall(spoken.lower())) < LEAST_WORDS:
            return verdict
        share = self.share_heard(audio, spoken)
        if share >= LEAST_SHARE_HEARD:
            return verdict
        faults = {**verdict.faults, Fault.OTHER_WORDS: round(1.0 - share / LEAST_SHARE_HEARD, 3)}
        return Verdict(faults, verdict.seconds, verdict.expected_seconds)
