"""The simplest reading there is, for tests of what comes after reading: word by word, a few of them said otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gpu_job.narration.units import Unit

SAID = {"Mr.": "Mister", "$5": "five dollars", "1,000": "one thousand", "🦊": "fox", "777777": "seven " * 40}
_WORD = re.compile(r"J\. R\. R\. Tolkien|10 000|\S+")


def read(text: str, language: str, pronunciations: Mapping[str, str] | None = None) -> list[Unit]:
    """Units of whatever has a letter, and of lone dashes; white space and other signs belong to none."""
    said = {**SAID, **(pronunciations or {})}
    words = (Unit(word.start(), word.end(), said.get(word[0], word[0])) for word in _WORD.finditer(text))
    return [word for word in words if word.spoken in "—“" or any(character.isalnum() for character in word.spoken)]
