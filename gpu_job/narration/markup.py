"""What an author marks rather than writes: paragraphs, scenes, headings, lines of verse, pauses, who speaks. Pure.

    Chapter One                 heading
                                                                                             passages
    [Wolf] Open the door!       spoken by the cast's Wolf                ─▶   Chapter One │ Open the door! │ The pig
    The pig [pause 2s] did not. a line that was broken on purpose             │ did not. │ The end.
    * * *                       a scene ends
    The end.

A passage is read on its own and nothing that is spoken goes across its edges.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from jobs.documents import MAX_CAST_NAME_CHARACTERS, cast_key
from jobs.errors import InvalidArgument
from jobs.values import shown

LONGEST_PAUSE = 10.0  # seconds that [pause …] may ask for; silence beyond it is taken for the end of the story
_MAX_HEADING = 80  # characters
_MAX_VERSE = 60
_LEAST_MARGIN = 60  # nobody sets prose narrower

_FINAL_OF_SENTENCE = frozenset(".!?…؟۔।॥。！？｡;\u037e")
_FINAL = _FINAL_OF_SENTENCE | frozenset(":：,，、；·،؛")
_CLOSING = frozenset("\"'”’»)]}」』】）》〉›“‘«*_# \t")
_SCENE = re.compile(r"[ \t]*(?:([*⁎✱~•·#=_–—-])[ \t]*(?:\1[ \t]*){2,}|[⁂❦❧☙✽◇◆○●]+)[ \t]*")
_UNDERLINE = re.compile(r"[ \t]*(?:-{3,}|={3,})[ \t]*")
_MARKDOWN_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+\S")
_ITEM = re.compile(r"[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]+\S")
_CHAPTER = re.compile(
    r"\s*(?:chapter|part|book|prologue|epilogue|kapitel|teil|prolog|epilog|chapitre|partie|capítulo|parte|capitolo|"
    r"hoofdstuk|deel|kapittel|del|luku|osa|rozdział|część|глава|часть|κεφάλαιο|μέρος|bölüm|bab|bahagian|sura|"
    r"الفصل|الجزء|פרק|חלק|अध्याय|भाग)(?:\s+[\w.\-]+){0,6}\s*|\s*第\s?\w{1,8}\s?[章回話话节節部].{0,30}|\s*제\s?\d+\s?[장부].{0,30}",
    re.IGNORECASE,
)
_PAUSE = re.compile(r"\[\s*pause\b([^\[\]\n]*)\]?", re.IGNORECASE)
_PAUSE_LENGTH = re.compile(r"\s*(\d{1,6}(?:[.,]\d{1,6})?)\s*(ms|milliseconds?|s|secs?|seconds?)\s*", re.IGNORECASE)
_NAME = re.compile(rf"\s*\[([^\[\]\n]{{1,{MAX_CAST_NAME_CHARACTERS}}})\](?!\()[ \t]*:?")
_WORD = re.compile(r"\S+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class Break(IntEnum):
    """What lies before a passage; of two in a row the greater counts."""

    NONE = 0
    VERSE = 1  # a line that was broken on purpose within a sentence
    LINE = 2  # and after one
    PARAGRAPH = 3
    SCENE = 4


class Passage(NamedTuple):
    """text[start:end], spoken by `voice` (a name of the cast; None: the narrator).

    `seconds`: the pause that the author asked for before it; it counts instead of that of `before`.
    """

    start: int
    end: int
    voice: str | None
    before: Break
    seconds: float | None
    is_heading: bool


class _Line(NamedTuple):
    """One line of the author's: where it was only wrapped, several of the text's."""

    start: int
    end: int  # without the line break
    before: Break
    is_heading: bool = False


def passages(text: str, cast: Collection[str] = ()) -> tuple[list[Passage], float | None]:
    """The passages of a text in order, and the pause that the author asked for at its end.

    A tag [Name] is looked for only where there is a cast. There, one that looks like a name and is none of the cast's
    is refused; anything else in brackets, as [sound of thunder], is text: the reading's to judge. A tag that stands
    alone names the speaker of the paragraph that follows.
    Raises InvalidArgument for a name without a voice and for a [pause …] that is none.
    """
    names = {cast_key(name): name for name in cast}
    found: list[Passage] = []
    seconds: float | None = None
    before = Break.NONE
    voice: str | None = None
    next_voice: str | None = None
    for line in _lines(text, names):
        start = line.start
        if found or line.before >= Break.PARAGRAPH:  # a tag before the first words breaks no line
            before = max(before, line.before)
        if line.before >= Break.PARAGRAPH:
            voice, next_voice = next_voice, None
        tag = _tag(text, line, names)
        if tag:
            voice, start = _cast_name(tag[1], names), tag.end()
            next_voice = None if text[start : line.end].strip() else voice
        for part_start, part_end, asked in _parts(text, start, line.end):
            seconds = together(seconds, asked)
            if text[part_start:part_end].strip():
                found.append(Passage(part_start, part_end, voice, before, seconds, line.is_heading))
                before, seconds, next_voice = Break.NONE, None, None
    return found, seconds


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(text: str, names: Mapping[str, str]) -> Iterator[_Line]:
    """The lines as the author meant them. Those that only a margin broke are one."""
    raw = list(_raw_lines(text))
    width = max([_LEAST_MARGIN, *(end - start for start, end in raw)])
    usual_gap = _usual_gap(text, raw)
    line: _Line | None = None
    last = (0, 0)  # the raw line that `line` ends with
    before = Break.NONE
    gap = 0
    for start, end in raw:
        if not text[start:end].strip():
            gap += 1
            continue
        if _SCENE.fullmatch(text, start, end):
            if line and not gap and _is_underlined(text, line, last, (start, end)):
                line = line._replace(is_heading=True)
            else:
                before = Break.SCENE
            continue
        if line is None:
            line = _Line(start, end, before, _is_marked_heading(text, start, end))
        else:
            parted = max(before, _gap_break(gap, usual_gap), _line_break(text, last, (start, end), width, names))
            if parted is Break.NONE and not line.is_heading:
                line = line._replace(end=end)
            else:
                yield line._replace(is_heading=line.is_heading or (gap > 0 and _is_heading(text, line, last)))
                parted = max(parted, Break.PARAGRAPH) if line.is_heading else parted
                line = _Line(start, end, parted, _is_marked_heading(text, start, end))
        last, before, gap = (start, end), Break.NONE, 0
    if line:
        yield line


def _raw_lines(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        while end > at and text[end - 1].isspace():
            end -= 1
        yield at, end
        at += len(line)


def _usual_gap(text: str, raw: list[tuple[int, int]]) -> int:
    """How many blank lines this text has between paragraphs: the fewest."""
    gaps: list[int] = []
    gap = 0
    for start, end in raw:
        if start == end:
            gap += 1
        else:
            gaps.append(gap)
            gap = 0
    return min((gap for gap in gaps[1:] if gap), default=1)


def _gap_break(gap: int, usual: int) -> Break:
    if not gap:
        return Break.NONE
    return Break.SCENE if gap >= 3 or gap > max(usual, 1) else Break.PARAGRAPH


def _line_break(text: str, last: tuple[int, int], this: tuple[int, int], width: int, names: Mapping[str, str]) -> Break:
    """Whether the author broke here: a margin would not have, had the next word still fitted on the line before."""
    if _name_tag(text, *this, names):
        return Break.PARAGRAPH
    if _is_marked_heading(text, *this):
        return Break.PARAGRAPH
    if _ITEM.match(text, *this):
        return Break.LINE
    if last[1] - last[0] + 1 + _first_word_length(text, *this) > width:
        return Break.NONE
    if _bare_end(text, *last) in _FINAL_OF_SENTENCE:
        return Break.LINE
    first = next((character for character in text[this[0] : this[0] + 8] if character.isalpha()), "")
    return Break.VERSE if first.isupper() and last[1] - last[0] <= _MAX_VERSE else Break.NONE


def _first_word_length(text: str, start: int, end: int) -> int:
    word = _WORD.search(text, start, end)
    if word is None:
        return 0
    return 2 if _WIDE.match(word[0]) else len(word[0])


def _is_marked_heading(text: str, start: int, end: int) -> bool:
    if _MARKDOWN_HEADING.match(text, start, end):
        return True
    return end - start <= _MAX_HEADING and bool(_CHAPTER.fullmatch(text, start, end))


def _is_heading(text: str, line: _Line, last: tuple[int, int]) -> bool:
    """A short line on its own without a mark at its end, and with something after it."""
    if line.start != last[0] or line.end - line.start > _MAX_HEADING or _ITEM.match(text, line.start, line.end):
        return False
    first = next((character for character in text[line.start : line.end] if character.isalnum()), "a")
    return line.before not in {Break.LINE, Break.VERSE} and not first.islower() and _is_open(text, line)


def _is_underlined(text: str, line: _Line, last: tuple[int, int], this: tuple[int, int]) -> bool:
    return line.start == last[0] and bool(_UNDERLINE.fullmatch(text, *this)) and _is_open(text, line)


def _is_open(text: str, line: _Line) -> bool:
    return _bare_end(text, line.start, line.end) not in _FINAL


def _bare_end(text: str, start: int, end: int) -> str:
    """The last character, with what closes around it taken off."""
    while end > start and text[end - 1] in _CLOSING:
        end -= 1
    return text[end - 1 : end] if end > start else " "


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tag(text: str, line: _Line, names: Mapping[str, str]) -> re.Match[str] | None:
    return _name_tag(text, line.start, line.end, names) if line.before not in {Break.LINE, Break.VERSE} else None


def _name_tag(text: str, start: int, end: int, names: Mapping[str, str]) -> re.Match[str] | None:
    """A tag with one of these names; or, where there are any, with what looks like one: up to three words, no small
    letter at the beginning of any."""
    tag = _NAME.match(text, start, end) if names else None
    if tag is None or cast_key(tag[1]) in names:
        return tag
    words = [] if _PAUSE.match(tag[0].strip()) else tag[1].split()
    is_name = 0 < len(words) <= 3 and all(word[0].isalpha() and not word[0].islower() for word in words)
    return tag if is_name else None


def _cast_name(tag: str, names: Mapping[str, str]) -> str:
    try:
        return names[cast_key(tag)]
    except KeyError:
        known = ", ".join(shown(name, MAX_CAST_NAME_CHARACTERS) for name in sorted(names.values()))
        raise InvalidArgument(
            f"The text has a part for [{shown(tag, MAX_CAST_NAME_CHARACTERS)}], who has no voice; "
            f"`cast` has voices for {known}. "
            "Give this name a voice in `cast`, or take the tag out."
        ) from None


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int, float | None]]:
    """What stands between the tags [pause …], each part with the pause before it."""
    asked: float | None = None
    for tag in _PAUSE.finditer(text, start, end):
        yield start, tag.start(), asked
        start, asked = tag.end(), _pause_seconds(tag)
    yield start, end, asked


def _pause_seconds(tag: re.Match[str]) -> float:
    length = _PAUSE_LENGTH.fullmatch(tag[1])
    if length and tag[0].endswith("]"):
        seconds = float(length[1].replace(",", ".")) / (1000 if length[2].lower().startswith("m") else 1)
        if seconds <= LONGEST_PAUSE:
            return seconds
    raise InvalidArgument(
        f"The tag {shown(tag[0], 24)} is no pause: write [pause 2s] or [pause 500ms], "
        f"{LONGEST_PAUSE:.0f} seconds at most."
    )


def together(first: float | None, second: float | None) -> float | None:
    """Two pauses that follow one another. Raises InvalidArgument where that is too long."""
    if first is None or second is None:
        return first if second is None else second
    if first + second > LONGEST_PAUSE:
        raise InvalidArgument(f"Pauses that follow one another add up to more than {LONGEST_PAUSE:.0f} seconds.")
    return first + second
