"""Words that are not said as written: abbreviations, initials, acronyms, Roman numerals, capitals, addresses."""

from __future__ import annotations

import re
from functools import cache

from gpu_job.narration.reading import calendar, numbers
from gpu_job.narration.reading.locale import Locale, words
from gpu_job.narration.reading.roman import ROMAN, roman
from gpu_job.narration.reading.rule import Rule, any_of, before, marks, rule, word_before

LONGEST = 60  # characters of a word that are spoken whole; German has none so long

_END = r"(?![^\W_])"
_TOP_LEVEL = (
    "com|org|net|edu|gov|info|io|app|dev|eu|uk|de|fr|es|it|pt|nl|br|ru|pl|se|dk|fi|gr|jp|cn|kr|tr|ch|at|be|us|ca|au"
)
_INTERJECTIONS = frozenset(words("shh shhh hmm hmmm brr brrr psst pst zzz grr grrr mmm mm tsk pfft hm sh nth rhythm"))
_CASED = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03a9\u0400-\u042f]"
# Words that begin a sentence far more often than they follow an initial.
_STARTERS = frozenset(
    words(
        "he she it the they we you a an and but then there this that his her in on when what why how so not all one "
        "er sie es der die das und aber da il elle le la les et mais el los las y pero"
    )
)


def rules(locale: Locale) -> list[Rule]:
    """Rules that begin with a letter, the more particular first."""
    found = [
        rule(r"(?:https?|ftp)://[^\s<>\"]{1,2000}", _address, ignore_case=True),
        rule(r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}", _address),
        rule(
            rf"(?:www\.(?:[\w-]{{1,63}}\.){{1,4}}[A-Za-z]{{2,24}}|(?:[a-z0-9-]{{1,63}}\.){{1,3}}(?:{_TOP_LEVEL}))"
            rf"{_END}(?!\.?@)(?::\d{{1,5}})?(?:/[^\s<>\"]{{0,2000}})?",
            _address,
        ),
        *calendar.word_rules(locale),
    ]
    if locale.before_number:
        found.append(
            rule(rf"(?P<word>{any_of(locale.before_number)})(?= ?[\dIVXL]+{_END})", _before_number, ignore_case=True)
        )
    if locale.chapters:
        found.append(rule(rf"(?P<word>(?i:{any_of(locale.chapters.split())})) (?P<roman>(?i:{ROMAN})){_END}", _chapter))
    if locale.rulers and locale.regnal:
        found.append(rule(rf"(?P<word>{any_of(locale.rulers.split())}) (?P<roman>{ROMAN}){_END}(?P<dot>\.?)", _ruler))
    found.append(rule(rf"(?P<roman>(?=[IVX]){ROMAN})(?:{locale.century})", _roman_century))
    found.append(rule(rf"(?P<roman>(?=[IVXL]{{2}}){ROMAN}){_END}(?!['’.]\w)", _bare_roman))
    if locale.abbreviations:
        written = any_of({*locale.abbreviations})
        found.append(rule(rf"(?P<word>{written})(?:(?<=\.)|{_END})", _abbreviation, ignore_case=True))
    found += [
        rule(rf"(?:{_CASED}\. ?){{1,4}}(?={_CASED}[^\W\d_])(?P<name>{_word()})", _initials),
        rule(r"(?:[^\W\d_]\.){2,8}(?![^\W\d_])", _dotted),
        rule(rf"(?P<letters>{_CASED}{{1,4}})(?P<and>&)(?P<more>{_CASED}{{1,4}}){_END}", _and_letters),
        rule(rf"(?P<word>{_CASED}{{2,24}})(?P<plural>'?s)?{_END}", _capitals),
    ]
    return found


@cache
def _word() -> str:
    """A word with its accents and vowel signs, apostrophes and hyphens, never longer than LONGEST."""
    letter = rf"[^\W\d_][{marks()}]{{0,4}}"
    return rf"(?:{letter}){{1,{LONGEST}}}+(?:['-](?:{letter}){{1,{LONGEST}}}+){{0,6}}"


@cache
def plain_word() -> re.Pattern[str]:
    return re.compile(_word())


def _address(locale: Locale, match: re.Match[str]) -> str | None:
    """An address without its scheme and what follows ? or #, its signs by name."""
    written = re.sub(r"^\w+://", "", match.group())
    written = re.split(r"[?#]", written)[0].rstrip("/.,;:!)]'")
    said = []
    for part in re.findall(r"[^\W\d_]+|\d+|[^\w\s]|_", written):
        if part.isdigit():
            said.append(
                numbers.digits(locale.language, part) if len(part) > 4 else numbers.cardinal(locale.language, int(part))
            )
        elif part[0].isalpha():
            said.append(locale.spell(part) if part.lower() == "www" else part)
        else:
            said.append(locale.signs.get({".": "dot", "/": "slash", "-": "hyphen"}.get(part, part), ""))
    return " ".join(word for word in said if word)


def _before_number(locale: Locale, match: re.Match[str]) -> str:
    return locale.before_number[match["word"].casefold()]


