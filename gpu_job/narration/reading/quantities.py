"""Money, measures, percentages, ranges, fractions, ordinals, telephone numbers, and what is left: numbers."""

from __future__ import annotations

import re
import unicodedata

from gpu_job.narration.reading import calendar, numbers
from gpu_job.narration.reading.locale import Currency, Locale
from gpu_job.narration.reading.rule import Rule, any_of, number, rule, value, word_after, word_before

_END = r"(?![^\W_])"
_DASH = r"(?: ?[–—] ?|-| - )"
VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒"


def rules(locale: Locale) -> list[Rule]:
    """Rules that begin with a digit, the more particular first."""
    end = "(?![A-Za-z])" if locale.language in {"zh", "ja", "ko"} else _END
    low, high = number(locale, "low"), number(locale, "high")
    unit = _unit(locale, end)
    money = rf"(?P<scale> ?(?:{any_of(locale.scales)}){_END})?(?: ?(?P<currency>{any_of(locale.currency)}){end})"
    return [
        *calendar.rules(locale),
        rule(r"0\d{1,4}(?:[ /]\d{2,8}){2,5}(?![\d])|0\d{2,4}[/-]\d{4,8}(?!\d)|0\d(?:\.\d\d){4}(?!\d)", _telephone),
        rule(r"\d{3}-\d{3}-\d{4}(?!\d)|[1-9]\d\d-\d{4}(?![\d-])", _telephone),
        rule(r"\d{1,4}(?:\.\d{1,4}){2,5}(?![\d])", _version),
        rule(rf"{low}{_DASH}{high}{money}", _money_range),
        rule(rf"{low}{money}", _money),
        rule(rf"{low}{_DASH}{high}{unit}", _measured_range),
        rule(rf"(?:(?P<low_w>\d{{1,6}})(?P<low_f>) ?)?(?P<vulgar>[{VULGAR}])(?:{unit})?", _fraction),
        rule(
            rf"(?:(?P<low_w>\d{{1,6}})(?P<low_f>) )?(?P<above>\d{{1,3}})[/⁄](?P<below>[1-9]\d{{0,2}})(?![\d/]){_END}",
            _fraction,
        ),
        rule(rf"{low}{unit}", _measure),
        rule(rf"(?P<number>\d{{1,15}}+)(?:{locale.ordinal_mark})", _ordinal),
        rule(rf"{low}{_DASH}{high}(?![-–]?\d| ?=){_END}", _range),
        rule(rf"{low}(?P<scale> ?(?:{any_of(locale.scales)})){_END}", _scaled),
        rule(r"(?P<low>\d{1,3}):(?P<high>\d{1,3})(?![\d:])", _ratio),
        rule(r"0\d{1,11}+(?![\d.,]\d)(?!\d)", _digits),
        rule(rf"{low}", _number),
        rule(r"(?P<low>\d{1,15})[.,](?P<high>\d{1,15}+)(?!\d)", _foreign_decimal),
        rule(r"\d{1,10}", _digits),
    ]


def currency_rules(locale: Locale) -> list[Rule]:
    """Rules that begin with a currency, be it a sign or letters: $5, R$ 10."""
    low, high = number(locale, "low"), number(locale, "high")
    scale = rf"(?P<scale> ?(?:{any_of([*locale.scales, 'k', 'K', 'm', 'M', 'b', 'B'])}){_END})?"
    named = [name for name in locale.currency if len(name) > 1 or not name.isalpha()]  # not "p 5"
    currency = rf"(?P<currency>{any_of(named)})"
    return [
        rule(rf"{currency} ?{low}{_DASH}(?:(?P=currency) ?)?{high}{scale}", _money_range),
        rule(rf"{currency} ?{low}{scale}", _money),
    ]


def sign_rules(locale: Locale) -> list[Rule]:
    """Rules that begin with a sign: those of currencies, a plus, a bracket, ½: +44 20, (555) 123."""
    return [
        *currency_rules(locale),
        rule(r"\+\d{1,3}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}(?!\d)", _telephone),
        rule(r"\(\d{2,5}\) ?\d{2,8}(?:[ -]\d{2,8}){0,3}(?!\d)", _telephone),
        rule(rf"(?P<vulgar>[{VULGAR}])(?P<low_w>(?!))?(?P<low_f>(?!))?(?:{_unit(locale, _END)})?", _fraction),
    ]


