"""What reading gives, made fit to be cut: clean, every unit with something to hear in it, none too long. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from gpu_job.narration.units import Unit

_WIDE = re.compile("[\u2e80-\u2fdf\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")
_WIDE_MARK = re.compile("[。！？｡，、；：…!?,;:.]")
_WIDE_PART = re.compile(
    rf"[(「『（《〈“‘【]*(?:{_WIDE.pattern}|(?:(?!{_WIDE.pattern}|{_WIDE_MARK.pattern})\S)+)"
    rf"(?:{_WIDE_MARK.pattern}|[」』）》〉”’】\u3099\u309a\ufe00-\ufe0f])*|\S"
)
_OPENER = re.compile(r"[\"'“‘«„‚»›(\[{「『（【《〈¿¡]+")
_OPENING_ONLY = frozenset("“‘„([{「『（【《〈¿¡")
_MOST_MARKS = 4  # of punctuation that a unit takes over from silent ones beside it


def is_wide(character: str) -> bool:
    """Whether it is of a script that is written without spaces: Chinese, Japanese."""
    return bool(_WIDE.match(character))


def plain(text: str) -> str:
    """Its white space made single; control characters and lone surrogates, which libraries in C choke on, are space."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return " ".join(text.split())


def has_sound(text: str) -> bool:
    return any(character.isalnum() for character in text)


def separator(text: str, left: Unit, right: Unit) -> str:
    """What stands between the spoken words of neighbours."""
    last, first = left.spoken[-1], right.spoken[0]
    both_wide = is_wide(last) and is_wide(first)
    gap = text[left.end : right.start]
    if any(character.isspace() for character in gap):
        return "" if both_wide and "\n" in gap else " "
    return (
        " " if last.isalnum() and first.isalnum() and not both_wide and (gap or _is_worded(text, left, right)) else ""
    )


def _is_worded(text: str, left: Unit, right: Unit) -> bool:
    """Whether one of them is spoken otherwise than it is written: 5kg, "five" and "kilograms"."""
    return left.spoken != text[left.start : left.end] or right.spoken != text[right.start : right.end]


def speakable(text: str, units: Iterable[Unit], max_characters: int) -> list[Unit]:
    """The same words in the same order. What has no sound (a lone dash) goes to the unit before, an opening quotation
    mark to the one after; long words and text without spaces become several units."""
    result: list[Unit] = []
    opening: Unit | None = None
    for unit in units:
        spoken = plain(unit.spoken)
        if not has_sound(spoken):
            if spoken and (not result or _OPENER.fullmatch(spoken)):
                opening = Unit(unit.start, unit.end, spoken[-_MOST_MARKS:])
            elif spoken:
                result[-1] = _with_marks(text, result[-1], Unit(unit.start, unit.end, spoken), max_characters)
            continue
        clean = Unit(unit.start, _without_openers(text, unit), spoken)
        if opening and not text[opening.end : unit.start].strip():
            joint = separator(text, opening, clean)
            clean = Unit(opening.start, clean.end, f"{opening.spoken}{joint}{spoken}")
        opening = None
        result += _parts(text, clean, max_characters)
    return result


def _without_openers(text: str, unit: Unit) -> int:
    """Where the unit ends, without what opens before the next one: 问。「是我！」"""
    end = unit.end
    if end < len(text) and text[end].isalnum():
        while end > unit.start + 1 and text[end - 1] in _OPENING_ONLY:
            end -= 1
    return end


def _with_marks(text: str, unit: Unit, marks: Unit, max_characters: int) -> Unit:
    spoken = f"{unit.spoken}{separator(text, unit, marks)}{marks.spoken}"
    trailing = len(spoken) - len(spoken.rstrip("".join({c for c in spoken[-8:] if not c.isalnum()})))
    if trailing > _MOST_MARKS + 1 or len(spoken) > max_characters:
        return unit
    return Unit(unit.start, marks.end, spoken)


def _parts(text: str, unit: Unit, most: int) -> Iterator[Unit]:
    """A unit as units of at most `most` characters each; a text without spaces as its characters."""
    is_as_written = unit.spoken == text[unit.start : unit.end]
    if (
        is_as_written
        and _WIDE.search(unit.spoken)
        and (len(unit.spoken) > most or _WIDE_MARK.search(unit.spoken, 0, len(unit.spoken) - 1))
    ):
        for part in _WIDE_PART.finditer(unit.spoken):
            if has_sound(part[0]):
                place = (unit.start + part.start(), unit.start + part.end())
                yield from _halved(Unit(*place, part[0]), most, is_as_written=True)
    else:
        yield from _halved(unit, most, is_as_written=is_as_written)


def _halved(unit: Unit, most: int, *, is_as_written: bool) -> Iterator[Unit]:
    """Parts of what is spoken otherwise than it is written all point to the whole of it; silent ones are left out."""
    spoken = unit.spoken
    if len(spoken) <= most:
        yield unit
        return
    cut, after = _cut(spoken)
    sounding = [(first, end) for first, end in ((0, cut), (after, len(spoken))) if has_sound(spoken[first:end])]
    for first, end in sounding:
        start_at, end_at = (unit.start + first, unit.start + end) if is_as_written else (unit.start, unit.end)
        yield from _halved(Unit(start_at, end_at, spoken[first:end]), most, is_as_written=is_as_written)


def _cut(spoken: str) -> tuple[int, int]:
    """Where to halve: at the space nearest to the middle, else between two characters that do not belong together."""
    middle, last = len(spoken) // 2, len(spoken) * 3 // 4
    spaces = [at for at in (spoken.rfind(" ", len(spoken) // 4, middle), spoken.find(" ", middle, last)) if at > 0]
    if spaces:
        at = min(spaces, key=lambda space: abs(space - middle))
        return at, at + 1
    at = middle
    while at < last and (unicodedata.category(spoken[at]).startswith("M") or spoken[at] in "\u200d\ufe0f"):
        at += 1
    return at, at