def _chapter(locale: Locale, match: re.Match[str]) -> str | None:
    if match["roman"] == "i" and match["word"].islower():
        return None  # "the part i like"
    if match["roman"].islower() and len(match["roman"]) == 1 and locale.language != "en":
        return None
    word = match["word"].capitalize() if match["word"].isupper() else match["word"]
    return f"{word} {numbers.cardinal(locale.language, roman(match['roman']))}"


def _ruler(locale: Locale, match: re.Match[str]) -> str | None:
    """Henry VIII; and Charles I only where no verb of the first person follows: "Charles I think is late"."""
    if match["roman"] == "I":
        following = re.compile(r" ([^\W\d_]{1,20})").match(match.string, match.end())
        if following and following.group(1) not in _AFTER_FIRST.split():
            return None
    number = roman(match["roman"])
    return f"{match['word']} {locale.regnal(number)}" if locale.regnal else None


_AFTER_FIRST = "was is of had became ruled died reigned and war est fut était era fue foi war von van y e et был wurde"


def _roman_century(locale: Locale, match: re.Match[str]) -> str:
    return numbers.ordinal(locale.language, roman(match["roman"]), _century_form(locale))


def _century_form(locale: Locale) -> str:
    return "n" if locale.language == "de" else "m"


def _bare_roman(locale: Locale, match: re.Match[str]) -> str | None:
    """World War II, Rocky III: after a word with a capital letter, in a text that is not all capitals."""
    name = word_before(match)
    if not name[:1].isupper() or (name.isupper() and len(name) > 1) or name.endswith("."):
        return None
    return numbers.cardinal(locale.language, roman(match["roman"]))


def _abbreviation(locale: Locale, match: re.Match[str]) -> str | None:
    written = match["word"]
    said = locale.abbreviations[written.casefold()]
    lower, _, upper = said.partition(" / ")  # "ms. = Miz": where capitals change the meaning, "/ " parts them
    said = upper if upper and written[:1].isupper() else lower
    if said.startswith("~"):  # only with a capital letter
        return said[1:] if written[:1].isupper() else None
    if said == "street|saint":
        return "Saint" if _begins_a_name(match) else "Street"
    return said


def _begins_a_name(match: re.Match[str]) -> bool:
    """St. Nicholas, but Baker St. Now: a street follows a name."""
    follows = re.compile(r" [A-Z]").match(match.string, match.end()) is not None
    name = word_before(match)
    return follows and not (name[:1].isupper() and not name.endswith("."))


def _initials(locale: Locale, match: re.Match[str]) -> str | None:
    letters = re.findall(rf"({_CASED})\.", match.group()[: match.start("name") - match.start()])
    name = match["name"]
    if len(letters) == 1 and (name.casefold() in _STARTERS or letters[0] == "I" or name.isupper()):
        return None
    return f"{locale.spell(''.join(letters))} {name}"


def _dotted(locale: Locale, match: re.Match[str]) -> str:
    return locale.spell(match.group().replace(".", ""))


def _and_letters(locale: Locale, match: re.Match[str]) -> str:
    return f"{locale.spell(match['letters'])} {locale.signs.get('&', '')} {locale.spell(match['more'])}"


def _capitals(locale: Locale, match: re.Match[str]) -> str | None:
    """FBI is spelled, NASA is a word, and so is what is shouted: an engine would spell STOP."""
    word, plural = match["word"], match["plural"] or ""
    folded = word.casefold()
    spelled = word in locale.spelled and not _is_shouted(match)
    if spelled or (_has_no_vowel(folded) and folded not in _INTERJECTIONS and len(set(folded)) > 1 and len(word) <= 5):
        return locale.spell(word) + ("'s" if plural else "")
    return folded + plural.replace("'", "'")


def _has_no_vowel(word: str) -> bool:
    return word.isascii() and not set(word) & set("aeiouy")


def _is_shouted(match: re.Match[str]) -> bool:
    """Whether the words around it are in capitals too: IT IS ME."""
    nearby = word_before(match).rstrip(".")
    following = re.compile(r"['!,. ]{0,3}([^\W\d_]{1,32})").match(match.string, match.end())
    around = [word for word in (nearby, following.group(1) if following else "") if len(word) > 1]
    return bool(around) and all(word.isupper() for word in around)


_AT_ENDS = frozenset(
    words("cetera eccetera etcétera weiter enzovoort vidare videre далее dalej M Junior Street Avenue Road Limited")
)
_BREAK = re.compile(r"[\"')\]]{0,3}(?:\Z|\n\n)")
_CAPITAL = re.compile(r"[\"')\]]{0,3}\s[\"'(]{0,2}[A-ZÀ-ÞА-Я]")


def is_end_of_sentence(match: re.Match[str], said: str) -> bool:
    """Whether an abbreviation's full stop ends the sentence too: nothing follows, or it is one that ends what is
    enumerated or dated ("cats, dogs, etc. Then", "at 5 p.m. He") and a capital follows. "Dr. Fox" goes on."""
    if _BREAK.match(match.string, match.end()):
        return True
    return said.rsplit(" ", maxsplit=1)[-1] in _AT_ENDS and _CAPITAL.match(match.string, match.end()) is not None


__all__ = ["LONGEST", "before", "is_end_of_sentence", "plain_word", "roman", "rules"]
