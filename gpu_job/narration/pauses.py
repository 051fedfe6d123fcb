"""How long a narrator is silent, in seconds, and who is speaking to whom. Pure.

Chosen by ear for a bedtime story, within what is measured: Campione and Véronis ("A large-scale multilingual study of
silent pause duration", 2002) find read speech to pause in three classes, under 0.2 s, 0.2 to 1 s, and over 1 s. Here
within a sentence, between sentences and paragraphs, and where the listener is to notice that something ends. A piece
keeps 0.03 s of its own silence on either side, which comes on top.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from gpu_job.narration.markup import Break

WORD = 0.05  # a sentence too long for one piece, cut where it has no clause
CLAUSE = 0.2
VERSE = 0.3  # the end of a line within a sentence
SENTENCE = 0.45
TURN = 0.55  # from quoted speech to the narration and back
ELLIPSIS = 0.7
LINE = 0.65
SPEAKER = 0.7  # another speaker answers: quicker than a new paragraph
PARAGRAPH = 0.9
HEADING = 1.3
SCENE = 2.0
END = 1.0

_BREAKS = {Break.NONE: CLAUSE, Break.VERSE: VERSE, Break.LINE: LINE, Break.PARAGRAPH: PARAGRAPH, Break.SCENE: SCENE}
_DOUBLE_QUOTE = re.compile(r"[\"“”„«»「」『』]")
_DIALOGUE_DASH = re.compile(r"(?:(?<=\s)|^)[—–―]")
_STARTS_WITH_DASH = re.compile(r"\s*[—–―]")


class Dialogue:
    """Which parts of text[start:end] are quoted speech. Marks open and close in turn, whichever way they face.

    Where a paragraph begins with a dash, dashes do what quotation marks do elsewhere.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        mark = _DIALOGUE_DASH if _STARTS_WITH_DASH.match(text, start, end) else _DOUBLE_QUOTE
        self._marks = [found.start() for found in mark.finditer(text, start, end)]

    def is_speech(self, at: int) -> bool:
        return bisect_left(self._marks, at) % 2 == 1

    def __bool__(self) -> bool:
        """Whether there is any speech."""
        return bool(self._marks)


def between(before: Break, *, after_heading: bool, after_ellipsis: bool, other_speaker: bool) -> float:
    """The pause between two passages."""
    pause = _BREAKS[before]
    if other_speaker and before in {Break.LINE, Break.PARAGRAPH}:
        pause = SPEAKER
    return max(pause, HEADING if after_heading else 0.0, ELLIPSIS if after_ellipsis else 0.0)
