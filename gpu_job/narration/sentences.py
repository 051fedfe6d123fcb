"""Where sentences and clauses of running text end, and where words must not be parted. Pure, linear in the text.

Ours rather than a library's, by the table of tests/unit/sentence_cases.py: of its first 130 texts, which these rules
were made with, pysbd parts 77 right and sentencex 91; of the 27 that were written afterwards pysbd 14, sentencex 20,
these 25 (and by now all). pysbd grows faster than the text, and to neither is “Stop!” he said one sentence.
A wrong guess is heard as a pause too many or too few.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from gpu_job.narration.abbreviations import (
    BEFORE_NUMBERS,
    BEFORE_ORDINALS,
    CLOSING,
    EVERYWHERE,
    LEADING,
    NAMES_END,
    OPENINGS,
)

ELLIPSIS_AT_END = re.compile(r"(?:…|\.\s?\.\s?\.)[^\w\s.…?!]*\Z")  # a question that trails off is a question
# Some quotation marks open in one language and close in another; followed by white space they close in any.
_CLOSERS = re.escape("\"'”’»)]}」』】）》〉›״")
_CLOSERS_IN_SOME = re.escape("“‘«‹")
_OPENERS = re.escape("\"'“‘«‹„‚»›([{「『【（《〈—–-¿¡*_")
_MARKS = re.escape(".!?…؟۔।॥‼⁇⁈⁉")
_WIDE_MARKS = "。！？｡"
_HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # Han, hiragana, katakana: written without spaces
_FRENCH_CLOSER = r"[\xa0\u202f ]»(?=[\s,.]|$)"


def _end_pattern(marks: str) -> re.Pattern[str]:
    """A run of marks and what closes around it: before white space, or anywhere where words have no space between."""
    spaced = rf"(?<![{marks}])[{marks}]++(?:{_FRENCH_CLOSER})?+[{_CLOSERS}{_CLOSERS_IN_SOME}]*+(?=\s)"
    wide = rf"[{_WIDE_MARKS}][{_WIDE_MARKS}!?]*[{_CLOSERS}]*"
    narrow_in_wide = rf"(?<=[{_HAN}])[.!?]+[{_CLOSERS}]*(?=[{_HAN}])"
    return re.compile(f"{spaced}|{wide}|{narrow_in_wide}")


_END = _end_pattern(_MARKS)
_GREEK_END = _end_pattern(_MARKS + ";\u037e")  # a question mark there
_CLAUSE_END = re.compile(
    rf"[,;:—–…،؛·\u0387][{_CLOSERS}{_CLOSERS_IN_SOME}]*+(?=\s)|[，、；：][{_CLOSERS}]*|—(?=\w)|\s(?=[—–-]\s)|…+(?=[{_HAN}])"
)
_LAST_WORD = re.compile(r"((?:[^\W\d_]|[\u0900-\u0903\u093a-\u094f])+(?:[.\-][^\W\d_]+)*)\.$")  # Hindi vowels are no \w
_LAST_NUMBER = re.compile(r"(\w+)\W\s*\d{1,3}\.$")
_ONLY_NUMBER = re.compile(r"\s*\d{1,3}\.")
_VISIBLE = re.compile(r"\S")
_VISIBLE_LETTER = re.compile(rf"[^\s{_OPENERS}]")
_NEXT_WORD = re.compile(rf"[\s{_OPENERS}]*+(\w+)")
_CONTINUING = frozenset(".,;:!?…،؛、，；：。！？·")

# "…!" Tom said; 「…！」と言った; “…？”狼问。 A pronoun with a capital begins a sentence of its own ("He said nothing").
_SAID = re.compile(
    r"(?!(?:He|She|They|We|It|The|You|Nobody)\b)(?:[A-Z][a-z]{1,3}\. )?[A-Z][\w’']*(?: [A-Z][\w’']*){0,2} "
    r"(?:said|asked|cried|called|shouted|whispered|replied|answered|laughed|sighed|exclaimed|yelled|muttered|begged)\b"
)
_SAID_IN_CHINESE = re.compile(r"[^。！？，、“「\s]{0,8}[问說说問道喊叫答][道着了]?[。，：！]")
_SAID_IN_JAPANESE = re.compile(r"(?:と|って|、)")


def sentence_ends(text: str, start: int, end: int, language: str) -> Iterator[int]:
    """Where the sentences of text[start:end] end, except its last, which ends at `end`."""
    for mark in (_GREEK_END if language == "el" else _END).finditer(text, start, end):
        following = _VISIBLE.search(text, mark.end(), end)
        if following and _is_end(text, start, mark, following.start(), end, language):
            yield mark.end()


def clause_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Where a sentence that is too long may be parted with a short pause: after a comma and its like, before a dash."""
    return (mark.end() for mark in _CLAUSE_END.finditer(text, start, end))