def _unit(locale: Locale, end: str) -> str:
    per = rf"(?P<per>/(?:{any_of(key[1:] for key in locale.per)}))?" if locale.per else "(?P<per>(?!))?"
    return rf" ?(?:(?P<percent>[%‰])|(?P<unit>{any_of(locale.units)}){per}{end}|(?P<degrees>°){end})"


def _gender(locale: Locale, match: re.Match[str]) -> str:
    after = word_after(match)
    if not after or locale.gender_of is None or match.string[match.end() : match.end() + 1] != " ":
        return ""
    return locale.gender_of(after)


def _number(locale: Locale, match: re.Match[str]) -> str | None:
    whole, fraction = value(match, "low")
    if len(match["low_w"]) > 1 and match["low_w"][0] == "0" and not fraction:
        return numbers.digits(locale.language, match["low_w"])
    if not fraction:
        year = calendar.year_if_meant(locale, match)
        if year is not None:
            return year
    return locale.number(whole, fraction, _gender(locale, match))


def _digits(locale: Locale, match: re.Match[str]) -> str:
    return numbers.digits(locale.language, match.group())


def _version(locale: Locale, match: re.Match[str]) -> str:
    point = locale.signs.get(".", locale.point)
    return f" {point} ".join(numbers.cardinal(locale.language, int(part)) for part in match.group().split("."))


def _foreign_decimal(locale: Locale, match: re.Match[str]) -> str:
    """A decimal mark that is not the language's: 3.14 in German."""
    low, high = match["low"], match["high"]
    whole = numbers.cardinal(locale.language, int(low))
    if match.group()[len(low)] == ",":
        return f"{whole}, {numbers.cardinal(locale.language, int(high))}"
    return f"{whole} {locale.signs.get('.', locale.point)} {numbers.digits(locale.language, high)}"


def _telephone(locale: Locale, match: re.Match[str]) -> str:
    plus = f"{locale.signs.get('+', 'plus')} " if match.group()[0] == "+" else ""
    groups = re.findall(r"\d+", match.group())
    return plus + ", ".join(numbers.digits(locale.language, group) for group in groups)


def _ratio(locale: Locale, match: re.Match[str]) -> str:
    low, high = (numbers.cardinal(locale.language, int(match[name])) for name in ("low", "high"))
    return f"{low} {locale.to} {high}"


def _scaled(locale: Locale, match: re.Match[str]) -> str:
    whole, fraction = value(match, "low")
    return locale.count(whole, locale.scales[match["scale"].strip()], fraction)


def _range(locale: Locale, match: re.Match[str]) -> str | None:
    low, high = value(match, "low"), value(match, "high")
    if match["high_w"][0] == "0" and len(match["high_w"]) > 1:
        return None
    if not low[1] and not high[1] and all(1100 <= whole < 2100 for whole in (low[0], high[0])):
        last = calendar.say_year(locale, high[0], word_after(match))
        return f"{calendar.say_year(locale, low[0], '')} {locale.to} {last}"
    return f"{locale.number(*low)} {locale.to} {locale.number(*high, _gender(locale, match))}"


def _measure(locale: Locale, match: re.Match[str]) -> str:
    whole, fraction = value(match, "low")
    return _with_unit(locale, match, whole, fraction)


def _measured_range(locale: Locale, match: re.Match[str]) -> str:
    low = locale.number(*value(match, "low"))
    return f"{low} {locale.to} {_with_unit(locale, match, *value(match, 'high'))}"


def _with_unit(locale: Locale, match: re.Match[str], whole: int, fraction: str) -> str:
    if match["percent"]:
        said = locale.number(whole, fraction)
        if locale.percent_first:
            return f"{locale.percent}{said}"
        return f"{said} {locale.percent}"
    if match["degrees"]:
        return f"{locale.number(whole, fraction)} {locale.degrees}".strip()
    said = locale.count(whole, locale.units[match["unit"]], fraction)
    if locale.language in {"zh", "ja"}:
        said = said.replace(" ", "")
    per = match["per"]
    return f"{said} {locale.per[per]}" if per else said


