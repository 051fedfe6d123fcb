"""A user's own words: how a child's name is to be said."""

from __future__ import annotations

import re
from collections.abc import Mapping


class Pronunciations:
    """Whole words and names of several words, whatever their case; the longest that fits counts."""

    def __init__(self, entries: Mapping[str, str] | None) -> None:
        self._by_first: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for written, said in sorted((entries or {}).items(), key=lambda entry: (-len(entry[0]), entry[0])):
            words = written.split()
            if not words or not said.strip():
                continue
            pattern = re.compile(r"\s+".join(re.escape(word) for word in words) + r"(?![^\W_])", re.IGNORECASE)
            first = words[0][0].casefold()
            self._by_first.setdefault(first, []).append((pattern, " ".join(said.split())))

    def __bool__(self) -> bool:
        return bool(self._by_first)

    def match(self, text: str, at: int) -> tuple[int, str] | None:
        """Where the entry that begins at `at` ends, and how it is said."""
        for pattern, said in self._by_first.get(text[at].casefold()[:1], ()):
            found = pattern.match(text, at)
            if found:
                return found.end(), said
        return None
