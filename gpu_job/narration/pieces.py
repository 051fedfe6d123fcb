"""Text into pieces that an engine can speak, each with the silence that follows it. Pure.

    text ─▶ paragraphs (blank lines) ─▶ sentences ─▶ one-word ones joined, long ones halved ─▶ pieces

Everything works on spans of the source; text is copied only at the end, so a piece always knows where it comes from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gpu_job.narration.sentences import CLOSERS, may_part, sentence_ends
from jobs.errors import InvalidArgument

PARAGRAPH_PAUSE = 0.8  # seconds
SENTENCE_PAUSE = 0.35
CLAUSE_PAUSE = 0.15  # where a sentence was too long for one piece and was cut at a comma or the like
WORD_PAUSE = 0.05  # where it had no such place

LEAST_MAX_CHARACTERS = 20  # below, ordinary words would have to be cut

_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_CLAUSE_END = re.compile(rf"[,;:—–…][{CLOSERS}]*+(?=\s)|[，、；：]|\s(?=[—–-]\s)")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")


@dataclass(frozen=True)
class Piece:
    """What is spoken in one go. `text` is the source from `start` to `end`, its white space made single spaces."""

    text: str
    start: int
    end: int
    pause_after_seconds: float


class _Span(NamedTuple):
    start: int
    end: int
    pause: float


def split(text: str, *, max_characters: int) -> tuple[Piece, ...]:
    """The pieces of a text in order, none longer than `max_characters`, together holding every letter and digit of it.

    Raises InvalidArgument where there is nothing to speak.
    """
    if max_characters < LEAST_MAX_CHARACTERS:
        raise ValueError(f"max_characters must be at least {LEAST_MAX_CHARACTERS}")
    pieces = tuple(_pieces(text, max_characters))
    if not pieces:
        raise InvalidArgument("The text holds nothing that can be spoken: no letters and no digits.")
    return pieces


def _pieces(text: str, most: int) -> Iterator[Piece]:
    for paragraph in _paragraphs(text):
        for sentence in _join_short(text, _sentences(text, paragraph)):
            for start, end, pause in _fit(text, sentence, most):
                spoken = _plain(text[start:end])
                if any(character.isalnum() for character in spoken):  # else a row of stars, a lone dash
                    yield Piece(spoken, start, end, pause)


def _paragraphs(text: str) -> Iterator[_Span]:
    start = 0
    for gap in _PARAGRAPH_BREAK.finditer(text):
        yield from _trimmed(text, start, gap.start(), PARAGRAPH_PAUSE)
        start = gap.end()
    yield from _trimmed(text, start, len(text), PARAGRAPH_PAUSE)


def _sentences(text: str, paragraph: _Span) -> Iterator[_Span]:
    """The sentences of a paragraph; the last one has the paragraph's pause."""
    start = paragraph.start
    for end in sentence_ends(text, paragraph.start, paragraph.end):
        yield from _trimmed(text, start, end, SENTENCE_PAUSE)
        start = end
    yield from _trimmed(text, start, paragraph.end, paragraph.pause)


def _join_short(text: str, sentences: Iterable[_Span]) -> list[_Span]:
    """One-word sentences of a paragraph with the next one, the last with the one before.

    Engines speak "No!" badly on its own, having nothing to take the melody from, and "No! He ran." well.
    """
    joined: list[_Span] = []
    for sentence in sentences:
        if joined and _is_short(text, joined[-1]):
            joined[-1] = _Span(joined[-1].start, sentence.end, sentence.pause)
        else:
            joined.append(sentence)
    if len(joined) > 1 and _is_short(text, joined[-1]):
        last = joined.pop()
        joined[-1] = _Span(joined[-1].start, last.end, last.pause)
    return joined


def _is_short(text: str, span: _Span) -> bool:
    words = _WORD.finditer(text, span.start, span.end)
    return next(words, None) is None or next(words, None) is None


def _fit(text: str, span: _Span, most: int) -> Iterator[_Span]:
    """A span as spans of at most `most` characters: halved near its middle, and the halves again."""
    if span.end - span.start <= most:
        yield span
        return
    cut, pause = _best_cut(text, span)
    for left in _trimmed(text, span.start, cut, pause):
        yield from _fit(text, left, most)
    for right in _trimmed(text, cut, span.end, span.pause):
        yield from _fit(text, right, most)


def _best_cut(text: str, span: _Span) -> tuple[int, float]:
    """Where to halve: after a sentence or clause, else between words, else within one; and the pause that goes there.

    Only the middle half is searched, so the length at least shrinks by a quarter each time and no crumbs are left over.
    """
    quarter = (span.end - span.start) // 4
    first, last = span.start + quarter, span.end - quarter
    middle = (span.start + span.end) // 2

    def nearest(cuts: Iterable[int], is_allowed: Callable[[str, int], bool] = may_part) -> int | None:
        allowed = (cut for cut in cuts if first < cut < last and is_allowed(text, cut))
        return min(allowed, key=lambda cut: abs(cut - middle), default=None)

    sentence = nearest(sentence_ends(text, span.start, span.end))
    if sentence is not None:
        return sentence, SENTENCE_PAUSE
    clause = nearest(match.end() for match in _CLAUSE_END.finditer(text, first, last))
    if clause is not None:
        return clause, CLAUSE_PAUSE
    spaces = [match.end() for match in _SPACE.finditer(text, first, last)]
    word = nearest(spaces)
    if word is None:
        word = nearest(spaces, lambda _text, _cut: True)
    if word is not None:
        return word, WORD_PAUSE
    return _between_characters(text, middle, last), 0.0


def _between_characters(text: str, cut: int, last: int) -> int:
    """`cut`, moved on so that no accent or vowel sign is parted from its letter and no number is cut that ends soon."""
    while cut < last and (unicodedata.category(text[cut]).startswith("M") or text[cut].isdigit()):
        cut += 1
    return cut


def _trimmed(text: str, start: int, end: int, pause: float) -> Iterator[_Span]:
    """The span without white space at its edges; nothing where nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield _Span(start, end, pause)


def _plain(text: str) -> str:
    """As an engine gets it: control characters and lone surrogates, which libraries in C choke on, become spaces."""
    return " ".join("".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text).split())
