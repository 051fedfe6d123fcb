"""A passage's units into pieces that an engine can speak in one go, each with the silence that follows it. Pure.

    units ─▶ sentences ─▶ one-word ones joined, long ones halved ─▶ pieces

Where to part is judged by the source, how long it is by what is spoken, and no unit is ever parted.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from gpu_job.narration import pauses
from gpu_job.narration.pauses import Dialogue
from gpu_job.narration.sentences import ELLIPSIS_AT_END, clause_ends, may_part, sentence_ends
from gpu_job.narration.speakable import is_wide, plain, separator
from gpu_job.narration.units import Unit

LEAST_MAX_CHARACTERS = 20  # below, ordinary words would have to be cut

_SPOKEN_WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_NOT_SPACE = re.compile(r"\S*")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What is spoken in one go.

    `text` is the source from `start` to `end` with its white space made single, for people; `spoken` is what the
    engine gets, at most `max_characters` of it; `words` are its units in order, their offsets into the whole source.
    `voice` is a name of the cast, None for the narrator. Pauses are in seconds; `pause_before_seconds` is what the
    author asked for at the beginning of the text, so only a first piece has one.
    """

    text: str
    spoken: str
    start: int
    end: int
    words: tuple[Unit, ...]
    voice: str | None = None
    pause_before_seconds: float = 0.0
    pause_after_seconds: float = 0.0

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where each of `words` stands in `spoken`: from, to."""
        found, at = [], 0
        for word in self.words:
            start = self.spoken.index(word.spoken, at)
            at = start + len(word.spoken)
            found.append((start, at))
        return tuple(found)


class _Cut(IntEnum):
    """How well a passage can be parted between two units."""

    WITHIN = 0  # a name, an abbreviation and its word, a number and what it counts, a word
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


class _Border(NamedTuple):
    """Between a unit and the one before: where in the source, how well it parts, with which pause."""

    offset: int
    cut: _Cut
    pause: float


class _Span(NamedTuple):
    """Units first to after, and the pause that follows."""

    first: int
    after: int
    pause: float


def split(  # noqa: PLR0917  (a stretch of text, its units, and what binds both)
    text: str, start: int, end: int, units: Sequence[Unit], language: str, max_characters: int
) -> list[Piece]:
    """The pieces of text[start:end], whose units these are; none is empty or longer than `max_characters`.

    The last one's pause is that of a sentence.
    """
    passage = _Passage(text, start, end, units, language)
    return [
        passage.piece(span)
        for sentence in passage.sentences(max_characters)
        for span in passage.fit(sentence, max_characters)
    ]


class _Passage:
    def __init__(self, text: str, start: int, end: int, units: Sequence[Unit], language: str) -> None:
        self._text, self._start, self._end, self._language = text, start, end, language
        self._units = units
        separators = ["", *(separator(text, left, right) for left, right in pairwise(units))]
        self._spoken = [before + unit.spoken for before, unit in zip(separators, units, strict=True)]
        self._lengths = [0, *accumulate(len(spoken) for spoken in self._spoken)]
        self._dialogue = Dialogue(text, start, end)
        self._borders = self._find_borders()

    # ── borders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _find_borders(self) -> list[_Border]:
        """At index k the border between units k - 1 and k; the first and the last are those of the passage."""
        borders = [
            _Border(self._start, _Cut.SENTENCE, 0.0),
            *(self._word_border(index) for index in range(1, len(self._units))),
            _Border(self._end, _Cut.SENTENCE, pauses.SENTENCE),
        ]
        starts = [unit.start for unit in self._units]
        for offset in clause_ends(self._text, self._start, self._end):
            self._place(borders, starts, offset, _Cut.CLAUSE, lambda _index, _offset: pauses.CLAUSE)
        for offset in sentence_ends(self._text, self._start, self._end, self._language):
            self._place(borders, starts, offset, _Cut.SENTENCE, self._sentence_pause)
        return borders

    def _place(
        self, borders: list[_Border], starts: list[int], offset: int, cut: _Cut, pause: Callable[[int, int], float]
    ) -> None:
        """A border at this offset of the source, unless a unit goes across it."""
        index = bisect_left(starts, offset)
        if not 0 < index < len(self._units):
            return
        end = self._units[index - 1].end
        if any(character.isalnum() for character in self._text[offset:end]):
            return
        borders[index] = _Border(max(offset, end), cut, pause(index, offset))

    def _word_border(self, index: int) -> _Border:
        left, right = self._units[index - 1], self._units[index]
        beside = _NOT_SPACE.match(self._text, left.end, right.start)  # None for two parts of one unit
        offset = beside.end() if beside else left.end
        return _Border(offset, _Cut.WORD if self._may_part(left, right) else _Cut.WITHIN, pauses.WORD)

    def _may_part(self, left: Unit, right: Unit) -> bool:
        last, following = self._text[left.end - 1], self._text[right.start]
        if is_wide(last) or is_wide(following):
            return True
        if left.end == right.start or last.isdigit() or (following.isupper() and self._text[left.start].isupper()):
            return False
        return may_part(self._text, right.start, self._language)

    def _sentence_pause(self, index: int, offset: int) -> float:
        left, right = self._units[index - 1], self._units[index]
        is_ellipsis = bool(ELLIPSIS_AT_END.search(self._text[left.start : offset]))
        spoken_before = self._dialogue.is_speech(_last_letter(self._text, left))
        is_turn = spoken_before != self._dialogue.is_speech(_first_letter(self._text, right))
        return max(pauses.SENTENCE, pauses.ELLIPSIS * is_ellipsis, pauses.TURN * is_turn)

    # ── spans ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def sentences(self, most: int) -> list[_Span]:
        """One-word sentences with the next one, the last with the one before.

        Engines speak "No!" badly on its own, having nothing to take the melody from, and "No! He ran." well.
        """
        ends = [index for index, border in enumerate(self._borders) if border.cut is _Cut.SENTENCE]
        joined: list[_Span] = []
        for first, after in pairwise(ends):
            sentence = _Span(first, after, self._borders[after].pause)
            if joined and self._join(joined[-1], sentence, most, short=joined[-1]):
                joined[-1] = _Span(joined[-1].first, after, sentence.pause)
            else:
                joined.append(sentence)
        if len(joined) > 1 and self._join(joined[-2], joined[-1], most, short=joined[-1]):
            last = joined.pop()
            joined[-1] = _Span(joined[-1].first, last.after, last.pause)
        return joined

    def _join(self, left: _Span, right: _Span, most: int, *, short: _Span) -> bool:
        return self._is_short(short) and self._length(left.first, right.after) <= most

    def _is_short(self, span: _Span) -> bool:
        if self._length(span.first, span.after) > 40:
            return False
        spoken = self._spoken_of(span)
        letters = sum(character.isalnum() for character in spoken)
        return letters <= 2 if is_wide(spoken[0]) else len(_SPOKEN_WORD.findall(spoken)) <= 1

    def fit(self, span: _Span, most: int) -> Iterator[_Span]:
        """A span as spans of at most `most` characters: halved near its middle, and the halves again."""
        if self._length(span.first, span.after) <= most:
            yield span
            return
        cut = self._best_cut(span)
        yield from self.fit(_Span(span.first, cut, self._borders[cut].pause), most)
        yield from self.fit(_Span(cut, span.after, span.pause), most)

    def _best_cut(self, span: _Span) -> int:
        """The best border of the middle half, of equals the one nearest to the middle.

        Only there, so that the length shrinks by a quarter each time and no crumbs are left over; where one unit fills
        the middle half, beside it.
        """
        lengths = self._lengths
        whole = lengths[span.after] - lengths[span.first]
        quarter, middle = whole // 4, lengths[span.first] + whole // 2
        first = bisect_right(lengths, lengths[span.first] + quarter, span.first + 1, span.after)
        after = bisect_left(lengths, lengths[span.after] - quarter, span.first + 1, span.after)
        indices = range(first, after) or range(span.first + 1, span.after)
        return min(indices, key=lambda index: (-self._borders[index].cut, abs(lengths[index] - middle)))

    # ── lengths and texts ────────────────────────────────────────────────────────────────────────────────────────────

    def _length(self, first: int, after: int) -> int:
        separating = len(self._spoken[first]) - len(self._units[first].spoken)
        return self._lengths[after] - self._lengths[first] - separating

    def _spoken_of(self, span: _Span) -> str:
        return "".join([self._units[span.first].spoken, *self._spoken[span.first + 1 : span.after]])

    def piece(self, span: _Span) -> Piece:
        words = tuple(self._units[span.first : span.after])
        start = min(self._borders[span.first].offset, words[0].start)
        end = max(self._borders[span.after].offset, words[-1].end)
        while start < end and self._text[start].isspace():
            start += 1
        while end > start and self._text[end - 1].isspace():
            end -= 1
        return Piece(
            text=plain(self._text[start:end]),
            spoken=self._spoken_of(span),
            start=start,
            end=end,
            words=words,
            pause_after_seconds=span.pause,
        )


def _last_letter(text: str, unit: Unit) -> int:
    at = unit.end - 1
    while at > unit.start and not text[at].isalnum():
        at -= 1
    return at


def _first_letter(text: str, unit: Unit) -> int:
    at = unit.start
    while at < unit.end - 1 and not text[at].isalnum():
        at += 1
    return at
