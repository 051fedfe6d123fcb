"""Where a sentence of running text ends, and where words must not be parted. Pure; every pattern is linear in the text.

English in the main, but with the punctuation of any script. A wrong guess is heard as a pause too many or too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CLOSERS = re.escape("\"'”’»)]}")
_OPENERS = "\"'“‘«([{—–-"

# A run of marks with whatever closes around it, before white space. Chinese and Japanese marks need no space after
# them.
_END = re.compile(rf"(?<![.!?…])[.!?…]++[{CLOSERS}]*+(?=\s)|[。！？]+[」』”’]*")
_LAST_WORD = re.compile(r"([^\W\d_]+(?:\.[^\W\d_]+)*)\.$")
_VISIBLE = re.compile(r"\S")
_VISIBLE_LETTER = re.compile(rf"[^\s{re.escape(_OPENERS)}]")

# Always followed by what they belong to, so never the end of a sentence.
_TITLES = frozenset(
    {"mr", "mrs", "ms", "mx", "dr", "st", "prof", "rev", "fr", "gen", "col", "capt", "lt", "sgt", "mt", "vs"}
)
_BEFORE_NUMBERS = frozenset({"no", "nos", "vol", "fig", "ch", "p", "pp"})  # "No. 7", but: "No. He ran."


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Where the sentences of text[start:end] end, except its last, which ends at `end`."""
    for mark in _END.finditer(text, start, end):
        following = _VISIBLE.search(text, mark.end(), end)
        if following and _is_end(text, mark.start(), following.start(), end):
            yield mark.end()


def _is_end(text: str, mark: int, following: int, end: int) -> bool:
    """Whether the marks at `mark`, with what is visible next at `following`, end a sentence."""
    if text[following] in ".,;:!?…":
        return False  # . . .
    letter = _VISIBLE_LETTER.search(text, following, end)
    if letter and letter.group().islower():
        return False  # "Stop!" he said; well ... then
    return not is_abbreviation(text, mark, following)


def is_abbreviation(text: str, dot: int, following: int) -> bool:
    """Whether text[dot] is the full stop of an abbreviation: a title, an initial, e.g., U.S., No. before a number."""
    if text[dot] != "." or text[dot + 1 : dot + 2] == ".":
        return False
    word = _LAST_WORD.search(text[max(0, dot - 24) : dot + 1])
    if word is None:
        return False
    last = word.group(1)
    is_initial = len(last) == 1 and last.isupper() and last != "I"  # "It is I." is a sentence
    if is_initial or "." in last or last.lower() in _TITLES:
        return True
    return last.lower() in _BEFORE_NUMBERS and text[following].isdigit()


def may_part(text: str, cut: int) -> bool:
    """Whether words may be parted at `cut`, next to white space: not after "Mr.", not within "10 000" or ". . ."."""
    before = cut
    while before > 0 and text[before - 1].isspace():
        before -= 1
    following = _VISIBLE.search(text, cut)
    if before == 0 or following is None:
        return False
    last, after = before - 1, following.start()
    is_number = text[last].isdigit() and text[after].isdigit()
    return not is_number and text[after] not in ".,;:!?…" and not is_abbreviation(text, last, after)
