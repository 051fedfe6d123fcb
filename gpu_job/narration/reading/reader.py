"""The walk over a text: at each place the first rule that fits says what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from gpu_job.narration.reading import numbers, quantities, words
from gpu_job.narration.reading.locale import Locale
from gpu_job.narration.reading.locales import locale_for
from gpu_job.narration.reading.pronunciations import Pronunciations
from gpu_job.narration.reading.punctuation import MARKS, melody
from gpu_job.narration.reading.rule import Rule, marks
from gpu_job.narration.reading.source import Visible

_SPACE = re.compile(r"[ \n]++")
_PUNCTUATION = re.compile(r"[^\w \n]{1,32}+")
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KANA = "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_CHINESE = re.compile(rf"[{_HAN}\U00020000-\U0003134f]")
_JAPANESE = re.compile(
    rf"[{_HAN}]{{1,6}}+[\u3041-\u309f]{{0,6}}+|[\u3041-\u309f]{{1,8}}+|[\u30a0-\u30ff]{{1,12}}+|[{_KANA}]"
)
_SIGN = re.compile(r"[$£€¥₽₹₩₪₺฿+(½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒]")
_MINUS = re.compile(r"[-−](?=[\d$£€])")
_UNSAYABLE = re.compile(rf"[^\w {re.escape(''.join(sorted(MARKS)))}'{marks()}-]|_")


class Part:
    """What is spoken whole, in places of the visible text; `melody` is the mark after it."""

    __slots__ = ("core_end", "end", "mark", "spoken", "start")

    def __init__(self, start: int, end: int, spoken: str) -> None:
        self.start, self.end, self.spoken = start, end, spoken
        self.mark = ""


class Reader:
    """One language's rules, compiled."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        self._digits = [*(Rule(re.compile(p), s) for p, s in locale.number_rules), *quantities.rules(locale)]
        self._signs = [*(Rule(re.compile(p), s) for p, s in locale.sign_rules), *quantities.sign_rules(locale)]
        self._words = [
            *quantities.currency_rules(locale),
            *(Rule(re.compile(p), s) for p, s in locale.word_rules),
            *words.rules(locale),
        ]
        self._special = _special_words(locale)

    def parts(self, visible: Visible, pronunciations: Pronunciations) -> list[Part]:
        """The parts of a text in order. Linear: every step goes on from where the last one ended."""
        text = visible.text
        found: list[Part] = []
        at, opened = 0, -1  # where the punctuation begins that belongs to the next part
        while at < len(text):
            space = _SPACE.match(text, at)
            if space:
                at, opened = space.end(), -1
                continue
            said = self._at(text, at, pronunciations)
            if said is None:
                run = _PUNCTUATION.match(text, at)
                end = self._stop(text, at, run.end()) if run else at + 1
                if self._punctuate(text, found, at, end):
                    opened = -1
                elif opened < 0:
                    opened = at
                at = end
                continue
            end, spoken = said
            spoken = sayable(spoken)
            if spoken:
                found.append(Part(opened if opened >= 0 else at, end, spoken))
                opened = -1
            at = end
        self._rest(visible, found)
        return found

    def _stop(self, text: str, start: int, end: int) -> int:
        """Where a run of punctuation ends because a sign in it is said: `("$5")`."""
        for at in range(start + 1, end):
            if (_SIGN.match(text[at]) and text[at] != "(") or text[at] in "-−#@.'" or text[at] in self.locale.signs:
                return at
            if text[at] == "(" and text[at + 1 : at + 2].isdigit():
                return at
        return end

    def _at(self, text: str, at: int, pronunciations: Pronunciations) -> tuple[int, str] | None:
        character = text[at]
        starts_word = at == 0 or not (
            text[at - 1].isalnum() or (text[at - 1] == "'" and at > 1 and text[at - 2].isalnum())
        )
        if pronunciations and starts_word:
            known = pronunciations.match(text, at)
            if known:
                return known
        if character.isdecimal():
            return self._first(self._digits, text, at) if starts_word else self._first(self._digits[-8:], text, at)
        if character.isalnum() and character not in quantities.VULGAR:
            return self._word(text, at, starts_word)
        return self._sign(text, at)

    def _first(self, rules: list[Rule], text: str, at: int) -> tuple[int, str] | None:
        for pattern, say in rules:
            match = pattern.match(text, at)
            if match and match.end() > at:
                said = say(self.locale, match)
                if said is not None:
                    return match.end(), self._ended(match, said)
        return None

    @staticmethod
    def _ended(match: re.Match[str], said: str) -> str:
        """A full stop that was read as part of an abbreviation may end the sentence as well."""
        ends = match.group()[-1] == "." and words.is_end_of_sentence(match, said)
        return f"{said}." if ends and said[-1] not in MARKS else said

    def _word(self, text: str, at: int, starts_word: bool) -> tuple[int, str] | None:
        language = self.locale.language
        cjk = _JAPANESE.match(text, at) if language == "ja" else _CHINESE.match(text, at) or _JAPANESE.match(text, at)
        if cjk:
            return cjk.end(), cjk.group()
        plain = words.plain_word().match(text, at)
        if plain is None:
            return at + 1, _odd(language, text[at])
        if starts_word and self._may_be_special(text, plain):
            said = self._first(self._words, text, at)
            if said:
                return said
        return plain.end(), plain.group()

    def _may_be_special(self, text: str, plain: re.Match[str]) -> bool:
        """Whether any rule could fit; for most words none can, and trying them all would take the time."""
        word = plain.group()
        following = text[plain.end() : plain.end() + 2]
        return (
            following[:1] in {"$", ".", "@", ":", "&", "_", "+", "\u00b0", "\u00ba", "\u00aa"}
            or following[:1].isdigit()
            or (following[:1] == " " and (following[1:].isdigit() or following[1:].upper() in {"I", "V", "X", "L"}))
            or word.casefold() in self._special
            or word.isupper()
            or (len(word) <= 5 and word[-2:-1].isupper())
            or "-" in word
        )

    def _sign(self, text: str, at: int) -> tuple[int, str] | None:
        locale = self.locale
        said = self._first(self._signs, text, at)
        if said:
            return said
        if _MINUS.match(text, at) and (at == 0 or text[at - 1] in ' \n("'):
            after = self._at(text, at + 1, Pronunciations(None))
            if after:
                return after[0], f"{locale.minus} {after[1]}"
        sign = text[at]
        if sign in locale.signs and _is_sign(text, at, sign):
            return at + 1, locale.signs[sign]
        return None

    def _punctuate(self, text: str, found: list[Part], start: int, end: int) -> bool:
        """Hands the run's melody to the part before it. True where the run belongs to that part."""
        if not found:
            return False
        last = found[-1]
        adjacent = last.end == start
        run = text[start:end]
        isolated = not adjacent and text[end : end + 1] in {"", " ", "\n"}
        following = _FOLLOWING.match(text, end)
        ahead = following.group(1) if following else ""
        ends = not ahead or ahead.isupper()
        context = f" {run} " if isolated else run
        mark = melody(context, ends=ends, language=self.locale.language)
        opens_aside = not adjacent and not isolated and run[:1] in "([" and text[start - 1 : start] == " "
        if not adjacent and not isolated and not opens_aside and run[:1] not in "—–…":
            return False
        if (mark and not last.mark and last.spoken[-1] not in MARKS and (ahead or mark not in ",，")) or (
            mark and last.mark in {",", "，"} and mark not in {",", "，"}
        ):
            last.mark = mark
        if adjacent or (isolated and mark):
            last.end = end
            return True
        return False

    @staticmethod
    def _rest(visible: Visible, found: list[Part]) -> None:
        """A heading or an item of a list that ends without a mark ends with a full stop."""
        for index, part in enumerate(found):
            if part.mark or part.spoken[-1] in MARKS:
                continue
            upto = found[index + 1].start if index + 1 < len(found) else len(visible.text)
            if any(at in visible.items for at in range(part.end, min(upto, part.end + 3) + 1)):
                part.mark = "."


