"""A rule: what is written, as a pattern, and how it is said. Rules are tried in order where a word or a number begins.

Patterns are matched at one place and never searched for. So that no text can make reading slow, none repeats without
a bound: digits come at most fifteen at a time, and what may stand between two numbers is a single space.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from gpu_job.narration.reading.locale import Locale

Say = Callable[[Locale, "re.Match[str]"], str | None]


class Rule(NamedTuple):
    """`say` answers None where the pattern fits but something else is meant; then the next rule is tried."""

    pattern: re.Pattern[str]
    say: Say


def rule(pattern: str, say: Say, *, ignore_case: bool = False) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE if ignore_case else 0), say)


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of these, the longest first; for none of none."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) or "(?!)"


def before(match: re.Match[str], characters: int = 32) -> str:
    """The text just before the match, as far as it matters."""
    return match.string[max(0, match.start() - characters) : match.start()]


def word_before(match: re.Match[str]) -> str:
    found = re.search(r"([^\W\d_]{1,32}\.?)[ \n]$", before(match, 36))
    return found.group(1) if found else ""


def word_after(match: re.Match[str]) -> str:
    found = re.compile(r"[ \n]?([^\W\d_]{1,32})").match(match.string, match.end())
    return found.group(1) if found else ""


@cache
def marks() -> str:
    """Combining marks as ranges for a character class: Hindi vowel signs, Hebrew points, Arabic harakat."""
    ranges: list[list[int]] = []
    for point in range(0x300, min(sys.maxunicode, 0x1F000)):
        if unicodedata.category(chr(point)) in {"Mn", "Mc"}:
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def number(locale: Locale, name: str) -> str:
    """The pattern of a number with its separators; groups NAME_w (whole) and NAME_f (decimals)."""
    groups = re.escape(locale.groups)
    whole = rf"[1-9]\d{{0,2}}(?P<{name}_g>[{groups}])\d{{3}}(?:(?P={name}_g)\d{{3}}){{0,3}}(?!\d)|\d{{1,15}}+(?!\d)"
    return rf"(?P<{name}_w>{whole})(?:{re.escape(locale.decimal)}(?P<{name}_f>\d{{1,15}}+)(?!\d))?"


def value(match: re.Match[str], name: str) -> tuple[int, str]:
    """The number that `number` matched: its whole part and its decimals."""
    whole = re.sub(r"\D", "", match[f"{name}_w"])
    return int(whole), match[f"{name}_f"] or ""
