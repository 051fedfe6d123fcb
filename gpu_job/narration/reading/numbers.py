"""Numbers in words, in every language that we narrate.

The words are CLDR's, formatted by unicode-rbnf. It was chosen over num2words because it has all of our languages
(num2words lacks el, hi, ms, sw and zh), knows genders and cases, is typed, MIT and 1.5 MB; wetext knows three
languages, and nemo-text-processing needs pynini, a compiled 30 MB. Where CLDR's words are not those that people say
(a Danish year) or missing (Polish ordinals) the languages' own files in locales/ put them right.
"""

from __future__ import annotations

from functools import lru_cache

from unicode_rbnf import RbnfEngine

LARGEST = 10**15  # from here on CLDR has no words in some languages; digits are said one by one

_ENGINES = {"no": "no", "pt": "pt"}
_CARDINALS = {
    "": ("spellout-numbering-verbose", "spellout-cardinal", "spellout-numbering"),
    "m": ("spellout-cardinal-masculine", "spellout-cardinal-common", "spellout-cardinal-reale"),
    "f": ("spellout-cardinal-feminine", "spellout-cardinal-common", "spellout-cardinal-reale"),
    "n": ("spellout-cardinal-neuter",),
    "c": ("spellout-cardinal-common", "spellout-cardinal-reale"),
    "native": ("spellout-cardinal-native-attributive",),
    "counted": ("spellout-cardinal-alternate2",),
}
_PLAIN = {"ko": "spellout-cardinal-sinokorean", "nl": "spellout-numbering"}
_ORDINALS = {
    "": ("spellout-ordinal-verbose", "spellout-ordinal", "spellout-ordinal-masculine", "spellout-ordinal-common"),
    "m": ("spellout-ordinal-masculine", "spellout-ordinal-common", "spellout-ordinal-reale"),
    "f": ("spellout-ordinal-feminine", "spellout-ordinal-common", "spellout-ordinal-reale"),
}


@lru_cache(maxsize=64)
def _engine(language: str) -> RbnfEngine:
    return RbnfEngine.for_language(_ENGINES.get(language, language))


@lru_cache(maxsize=8192)
def _format(language: str, number: int, names: tuple[str, ...]) -> str | None:
    engine = _engine(language)
    name = next((name for name in names if name in engine.rulesets), None)
    if name is None:
        return None
    words = engine.format_number(number, ruleset_names=[name]).text_by_ruleset[name]
    return " ".join(words.replace(",", "").replace("\xad", "").replace("\u200b", "").split())


def cardinal(language: str, number: int, gender: str = "") -> str:
    """`number` in words, agreeing with a noun of that gender (m, f, n) where the language asks for it.

    `native` is Korean's own counting below a hundred, `counted` the form before a Chinese measure word.
    """
    if abs(number) >= LARGEST:
        return digits(language, str(abs(number)))
    plain = (_PLAIN[language],) if language in _PLAIN else _CARDINALS[""]
    names = (*_CARDINALS[gender], *plain) if gender else plain
    return _format(language, number, names) or digits(language, str(abs(number)))


def ordinal(language: str, number: int, form: str = "") -> str:
    """`number` as an ordinal; `form` is m, f or the end of one of CLDR's rule names ("n" in German: "dritten")."""
    if number >= LARGEST:
        return cardinal(language, number)
    named = _ORDINALS.get(form, (f"spellout-ordinal-{form}",))
    return _format(language, number, (*named, *_ORDINALS[""])) or cardinal(language, number)


def year(language: str, number: int) -> str:
    """`number` as a year is said: nineteen ninety-eight."""
    return _format(language, number, ("spellout-numbering-year", "spellout-numbering")) or cardinal(language, number)


def digits(language: str, written: str) -> str:
    """Every digit for itself: one two three."""
    space = "" if language in {"zh", "ja"} else " "
    return space.join(cardinal(language, int(digit)) for digit in written)
