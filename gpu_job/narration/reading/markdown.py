"""Which characters of a text are its markup, and so are not spoken.

Headings' hashes, bullets, quote marks, emphasis, code ticks, fences, rules, table bars, the addresses of links, HTML
tags and comments. Numbers of lists stay: a reader says them. So does the text of links and of pictures.

Stage directions that stand alone in `*…*`, `(…)` or `[…]` and begin with one of the language's words for them
("whispers", "sound") are acted, not read: they are not spoken either. Everything else in brackets is.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TAGS = "a|abbr|b|big|blockquote|br|center|code|div|em|font|h[1-6]|hr|i|img|li|mark|ol|p|pre|s|small"
_TAGS += "|span|strong|sub|sup|u|ul"
_WHOLE = re.compile(
    r"<!--(?:[^-<]|-(?!->)){0,2000}-->"
    rf"|</?(?:{_TAGS})(?:\s[^<>]{{0,500}})?/?>"
    r"|^[ \t]{0,8}(?:```|~~~)[^\n]*+"
    r"|^[ \t]{0,8}\#{1,6}(?=[ \t])"
    r"|^[ \t]{0,8}(?:>[ \t]?){1,8}"
    r"|^[ \t]{0,8}[-*+•‣◦▪–—](?=[ \t]\S)(?![ \t][-*_])"
    r"|(?<=\S)[ \t]\#{1,6}[ \t]{0,8}$",
    re.MULTILINE | re.IGNORECASE,
)
_LINK = re.compile(
    r"(!?\[)[^\[\]\n]{1,500}(\](?:\([^()\s]{0,2000}(?:\([^()\s]{0,200}\))?(?:[ ]\"[^\"\n]{0,200}\")?\)))"
)
_EMPHASIS = re.compile(
    r"\*\*++|\*(?=\S)|(?<=[^\s*])\*|~~|`++|(?<![^\W_])_++(?=\S)|(?<=\S)_++(?![^\W_])|\\(?=[\\`*_{}\[\]()#+.!>~|-])"
)
_MULTIPLIED = re.compile(r"(?<=\d)\*(?=\d)")
_ITEM = re.compile(r"^[ \t]{0,8}(?:\#{1,6}|[-*+•‣◦▪]|\d{1,3}[.)])[ \t][^\n]*+", re.MULTILINE)


def hidden(source: str, stage_words: str) -> tuple[bytearray, list[int]]:
    """A byte for each character, 1 where it is not spoken; and where headings and items of lists end."""
    concealed = bytearray(len(source))
    for pattern in (_stage(stage_words), _WHOLE, _EMPHASIS):
        if pattern is not None:
            for match in pattern.finditer(source):
                if pattern is not _EMPHASIS or not _MULTIPLIED.match(source, match.start()):
                    _conceal(concealed, match.start(), match.end())
    for match in _LINK.finditer(source):
        _conceal(concealed, *match.span(1))
        _conceal(concealed, *match.span(2))
    return concealed, [match.end() for match in _ITEM.finditer(source)]


def _conceal(concealed: bytearray, start: int, end: int) -> None:
    concealed[start:end] = b"\1" * (end - start)


@lru_cache(maxsize=32)
def _stage(words: str) -> re.Pattern[str] | None:
    if not words:
        return None
    first = "|".join(re.escape(word) for word in words.split())
    said = rf"(?:{first})(?:[ ][^\W\d_]{{1,20}}){{0,4}}[.,!…]?"
    return re.compile(rf"(?<![*\w])\*{said}\*(?![*\w])|\({said}\)|\[{said}\]", re.IGNORECASE)
