"""German. An ordinal takes its ending from the word before it: der dritte, am dritten, erster Mai."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

import re

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, words
from gpu_job.narration.reading.roman import roman
from gpu_job.narration.reading.rule import before, word_before

_DATIVE = {
    "am",
    "im",
    "vom",
    "zum",
    "beim",
    "dem",
    "den",
    "des",
    "einem",
    "bis",
    "seit",
    "ab",
    "jeden",
    "ins",
    "zur",
    "ihrem",
    "seinem",
}
_WEAK = {"der", "die", "das", "jede", "jeder", "jedes", "diese", "dieser"}


def _form(previous: str) -> str:
    word = previous.casefold()
    if word in _DATIVE:
        return "n"
    return "" if word in _WEAK else "r"


def _day(day: int, context: str) -> str:
    found = re.search(r"([^\W\d_]{1,20}),? $", context)
    return numbers.ordinal("de", day, _form(found.group(1) if found else ""))


def _clock(time: Clock) -> str:
    minute = f" {numbers.cardinal('de', time.minute)}" if time.minute else ""
    return f"{numbers.cardinal('de', time.hour, 'm')} Uhr{minute}"


def _ordinal(locale: Locale, match: re.Match[str]) -> str | None:
    """3. before a word in small letters or a noun: an ordinal, unless the sentence or the line begins with it."""
    context = before(match)
    if not context.strip() or context[-1:] == "\n":
        return None
    return numbers.ordinal("de", int(match["number"]), _form(word_before(match)))


def _regnal(number: int) -> str:
    return f"der {numbers.ordinal('de', number).capitalize()}"


def _ruler(locale: Locale, match: re.Match[str]) -> str | None:
    name = word_before(match)
    if not name[:1].isupper():
        return None
    return f"der {numbers.ordinal('de', roman(match['roman'])).capitalize()}"


def _decade(locale: Locale, match: re.Match[str]) -> str:
    return f"{numbers.year('de', int(match['number']))}er"


def _gender(noun: str) -> str:
    return (
        "f"
        if noun.endswith(("e", "ung", "heit", "keit", "schaft", "tion")) and noun[:1].isupper()
        else "m"
        if noun[:1].isupper()
        else ""
    )


GERMAN = Locale(
    language="de",
    point="Komma",
    to="bis",
    percent="Prozent",
    degrees="Grad",
    signs=pairs(
        """
        & = und
        + = plus
        × = mal
        * = mal
        ÷ = geteilt durch
        < = ist kleiner als
        > = ist größer als
        ± = plus minus
        ~ = etwa
        - = minus
        − = minus
        / = oder
        § = Paragraf
        # = Hashtag
        @ = at
        % = Prozent
        ° = Grad
        dot = Punkt
        slash = Schrägstrich
        hyphen = Bindestrich
        _ = Unterstrich
        . = Punkt
        over = durch
        """
    )
    | {"=": "gleich"},
    months="Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    month_abbreviations="Jan Feb - Apr - Jun Jul Aug Sept Okt Nov Dez",
    day_mark=r"\.",
    of=" ?",
    day=_day,
    clock=_clock,
    hour_words=" ?Uhr",
    units=nouns(
        """
        km = Kilometer|Kilometer;m
        m = Meter|Meter;m
        cm = Zentimeter|Zentimeter;m
        mm = Millimeter|Millimeter;m
        kg = Kilogramm|Kilogramm;n
        g = Gramm|Gramm;n
        t = Tonne|Tonnen;f
        l L = Liter|Liter;m
        ml = Milliliter|Milliliter;m
        Liter = Liter|Liter;m
        °C = Grad Celsius|Grad Celsius;n
        °F = Grad Fahrenheit|Grad Fahrenheit;n
        m² qm = Quadratmeter|Quadratmeter;m
        km² = Quadratkilometer|Quadratkilometer;m
        m³ = Kubikmeter|Kubikmeter;m
        h Std. = Stunde|Stunden;f
        min Min. = Minute|Minuten;f
        s Sek. = Sekunde|Sekunden;f
        MB = Megabyte|Megabyte;n
        GB = Gigabyte|Gigabyte;n
        W = Watt|Watt;n
        """
    ),
    per={"/h": "pro Stunde", "/s": "pro Sekunde"},
    currency=currencies(
        """
        € EUR Euro = Euro|Euro;m + Cent|Cent;m
        $ USD = Dollar|Dollar;m + Cent|Cent;m
        £ GBP = Pfund|Pfund;n + Penny|Pence;m
        ct Cent = Cent|Cent;m
        CHF = Franken|Franken;m + Rappen|Rappen;m
        ¥ = Yen|Yen;m
        """
    ),
    scales=nouns(
        """
        Tsd. = Tausend|Tausend;n
        Mio. Mio Million Millionen = Million|Millionen;f
        Mrd. Mrd Milliarde Milliarden = Milliarde|Milliarden;f
        """
    ),
    abbreviations=pairs(
        """
        z. b. = zum Beispiel
        z.b. = zum Beispiel
        d. h. = das heißt
        d.h. = das heißt
        u. a. = unter anderem
        u.a. = unter anderem
        usw. = und so weiter
        bzw. = beziehungsweise
        ca. = circa
        evtl. = eventuell
        ggf. = gegebenenfalls
        dr. = Doktor
        prof. = Professor
        hr. = Herr
        hrn. = Herrn
        fr. = ~Frau
        st. = Sankt
        str. = Straße
        inkl. = inklusive
        vgl. = vergleiche
        sog. = sogenannte
        o. k. = okay
        jh. = Jahrhundert
        v. chr. = vor Christus
        n. chr. = nach Christus
        """
    ),
    before_number=pairs(
        "nr. = Nummer\ns. = Seite\nbd. = Band\nkap. = Kapitel\nabb. = Abbildung\nabs. = Absatz\nart. = Artikel"
    ),
    spelled=frozenset(words("ADAC USA EU UNO DDR CDU SPD FDP TV ARD ZDF BRD AG VW ICE IQ CD DVD PC AEG EDV UKW ID"))
    - {"UNO"},
    chapters="kapitel teil akt szene band buch weltkrieg",
    rulers="Ludwig Friedrich Wilhelm Heinrich Karl Otto Elisabeth Katharina Franz Josef Leopold Georg Johannes Paul Pius Benedikt"
    " Alexander Nikolaus Peter Philipp Maximilian Ferdinand Konrad Rudolf Leo Gregor Christian Gustav",
    regnal=_regnal,
    century=r"\. (?=Jahrhundert|Jh)",
    fractions={
        2: ("ein halb", "halbe"),
        3: ("ein Drittel", "Drittel"),
        4: ("ein Viertel", "Viertel"),
        5: ("ein Fünftel", "Fünftel"),
        6: ("ein Sechstel", "Sechstel"),
        8: ("ein Achtel", "Achtel"),
        10: ("ein Zehntel", "Zehntel"),
    },
    year_context="jahr jahre jahres im seit anno von bis um in januar februar märz april mai juni juli august september oktober"
    " november dezember sommer winter herbst frühling ende anfang mitte ab",
    says_years=True,
    gender_of=_gender,
    stage="flüstert flüsternd lacht lachend kichert seufzt seufzend hustet gähnt weint schreit ruft murmelt schnarcht knurrt"
    " geräusch geräusche musik applaus pause stille donner",
    number_rules=(
        (r"(?P<number>\d{2}|1\d{3}|20\d\d)er(?![^\W_])", _decade),
        (r"(?P<number>\d{1,3})\.(?= [^\W\d_])", _ordinal),
    ),
    word_rules=(
        (r"(?P<stem>[A-ZÄÖÜ][a-zäöüß]{2,30})str\.", lambda locale, match: f"{match['stem']}straße"),
        (r"(?P<roman>X{0,3}(?:IX|IV|V?I{0,3})(?<=[IVX]))\.(?! Jahrhundert| Jh)(?= [^\W\d_])", _ruler),
    ),
    sign_rules=((r"½(?= Liter)", lambda locale, match: "ein halber"),),
)
