"""Dutch. Years go by hundreds (negentienhonderdachtennegentig), names are numbered with "de": Willem de derde."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs, words


def _clock(time: Clock) -> str:
    minute = f" {numbers.cardinal('nl', time.minute)}" if time.minute else ""
    return f"{numbers.cardinal('nl', time.hour)} uur{minute}"


def _regnal(number: int) -> str:
    return f"de {numbers.ordinal('nl', number)}"


def _year(number: int, following: str) -> str:
    century, rest = divmod(number, 100)
    if not 11 <= century < 20:
        return numbers.cardinal("nl", number)
    return f"{numbers.cardinal('nl', century)}honderd{numbers.cardinal('nl', rest) if rest else ''}"


DUTCH = Locale(
    language="nl",
    point="komma",
    fraction_as_number=True,
    minus="min",
    to="tot",
    percent="procent",
    degrees="graden",
    signs=signs(
        "& en; + plus; = is; × keer; * keer; ÷ gedeeld door; < kleiner dan; > groter dan; ± plus min; ~ ongeveer; - min; − min;"
        "/ of; § paragraaf; # hashtag; @ apenstaartje; % procent; ° graden; dot punt; slash schuine streep; hyphen streepje;"
        "_ laag streepje; . punt; over gedeeld door"
    ),
    months="januari februari maart april mei juni juli augustus september oktober november december",
    month_abbreviations="jan feb mrt apr - jun jul aug sept okt nov dec",
    ordinal_mark=r"(?:e|ste|de)(?![^\W_])",
    day_mark=r"(?:e|ste|de)?",
    of=" ?",
    clock=_clock,
    hour_words=" ?(?:uur|u)",
    units=nouns(
        """
        km = kilometer|kilometer
        m = meter|meter
        cm = centimeter|centimeter
        mm = millimeter|millimeter
        kg = kilogram|kilogram
        g = gram|gram
        l L = liter|liter
        ml = milliliter|milliliter
        °C = graad Celsius|graden Celsius
        m² = vierkante meter|vierkante meter
        min = minuut|minuten
        s = seconde|seconden
        """
    ),
    per={"/u": "per uur", "/h": "per uur", "/s": "per seconde"},
    currency=currencies(
        """
        € EUR euro = euro|euro + cent|cent
        $ USD = dollar|dollar + cent|cent
        £ GBP = pond|pond + penny|pence
        """
    ),
    scales=nouns("duizend = duizend|duizend\nmiljoen mln = miljoen|miljoen\nmiljard mld = miljard|miljard"),
    abbreviations=pairs(
        """
        dhr. = de heer
        mevr. = mevrouw
        mw. = mevrouw
        dr. = dokter
        prof. = professor
        ir. = ingenieur
        mr. = meester
        enz. = enzovoort
        bijv. = bijvoorbeeld
        bv. = bijvoorbeeld
        d.w.z. = dat wil zeggen
        o.a. = onder andere
        m.a.w. = met andere woorden
        i.p.v. = in plaats van
        a.u.b. = alstublieft
        t.o.v. = ten opzichte van
        m.b.t. = met betrekking tot
        ca. = circa
        st. = ~Sint
        n. chr. = na Christus
        v. chr. = voor Christus
        """
    ),
    before_number=pairs(
        "nr. = nummer\nno. = nummer\nblz. = bladzijde\np. = pagina\nhfst. = hoofdstuk\nafb. = afbeelding\nart. = artikel\ndl. = deel"
    ),
    spelled=frozenset(words("ANWB TV CD DVD EU VVD PC KNMI NOS DNA USA VN ID")),
    chapters="hoofdstuk deel akte scène boek wereldoorlog",
    rulers="Willem Lodewijk Karel Hendrik Filips Elizabeth Johannes Paulus Pius Benedictus Leo Frederik Napoleon Alexander Nicolaas"
    " Peter Catharina George Eduard Albert Leopold Boudewijn Jan Maurits",
    regnal=_regnal,
    fractions={
        2: ("een half", "tweede"),
        3: ("een derde", "derde"),
        4: ("een kwart", "kwart"),
        5: ("een vijfde", "vijfde"),
        6: ("een zesde", "zesde"),
        8: ("een achtste", "achtste"),
        10: ("een tiende", "tiende"),
    },
    fraction_and="en",
    year_context="in sinds tot vanaf rond jaar anno van januari februari maart april mei juni juli augustus september oktober"
    " november december zomer winter herfst lente begin eind voor na",
    says_years=True,
    year_words=_year,
    stage="fluistert fluisterend lacht lachend giechelt zucht hoest gaapt huilt roept snurkt geluid muziek pauze stilte donder",
    sign_rules=((r"'(?P<tens>\d0)(?!\d)", lambda locale, match: numbers.cardinal("nl", int(match["tens"]))),),
)
