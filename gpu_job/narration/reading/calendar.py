"""Dates, times of day and years."""

from __future__ import annotations

import re

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale
from gpu_job.narration.reading.rule import Rule, any_of, before, rule, word_after, word_before

_END = r"(?![^\W_])"
_MONTHS = 12


def rules(locale: Locale) -> list[Rule]:
    """Rules that begin with a digit, the more particular first."""
    return [*_dates(locale), *_times(locale)]


def word_rules(locale: Locale) -> list[Rule]:
    """Rules that begin with the name of a month: March 3rd, 1998."""
    if locale.language != "en":
        return []
    months = _month_pattern(locale)
    day = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?![\d:]|[.,]\d|[^\W_])"
    return [rule(rf"(?P<month>{months}) {day}(?:,? (?P<year>1\d\d\d|20\d\d){_END})?", _named)]


def _dates(locale: Locale) -> list[Rule]:
    iso = r"(?P<year>1[0-9]\d\d|20\d\d)-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\d-])"
    numeric = (
        r"(?P<first>[0-3]?\d)(?P<mark>[./-])(?P<second>[0-3]?\d)(?P=mark)(?P<year>1\d\d\d|20\d\d)"
        rf"(?![\d]){_END}"
    )
    found = [rule(iso, _named), rule(numeric, _numeric)]
    if locale.months:
        day = rf"(?P<day>[12]\d|3[01]|0?[1-9])(?:{locale.day_mark})"
        of = locale.of or "(?:)"
        year = rf"(?:,?{of} (?P<year>1\d\d\d|20\d\d){_END})?"
        found.append(rule(rf"{day}{of} ?(?P<month>{_month_pattern(locale)}){_END}{year}", _named))
    return found


def _month_pattern(locale: Locale) -> str:
    short = [name for name in locale.month_abbreviations.split() if name != "-"]
    names = locale.months.split()
    if locale.language in {"en", "de"}:
        return f"(?:{any_of(names)}|(?:{any_of(short)})(?:\\.|{_END}))" if short else f"(?:{any_of(names)})"
    all_names = any_of([*names, *(name.capitalize() for name in names)])
    return f"(?:{all_names}|(?:{any_of(short)})(?:\\.|{_END}))" if short else f"(?:{all_names})"


def _month(locale: Locale, written: str) -> int:
    if written.isdigit():
        return int(written)
    folded = written.rstrip(".").casefold()
    for names in (locale.months, locale.month_abbreviations):
        for number, name in enumerate(names.split(), 1):
            if name.casefold() == folded:
                return (number - 1) % _MONTHS + 1
    raise AssertionError(written)


def _named(locale: Locale, match: re.Match[str]) -> str | None:
    return _date(locale, match, int(match["day"]), _month(locale, match["month"]), match["year"])


def _numeric(locale: Locale, match: re.Match[str]) -> str | None:
    """12/03/2024. English with a slash is read the American way, as the month comes first, unless it cannot be."""
    first, second = int(match["first"]), int(match["second"])
    month_first = locale.language == "en" and match["mark"] != "." and first <= _MONTHS
    month, day = (first, second) if month_first else (second, first)
    if not (1 <= month <= _MONTHS and 1 <= day <= 31):
        return None
    return _date(locale, match, day, month, match["year"])


def _date(locale: Locale, match: re.Match[str], day: int, month: int, year: str | None) -> str:
    if locale.language in {"zh", "ja", "ko"}:
        return _east_asian(locale, day, month, year)
    said_year = f"{locale.say_of} {say_year(locale, int(year), 'date')}" if year else ""
    if not locale.months:
        return " ".join([numbers.cardinal(locale.language, day), numbers.cardinal(locale.language, month), said_year])
    name = locale.months.split()[(month - 1) % _MONTHS]
    if locale.language == "en":
        return _english_date(match, day, name, said_year.strip())
    said_day = locale.day(day, before(match)) if locale.day else numbers.cardinal(locale.language, day)
    return " ".join(f"{said_day} {locale.say_of} {name} {said_year}".split())


def _english_date(match: re.Match[str], day: int, month: str, year: str) -> str:
    ordinal = numbers.ordinal("en", day)
    day_first = (
        "day" in match.groupdict() and match.start("day") < match.start("month") and not match.group()[:4].isdigit()
    )
    if not day_first:
        return f"{month} {ordinal} {year}".strip()
    article = "" if word_before(match).casefold() in {"the", "every", "this", "next", "last"} else "the "
    return f"{article}{ordinal} of {month} {year}".strip()


def _east_asian(locale: Locale, day: int, month: int, year: str | None) -> str:
    marks = {"zh": "年月日", "ja": "年月日", "ko": "년월일"}[locale.language]
    space = " " if locale.language == "ko" else ""
    parts = [f"{say_year(locale, int(year), 'date')}{marks[0]}"] if year else []
    parts += [f"{numbers.cardinal(locale.language, n)}{mark}" for n, mark in ((month, marks[1]), (day, marks[2]))]
    return space.join(parts)


def say_year(locale: Locale, year: int, following: str) -> str:
    """A year in words. `following` is the word after it, which decides the case in Russian and Polish."""
    if locale.year_words is not None:
        return locale.year_words(year, following)
    return numbers.year(locale.language, year)


def year_if_meant(locale: Locale, match: re.Match[str]) -> str | None:
    """A bare number of four digits, where it is a year and a year is said in its own way."""
    written = match.group()
    if not (locale.says_years and re.fullmatch(r"1\d\d\d|20\d\d", written)):
        return None
    ahead = word_after(match)
    is_year = word_before(match).casefold().rstrip(".") in locale.year_context.split()
    is_amount = written < "1100" or (written >= "2000" and ahead != "") or _counts(locale, ahead)
    if is_amount and not is_year:
        return None
    return say_year(locale, int(written), ahead)


def _counts(locale: Locale, ahead: str) -> bool:
    """Whether the word after a number looks like what is counted: a plural in English, a noun in German."""
    if locale.language == "de":
        return ahead[:1].isupper()
    if locale.language == "en":
        return (ahead.endswith("s") and len(ahead) > 3 and ahead.islower()) or ahead in {
            "people",
            "men",
            "women",
            "children",
        }
    return bool(ahead) and locale.language not in {"ru", "pl"}


def _times(locale: Locale) -> list[Rule]:
    if locale.clock is None:
        return []
    hour, minute = r"(?P<hour>2[0-4]|[01]?\d)", r"(?P<minute>[0-5]\d)"
    half = r"(?P<half> ?[ap]\.?m\.?(?![^\W_]))" if locale.language == "en" else r"(?P<half>(?!))"
    named = rf"(?P<named>{locale.hour_words}){_END}"
    marks = re.escape(locale.clock_marks)
    return [
        rule(rf"{hour}[{marks}.]{minute}(?![\d:])(?:{half}|{named})", _time, ignore_case=True),
        rule(rf"{hour}(?P<mark>[{marks}]){minute}(?![\d]|:\d|[.,]\d){_END}", _time),
        rule(rf"{hour}(?:{half}|{named})", _time, ignore_case=True),
    ]


def _time(locale: Locale, match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    hour, minute = int(match["hour"]), int(groups.get("minute") or 0)
    half = (groups.get("half") or "").strip().replace(".", "").lower()
    if half and not 1 <= hour <= _MONTHS:
        return None
    clock = Clock(hour, minute, half, bool(groups.get("named")))
    return locale.clock(clock) if locale.clock is not None else None