_FOLLOWING = re.compile(r"[\s\"'(\[¿¡]{0,4}([^\W_])")


def _is_sign(text: str, at: int, sign: str) -> bool:
    """Whether a sign is said here: & between words, - between numbers, not the slash of a line of verse."""
    previous, following = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if sign == "-":
        return (
            previous == " " and following == " " and text[at - 2 : at - 1].isdigit() and text[at + 2 : at + 3].isdigit()
        )
    if sign in "/*<>~=":
        if sign == "*":
            return text[at - 2 : at].strip()[-1:].isdigit() and text[at + 1 : at + 3].strip()[:1].isdigit()
        return (
            bool(re.search(r"\w ?$", text[max(0, at - 2) : at])) and bool(re.match(r" ?\w", text[at + 1 : at + 3]))
        ) or (sign == "~" and following.isdigit())
    if sign in "#@":
        return following.isalnum()
    return sign not in ".:"


def _odd(language: str, character: str) -> str:
    """A letter-like character that is in no word: a modifier, a Roman numeral sign."""
    return numbers.cardinal(language, int(character)) if character.isdecimal() else character


@lru_cache(maxsize=64)
def reader_for(language: str) -> Reader:
    """The reader of a language, compiled once."""
    return Reader(locale_for(language))


def _special_words(locale: Locale) -> frozenset[str]:
    tables = [
        *locale.abbreviations,
        *locale.before_number,
        *locale.chapters.split(),
        *locale.rulers.split(),
        *locale.special.split(),
    ]
    if locale.language == "en":
        tables += [*locale.months.split(), *locale.month_abbreviations.split(), "www", "http", "https"]
    firsts: Iterator[str] = (re.split(r"[ .°º]", entry.casefold())[0] for entry in tables)
    return frozenset(firsts)


def sayable(spoken: str) -> str:
    """What engines can say of it: letters, accents, single spaces, apostrophes, hyphens and the marks of melody."""
    kept = " ".join(_UNSAYABLE.sub("", spoken.replace("/", " ")).split())
    return kept if any(character.isalnum() for character in kept) else ""