def _fraction(locale: Locale, match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    if groups.get("vulgar"):
        above, below = unicodedata.normalize("NFKC", match["vulgar"]).split("⁄")
    else:
        above, below = match["above"], match["below"]
    part = fraction(locale, int(above), int(below))
    if part is None:
        return None
    if match["low_w"]:
        joined = f" {locale.fraction_and} " if locale.fraction_and else " "
        part = f"{numbers.cardinal(locale.language, int(match['low_w']))}{joined}{part}"
    unit = groups.get("unit")
    if not unit:
        return f"{part} {locale.percent}" if groups.get("percent") else part
    noun = locale.units[unit]
    return f"{part} {noun.many if match['low_w'] else noun.one}"


def fraction(locale: Locale, above: int, below: int) -> str | None:
    """Three quarters; None where the language has no word for it here."""
    if locale.language in {"zh", "ja"}:
        return (
            f"{numbers.cardinal(locale.language, below)}分{'之' if locale.language == 'zh' else 'の'}"
            + numbers.cardinal(locale.language, above)
        )
    if below in locale.fractions:
        one, many = locale.fractions[below]
        return one if above == 1 else f"{numbers.cardinal(locale.language, above)} {many}"
    if locale.language == "en" and 1 < below <= 20:
        name = numbers.ordinal("en", below)
        return f"{numbers.cardinal('en', above)} {name}{'' if above == 1 else 's'}"
    over = locale.signs.get("over", "")
    if not over:
        return None
    return f"{numbers.cardinal(locale.language, above)} {over} {numbers.cardinal(locale.language, below)}"


def _ordinal(locale: Locale, match: re.Match[str]) -> str:
    groups = match.groupdict()
    form = next((form for form in ("f", "m", "n", "r") if groups.get(form)), "")
    return numbers.ordinal(locale.language, int(match["number"]), form)


def _scale(locale: Locale, match: re.Match[str]) -> str:
    written = (match["scale"] or "").strip()
    return {"k": "K", "m": "M", "b": "bn", "B": "bn"}.get(written, written) if written not in locale.scales else written


def _money(locale: Locale, match: re.Match[str]) -> str | None:
    whole, fraction = value(match, "low")
    currency = locale.currency[match["currency"]]
    scale = _scale(locale, match)
    if scale:
        return _many_money(locale, whole, fraction, scale, currency)
    if len(fraction) == 2 and currency.cent is not None:
        return _with_cents(locale, whole, int(fraction), currency)
    if len(fraction) == 2 and int(fraction) == 0:
        fraction = ""
    if locale.language == "en" and not fraction and _is_adjective(match):
        return f"{numbers.cardinal('en', whole)} {currency.unit.one}"
    return _joined(locale, locale.count(whole, currency.unit, fraction))


def _joined(locale: Locale, said: str) -> str:
    return said.replace(" ", "") if locale.language in {"zh", "ja"} else said


def _is_adjective(match: re.Match[str]) -> bool:
    """a $20 bill"""
    following = match.string[match.end() : match.end() + 2]
    is_counted = word_before(match).casefold() in {"a", "an", "this", "that", "each", "every", "one", "your", "my"}
    return is_counted and following[:1] in {" ", "-"} and following[1:].isalpha()


def _many_money(locale: Locale, whole: int, fraction: str, scale: str, currency: Currency) -> str | None:
    noun = locale.scales.get(scale)
    if noun is None:
        return None
    of = f" {locale.scale_of}" if locale.scale_of and scale not in {"k", "K", "mil", "mila"} else ""
    return f"{locale.count(whole, noun, fraction)}{of} {currency.unit.many}"


def _with_cents(locale: Locale, whole: int, cents: int, currency: Currency) -> str:
    units = locale.count(whole, currency.unit)
    if cents == 0:
        return units
    if currency.cent is None:
        raise ValueError("a currency without cents")
    small = locale.count(cents, currency.cent)
    if whole == 0:
        return small
    if not locale.say_cents:
        small = numbers.cardinal(locale.language, cents)
    return " ".join(f"{units} {locale.money_and} {small}".split())


def _money_range(locale: Locale, match: re.Match[str]) -> str | None:
    currency = locale.currency[match["currency"]]
    low = locale.number(*value(match, "low"))
    whole, fraction = value(match, "high")
    scale = _scale(locale, match)
    if scale:
        said = _many_money(locale, whole, fraction, scale, currency)
        return f"{low} {locale.to} {said}" if said else None
    return f"{low} {locale.to} {locale.count(whole, currency.unit, fraction)}"