def _is_end(  # noqa: PLR0917  (a mark, and what is around it)
    text: str, start: int, mark: re.Match[str], following: int, end: int, language: str
) -> bool:
    """Whether a run of marks, with what is visible next at `following`, ends a sentence."""
    if text[following] in _CONTINUING:
        return False  # . . .
    letter = _VISIBLE_LETTER.search(text, following, end)
    if letter and letter.group().islower():
        return False  # "Stop!" he said; well ... then
    if _is_followed_by_its_speaker(text, mark, following, end):
        return False
    if _ONLY_NUMBER.fullmatch(text, max(start, mark.start() - 8), mark.start() + 1) and mark.start() - start < 8:
        return False  # the number of an item of a list
    return not is_abbreviation(text, mark.start(), following, language)


def _is_followed_by_its_speaker(text: str, mark: re.Match[str], following: int, end: int) -> bool:
    last = mark.group()[-1]
    if last in "”\"'’":
        said = _SAID if following > mark.end() else _SAID_IN_CHINESE
        return bool(said.match(text, following, end))
    if last in "」』":
        return bool(_SAID_IN_JAPANESE.match(text, following, end) or _SAID_IN_CHINESE.match(text, following, end))
    return False


def is_abbreviation(text: str, dot: int, following: int, language: str) -> bool:  # noqa: PLR0911  (one way each)
    """Whether text[dot] is the full stop of an abbreviation or ordinal: a title, an initial, e.g., No. 7, der 1. König.

    `following` is where the next visible character is.
    """
    if text[dot] != "." or text[dot + 1 : dot + 2] in {".", *'”"’»)'}:
        return False
    before = text[max(0, dot - 24) : dot + 1]
    if language == "de" and (number := _LAST_NUMBER.search(before)):
        return number[1].lower() in BEFORE_ORDINALS
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    last = word[1].lower()
    if last in BEFORE_NUMBERS:
        return text[following].isdigit()
    opening = _NEXT_WORD.match(text, following)
    if last in NAMES_END:
        return opening is None or opening[1].lower() not in OPENINGS
    if last in CLOSING.get(language, ()) or _is_spaced_closing(before, last, language):
        return False
    if language == "de" and last.endswith("str"):
        return True  # Waldstr. 4
    return last in LEADING.get(language, EVERYWHERE) or "." in last or _is_initial(word[1])


def _is_initial(word: str) -> bool:
    """A single capital, or letter of a script that has none but writes initials. "It is I." is a sentence."""
    return (
        len(word) == 1
        and word != "I"
        and (word.isupper() or unicodedata.name(word, "").startswith(("ARABIC", "HEBREW")))
    )


def _is_spaced_closing(before: str, last: str, language: str) -> bool:
    """т. д. is т.д."""
    return any(
        closing.endswith(f".{last}") and before.lower().replace(" ", "").endswith(f"{closing}.")
        for closing in CLOSING.get(language, ())
        if len(last) == 1
    )


def may_part(text: str, cut: int, language: str) -> bool:
    """Whether words may be parted at `cut`, next to white space: not after "Mr.", not within "10 000" or ". . ."."""
    before = cut
    while before > 0 and text[before - 1].isspace():
        before -= 1
    following = _VISIBLE.search(text, cut)
    if before == 0 or following is None:
        return False
    last, after = before - 1, following.start()
    is_number = text[last].isdigit() and text[after].isdigit()
    return not is_number and text[after] not in _CONTINUING and not is_abbreviation(text, last, after, language)
