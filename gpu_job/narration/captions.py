"""Captions to read along with: captions.vtt (WebVTT). Pure.

A cue holds a piece, or a part of one, on at most two lines of 42 characters (half as many where characters are wide).
It is parted where a clause ends, else where the parts come out alike; it stays a little longer than it is heard, as far
as the next cue lets it, so that a slow reader is done.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

from gpu_job.narration.reading.punctuation import ENDS_CLAUSE
from gpu_job.narration.timings import TimedPiece

CONTENT_TYPE = "text/vtt"
LINE_WIDTH = 42
LINES = 2
READING_SPEED = 15.0  # characters a second, of a child who reads along
LEAST_SECONDS = 1.0
_LONGEST_HOLD_SECONDS = 2.0
_NO_CLAUSE_PENALTY = 0.8  # against that of a cue that is nearly empty, 1.0
_MARKUP = re.compile(r"\[[^\]\n]*\]|(?<!\w)[*_`~]+|[*_`~]+(?!\w)|#+\s")


class Cue(NamedTuple):
    """Lines of plain text, shown from `starts_at` to `ends_at`, in seconds."""

    starts_at: float
    ends_at: float
    lines: tuple[str, ...]
    voice: str | None = None


class Captions:
    """Give it the pieces in order; `text` is the story's, into which they point."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._cues: list[Cue] = []

    def add(self, piece: TimedPiece) -> None:
        self._cues.extend(_cues(self._text, piece))

    @property
    def cues(self) -> list[Cue]:
        """As they are shown: each held until it can have been read, but not into the next."""
        return [_held(*both) for both in zip_longest(self._cues, (cue.starts_at for cue in self._cues[1:]))]

    def as_vtt(self) -> str:
        blocks = (f"{_clock(cue.starts_at)} --> {_clock(cue.ends_at)}\n{_payload(cue)}\n" for cue in self.cues)
        return "\n".join(["WEBVTT\n", *blocks])


def width(text: str) -> int:
    """In columns: a Chinese character takes two, an accent of its own none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _cues(text: str, piece: TimedPiece) -> Iterator[Cue]:
    parts = _parts(text, piece)
    first = 0
    for after in _cuts(parts):
        lines = _lines(parts[first:after])
        words = piece.words[first:after]
        if lines:
            yield Cue(words[0].starts_at, words[-1].ends_at, lines, piece.piece.voice)
        first = after


def _parts(text: str, piece: TimedPiece) -> list[str]:
    """The piece's source cut before each of its words, as it is to be read: without markup, white space made single."""
    borders = [piece.piece.start, *(word.start for word in piece.words[1:]), piece.piece.end]
    return [re.sub(r"\s+", " ", _MARKUP.sub("", text[start:end])) for start, end in pairwise(borders)]


def _cuts(parts: Sequence[str]) -> list[int]:
    """Where the cues of a piece end, as counts of parts: all that fit two lines, at the least cost."""
    widths = [width(part) for part in parts]
    total = sum(widths)
    if len(_lines(parts)) <= LINES:
        return [len(parts)]
    wanted = total / -(-total // (LINES * LINE_WIDTH))  # of each cue, were they all alike
    best: list[tuple[float, int]] = [(0.0, 0)]  # per count of parts: the cost, and where its last cue begins
    for after in range(1, len(parts) + 1):
        choices = []
        for first in range(after - 1, -1, -1):
            columns = sum(widths[first:after])
            if first < after - 1 and (columns > LINES * LINE_WIDTH + 1 or len(_lines(parts[first:after])) > LINES):
                break
            is_clean = after == len(parts) or bool(ENDS_CLAUSE.search(parts[after - 1]))
            cost = ((columns - wanted) / wanted) ** 2 + (0.0 if is_clean else _NO_CLAUSE_PENALTY)
            choices.append((best[first][0] + cost, first))
        best.append(min(choices))
    cuts = [len(parts)]
    while best[cuts[-1]][1]:
        cuts.append(best[cuts[-1]][1])
    return cuts[::-1]


def _lines(parts: Sequence[str]) -> tuple[str, ...]:
    """On one line where it fits, else on two as alike as can be; more only where single words are too long."""
    whole = "".join(parts).strip()
    if width(whole) <= LINE_WIDTH or len(parts) == 1:
        return (whole,) if whole else ()
    splits = [("".join(parts[:at]).strip(), "".join(parts[at:]).strip()) for at in range(1, len(parts))]
    fitting = [split for split in splits if max(map(width, split)) <= LINE_WIDTH]
    if fitting:
        return min(fitting, key=lambda split: abs(width(split[0]) - width(split[1])))
    middle = len(parts) // 2
    return _lines(parts[:middle]) + _lines(parts[middle:])


def _held(cue: Cue, until: float | None) -> Cue:
    """Shown for as long as it takes to read, but not into the next one, which begins at `until`."""
    seconds = max(LEAST_SECONDS, sum(map(width, cue.lines)) / READING_SPEED)
    wanted = min(cue.starts_at + seconds, cue.ends_at + _LONGEST_HOLD_SECONDS)
    return cue._replace(ends_at=max(cue.ends_at, wanted if until is None else min(wanted, until)))


def _payload(cue: Cue) -> str:
    text = "\n".join(html.escape(line, quote=False) for line in cue.lines)
    return f"<v {_name(cue.voice)}>{text}" if cue.voice else text


def _name(voice: str) -> str:
    return html.escape(" ".join(voice.split()), quote=False)


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return (
        f"{milliseconds // 3_600_000:02}:{milliseconds // 60_000 % 60:02}:"
        f"{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"
    )
