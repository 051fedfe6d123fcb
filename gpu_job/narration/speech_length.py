"""How long a text takes to speak, from its letters. Pure; rough, but the same for every voice up to its pace.

Fitted to the embedded voice over the sentences of tests/unit/spoken_corpus.py: 60 ms a letter and 0.2 s a pause, within
20 % either way. A character that stands for a syllable or a word weighs as much as its sounds, so that the pace is
about one everywhere; what is left over is the voice's own pace (checks.Pace).
"""

from __future__ import annotations

import re
import unicodedata

from gpu_job.narration.reading.punctuation import PAUSES

_SECONDS_PER_LETTER = 0.06
_SECONDS_PER_PAUSE = 0.2
_PAUSE = re.compile(rf"[{PAUSES}]+")
_DIGIT = 5.0  # letters in a spoken digit; plans spell numbers out, so there are hardly any

_WEIGHTS = {
    "CJK": 3.5,
    "HANGUL": 2.5,
    "HIRAGANA": 2.2,
    "KATAKANA": 2.2,
    "DEVANAGARI": 1.4,
    "ARABIC": 1.5,
    "HEBREW": 1.5,
}


def letters(text: str) -> float:
    """The sounds of a text, counted in letters of an alphabet."""
    return sum(_weight(character) for character in text)


def expected_seconds(spoken: str) -> float:
    """From the first sound to the last, at the default pace."""
    pauses = len(_PAUSE.findall(spoken.rstrip(".!?…。！？\"'”’»)]} ")))
    return _SECONDS_PER_LETTER * letters(spoken) + _SECONDS_PER_PAUSE * pauses


def _weight(character: str) -> float:
    if character.isascii():
        return 1.0 if character.isalpha() else _DIGIT if character.isdigit() else 0.0
    if not character.isalnum():
        return 0.0
    name = unicodedata.name(character, "")
    return next((weight for script, weight in _WEIGHTS.items() if name.startswith(script)), 1.0)
