"""What a language brings to reading: its words for signs, units, money and months, and how it says dates and times.

Each language's file in locales/ makes one Locale. Tables are written as text, a line or a word each, because that is
how somebody who speaks the language can check them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gpu_job.narration.reading import numbers

RawSay = Callable[["Locale", "re.Match[str]"], "str | None"]


class Noun(NamedTuple):
    """A counted noun: one kilometre, two kilometres; `few` where a language counts 2 to 4 in its own way."""

    one: str
    few: str
    many: str
    gender: str = ""


class Currency(NamedTuple):
    unit: Noun
    cent: Noun | None


class Clock(NamedTuple):
    """A time as it is written: hour, minute, and what follows (`pm`, `Uhr`), or what stands before ("kl.")."""

    hour: int
    minute: int
    half: str  # "am", "pm" or ""
    named: bool  # the written form has the language's word for the hour: 14:05 Uhr, 14h30


def nouns(table: str) -> dict[str, Noun]:
    """`km = kilometer|kilometers` a line: symbols = one|many or one|few|many, and the gender after a semicolon."""
    found = {}
    for line in table.strip().splitlines():
        symbols, _, said = line.partition("=")
        forms, _, gender = said.partition(";")
        said_as = [word.strip() for word in forms.split("|")]
        few = said_as[1] if len(said_as) > 2 else said_as[-1]
        noun = Noun(said_as[0], few, said_as[-1], gender.strip())
        found.update(dict.fromkeys(symbols.split(), noun))
    return found


def currencies(table: str) -> dict[str, Currency]:
    """`$ = dollar|dollars + cent|cents` a line."""
    found = {}
    for line in table.strip().splitlines():
        symbols, _, said = line.partition("=")
        unit, _, cent = said.partition("+")
        small = nouns(f"cent={cent}")["cent"] if cent.strip() else None
        found.update({symbol: Currency(nouns(f"unit={unit}")["unit"], small) for symbol in symbols.split()})
    return found


def words(text: str) -> tuple[str, ...]:
    """The words of a list that is written as text."""
    return tuple(text.split())


def pairs(table: str) -> dict[str, str]:
    """`dr. = doctor` a line."""
    split = (line.partition("=") for line in table.strip().splitlines())
    return {written.strip(): said.strip() for written, _, said in split}


@dataclass(frozen=True, kw_only=True)
class Locale:
    language: str
    decimal: str = ","  # the decimal mark
    groups: str = ". "  # what may part thousands
    point: str  # how the decimal mark is said
    fraction_as_number: bool = False  # 3,14: "trois virgule quatorze"
    minus: str = "minus"
    to: str  # 10–20
    percent: str
    percent_first: bool = False
    degrees: str = ""
    signs: Mapping[str, str] = field(default_factory=dict)  # & + = × ÷ < > @ / # ~ § ± and the like
    months: str = ""  # twelve names, in order
    month_abbreviations: str = ""  # twelve, without full stops; - where there is none
    ordinal_mark: str = r"(?!)"  # pattern of what follows the digits of an ordinal; its groups f, m say the gender
    day_mark: str = ""  # pattern of what may follow the day in a date
    of: str = ""  # pattern between day and month, and month and year: "de"
    say_of: str = ""
    day: Callable[[int, str], str] | None = None  # the day of the month in words, given the words before it
    clock: Callable[[Clock], str] | None = None
    hour_words: str = r"(?!)"  # pattern after a time: Uhr, heures
    clock_marks: str = ":"  # what may part hours and minutes; others only before an hour word
    units: Mapping[str, Noun] = field(default_factory=dict)
    per: Mapping[str, str] = field(default_factory=dict)  # km/h: what stands for "/h"
    currency: Mapping[str, Currency] = field(default_factory=dict)
    money_and: str = ""  # five euros AND twenty cents
    say_cents: bool = False
    scales: Mapping[str, Noun] = field(default_factory=dict)  # million, Mio., bn
    scale_of: str = ""  # dos millones DE euros
    abbreviations: Mapping[str, str] = field(default_factory=dict)  # folded, with their full stops
    before_number: Mapping[str, str] = field(default_factory=dict)  # "no." before digits
    spelled: frozenset[str] = frozenset()  # acronyms said letter by letter although they have vowels
    chapters: str = ""  # words before a Roman cardinal: chapter, part
    century: str = r"(?!)"  # pattern of a Roman or Arabic century
    regnal: Callable[[int], str] | None = None  # Henry VIII: "the eighth"
    rulers: str = ""  # names that number their bearers
    letters: Mapping[str, str] = field(default_factory=dict)  # letters that engines would read as a word
    fractions: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # 2: half, halves
    fraction_and: str = ""
    year_context: str = ""  # words before a number that is a year
    says_years: bool = False  # a year is said otherwise than the number
    gender_of: Callable[[str], str] | None = None  # of a noun that follows a number
    stage: str = ""  # first words of a stage direction
    special: str = ""  # first words of the rules below, so that most words need not try them
    year_words: Callable[[int, str], str] | None = None
    number_rules: Sequence[tuple[str, RawSay]] = ()  # the language's own, tried before those of all languages
    word_rules: Sequence[tuple[str, RawSay]] = ()
    sign_rules: Sequence[tuple[str, RawSay]] = ()

    def count(self, number: int, noun: Noun, fraction: str = "") -> str:
        """A number with its noun: one kilometre, two kilometres, zwei Euro."""
        words = self.number(number, fraction, noun.gender)
        return f"{words} {self.form(number, noun, fraction)}"

    def form(self, number: int, noun: Noun, fraction: str = "") -> str:
        """The form of the noun that goes with the number."""
        language = self.language
        if language in {"ru", "pl"}:
            return _slavic_form(language, number, noun, fraction)
        if language in {"fr", "pt"}:
            return noun.one if number < 2 else noun.many
        return noun.one if number == 1 and not fraction else noun.many

    def number(self, whole: int, fraction: str = "", gender: str = "") -> str:
        """A number in words, its decimals after the point digit by digit or as a number, as the language does."""
        if not fraction:
            return numbers.cardinal(self.language, whole, gender)
        words = numbers.cardinal(self.language, whole)
        as_number = self.fraction_as_number and len(fraction) <= 2 and fraction[0] != "0"
        after = numbers.cardinal(self.language, int(fraction)) if as_number else numbers.digits(self.language, fraction)
        return f"{words} {self.point} {after}" if self.language not in {"zh", "ja"} else f"{words}{self.point}{after}"

    def spell(self, letters: str) -> str:
        """Letter by letter: F B I."""
        return " ".join(self.letters.get(letter.upper(), letter.upper()) for letter in letters)


def _slavic_form(language: str, number: int, noun: Noun, fraction: str) -> str:
    if fraction:
        return noun.few
    ones, tens = number % 10, number // 10 % 10
    if number == 1 or (language == "ru" and ones == 1 and tens != 1):
        return noun.one
    return noun.few if 2 <= ones <= 4 and tens != 1 else noun.many


def signs(said: str) -> dict[str, str]:
    """`& und; + plus; …`: a sign, a space, its words. `dot slash hyphen over` are those of addresses and of 5/16."""
    found = {}
    for entry in said.replace("\n", " ").split(";"):
        sign, _, words = entry.strip().partition(" ")
        if words:
            found[sign] = words.strip()
    return found
