"""What of a text is there to be read, each character with where it came from.

Engines cannot say everything that a text can hold. Here everything is brought to one form and what is never spoken
goes:

    source    “Won\\u00adderful!”\\tsaid **Ann** 🌙        (soft hyphen, typographic quotes, Markdown, emoji)
    visible   "Wonderful!" said Ann

- Quotes become straight, digits of every script ASCII, compatibility letters (ﬁ, Ａ, 𝐀) ordinary ones, letter + accent
  one character; white space becomes one space, a line break one \\n, a blank line two.
- Controls, zero-width and direction marks and soft hyphens vanish; they do not part a word. Emoji and other pictures
  part words and are not spoken: who listens to a bedtime story wants to hear "Good night", not "Good night, crescent
  moon".
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import lru_cache

from gpu_job.narration.reading.markdown import hidden

_MAX_MARKS = 4  # accents kept on one letter; more is vandalism
# Symbols that rules read, which compatibility normalisation would change.
_KEPT = frozenset("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒²³°ºª№℃℉µ…™£€¥₽₹₩₪₺¢$฿©®×÷±≈≤≥≠−§¶†‰√∞←→+=<>|~^❤♥")
_SAME = {
    **dict.fromkeys("‘’‚‛′ʼ`´＇", "'"),
    **dict.fromkeys("“”„‟″«»‹›「」『』《》〈〉＂", '"'),
    **dict.fromkeys("‐‑⁃−﹣－", "-"),
    **dict.fromkeys("［【〔", "["),
    **dict.fromkeys("］】〕", "]"),
    "٫": ".",
    "٬": ",",
    "٪": "%",
    "％": "%",
    "＋": "+",
    "（": "(",
    "）": ")",
    "＆": "&",
    "＠": "@",
    "：": "：",
    "～": "~",
    "‥": "…",
    "⋯": "…",
    "︙": "…",
    "·": "·",
    "・": "・",
    "¥": "¥",
    "￥": "¥",
    "￡": "£",
    "♥": "❤",
    "℃": "°C",
    "℉": "°F",
    "\u037e": "?",
    "⁉": "?",
    "⁈": "?",
    "‼": "!",
    "⁇": "?",
    "־": "-",
    "׳": "'",
    "״": "'",
    "_": " ",
}
_TOKEN = re.compile(
    r"(?P<plain>(?:[A-Za-z0-9.,;:!?'\"()\-](?![\u0300-\u036f]))++)"
    r"|(?P<space>\s++)"
    r"|(?P<entity>&(?:[A-Za-z]{2,8}[0-9]{0,2}|\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6});)"
    r"|(?P<accented>[^\W\d_][\u0300-\u036f]++)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_VISIBLE_RUN = re.compile(rb"\0++")
_SPACES = " \n"


class Visible:
    """`text`, and for each of its characters the part of the source that it stands for.

    `items` holds where, in `text`, an item of a list or a heading ends: there the voice comes to rest.
    """

    def __init__(self) -> None:
        self.text = ""
        self.starts = array("l")
        self.ends = array("l")
        self.items: frozenset[int] = frozenset()


def visible(source: str, stage_words: str) -> Visible:
    """What there is to read in `source`. Linear in its length."""
    found = Visible()
    chunks: list[str] = []
    last = "\n"
    concealed, item_ends = hidden(source, stage_words)
    items: set[int] = set()
    ends = iter(sorted(item_ends))
    next_end = next(ends, None)
    for start, end, said in _pieces(source, concealed):
        while next_end is not None and next_end <= start:
            items.add(len(found.starts))
            next_end = next(ends, None)
        if not said or (said.isspace() and last in _SPACES and (not chunks or "\n" not in said)):
            continue  # white space counts once, be it parted by markup
        chunks.append(said)
        last = said[-1]
        if len(said) == end - start:
            found.starts.extend(range(start, end))
            found.ends.extend(range(start + 1, end + 1))
        else:
            found.starts.extend([start] * len(said))
            found.ends.extend([end] * len(said))
    if next_end is not None:
        items.add(len(found.starts))
    found.text = "".join(chunks)
    found.items = frozenset(items)
    return found


def _pieces(source: str, concealed: bytearray) -> Iterator[tuple[int, int, str]]:
    for run in _VISIBLE_RUN.finditer(concealed):
        for match in _TOKEN.finditer(source, run.start(), run.end()):
            yield match.start(), match.end(), _said(match)


def _said(match: re.Match[str]) -> str:
    written = match.group()
    kind = match.lastgroup
    if kind == "plain":
        return written
    if kind == "space":
        lines = written.count("\n") or written.count("\r") + written.count("\u2028") + 2 * written.count("\u2029")
        return "\n\n" if lines > 1 else "\n" if lines else " "
    if kind == "entity":
        meant = html.unescape(written)
        return "".join(_character(character) for character in meant) if meant != written else written
    if kind == "accented":
        return unicodedata.normalize("NFKC", written[: 1 + _MAX_MARKS])
    return _character(written)


@lru_cache(maxsize=4096)
def _character(character: str) -> str:  # noqa: PLR0911  one line a kind of character
    """What a character counts as; empty where it does not count, a space where it only parts words."""
    if character in _SAME:
        return _SAME[character]
    if (character.isascii() and character.isprintable()) or character in _KEPT:
        return character
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Cs", "Me"} or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category in {"Co", "Cn", "Sk"} or _is_picture(character, category):
        return " "
    plain = unicodedata.normalize("NFKC", character)
    if category == "No" and not plain.isdecimal():
        value = unicodedata.numeric(character, 0.5)
        return f" {int(value)} " if value.is_integer() else " "
    return "".join(str(unicodedata.decimal(part)) if part.isdecimal() else part for part in plain)


def _is_picture(character: str, category: str) -> bool:
    """An emoji or the like; not a sign that stands for letters or digits: №, ⑳."""
    return category == "So" and not unicodedata.normalize("NFKC", character).isalnum()
