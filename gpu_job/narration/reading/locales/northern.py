"""Danish, Norwegian, Swedish and Finnish."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs


def _ordinal_day(language: str, day: int) -> str:
    return numbers.ordinal(language, day)


def _clock(language: str, zero: str, between: str, time: Clock) -> str:
    hour = numbers.cardinal(language, time.hour)
    if time.minute == 0:
        return hour
    minute = numbers.cardinal(language, time.minute)
    return f"{hour} {between}{f'{zero} ' if time.minute < 10 else ''}{minute}"


def _danish_year(number: int, following: str) -> str:
    return numbers.cardinal("da", number) if number >= 2000 else numbers.year("da", number)


_METRIC = """
    km = {kilo}{meter}|{kilo}{meter}
    m = {meter}|{meter}
    cm = centi{meter}|centi{meter}
    mm = milli{meter}|milli{meter}
    kg = {kilo}|{kilo}
    g = gram|gram
    l L = liter|liter
    ml = milliliter|milliliter
"""
DANISH = Locale(
    language="da",
    point="komma",
    to="til",
    percent="procent",
    degrees="grader",
    signs=signs(
        "& og; + plus; = er lig med; × gange; * gange; ÷ divideret med; < mindre end; > større end; ± plus minus; ~ cirka; - minus;"
        "− minus; / eller; § paragraf; # hashtag; @ snabel-a; % procent; ° grader; dot punktum; slash skråstreg; hyphen bindestreg;"
        "_ understreg; . punktum; over over"
    ),
    months="januar februar marts april maj juni juli august september oktober november december",
    ordinal_mark=r"\.(?= [a-zæøå])",
    day_mark=r"\.?",
    of=" ?",
    day=lambda day, before: _ordinal_day("da", day),
    clock=lambda time: _clock("da", "nul", "", time),
    clock_marks=":",
    units=nouns(
        _METRIC.format(kilo="kilo", meter="meter") + "°C = grad celsius|grader celsius\nmin. min = minut|minutter"
    ),
    per={"/t": "i timen", "/h": "i timen"},
    currency=currencies(
        "kr. kr DKK = krone|kroner;c + øre|øre\n€ EUR = euro|euro + cent|cent\n$ USD = dollar|dollar + cent|cent"
    ),
    scales=nouns("mio. = million|millioner\nmia. = milliard|milliarder"),
    abbreviations=pairs(
        "f.eks. = for eksempel\nosv. = og så videre\nbl.a. = blandt andet\ndvs. = det vil sige\nca. = cirka\ndr. = doktor\nhr. = hr\n"
        "fr. = fru\nkl. = klokken\nm.m. = med mere\nmht. = med hensyn til\nprof. = professor"
    ),
    before_number=pairs("nr. = nummer\ns. = side\nkap. = kapitel"),
    chapters="kapitel del akt scene bog verdenskrig",
    rulers="Christian Frederik Margrethe Valdemar Erik Ludvig Henrik Karl Napoleon",
    regnal=lambda number: f"den {numbers.ordinal('da', number)}",
    fractions={2: ("en halv", "halve"), 3: ("en tredjedel", "tredjedele"), 4: ("en fjerdedel", "fjerdedele")},
    fraction_and="og",
    year_context="i siden fra til omkring år og januar februar marts april maj juni juli august september oktober november december",
    says_years=True,
    year_words=_danish_year,
    stage="hvisker ler griner sukker hoster gaber græder råber snorker lyd musik pause stilhed torden",
)
NORWEGIAN = Locale(
    language="no",
    point="komma",
    to="til",
    percent="prosent",
    degrees="grader",
    signs=signs(
        "& og; + pluss; = er lik; × ganger; * ganger; ÷ delt på; < mindre enn; > større enn; ± pluss minus; ~ cirka; - minus;"
        "− minus; / eller; § paragraf; # emneknagg; @ krøllalfa; % prosent; ° grader; dot punktum; slash skråstrek; hyphen bindestrek;"
        "_ understrek; . punktum; over delt på"
    ),
    months="januar februar mars april mai juni juli august september oktober november desember",
    ordinal_mark=r"\.(?= [a-zæøå])",
    day_mark=r"\.?",
    of=" ?",
    day=lambda day, before: _ordinal_day("no", day),
    clock=lambda time: _clock("no", "null", "", time),
    units=nouns(_METRIC.format(kilo="kilo", meter="meter") + "°C = grad celsius|grader celsius\nmin = minutt|minutter"),
    per={"/t": "i timen", "/h": "i timen"},
    currency=currencies(
        "kr kr. NOK = krone|kroner;m + øre|øre\n€ EUR = euro|euro + cent|cent\n$ USD = dollar|dollar + cent|cent"
    ),
    scales=nouns("mill. = million|millioner\nmrd. = milliard|milliarder"),
    abbreviations=pairs(
        "f.eks. = for eksempel\nosv. = og så videre\nbl.a. = blant annet\ndvs. = det vil si\nca. = cirka\ndr. = doktor\nhr. = herr\n"
        "fr. = fru\nkl. = klokken\nmed mer = med mer\nprof. = professor"
    ),
    before_number=pairs("nr. = nummer\ns. = side\nkap. = kapittel"),
    chapters="kapittel del akt scene bok verdenskrig",
    rulers="Harald Haakon Olav Håkon Magnus Christian Karl Ludvig Henrik Napoleon",
    regnal=lambda number: f"den {numbers.ordinal('no', number)}",
    fractions={2: ("en halv", "halve"), 3: ("en tredjedel", "tredjedeler"), 4: ("en fjerdedel", "fjerdedeler")},
    fraction_and="og",
    year_context="i siden fra til rundt år og januar februar mars april mai juni juli august september oktober november desember",
    says_years=True,
    stage="hvisker ler sukker hoster gjesper gråter roper snorker lyd musikk pause stillhet torden",
)
SWEDISH = Locale(
    language="sv",
    point="komma",
    fraction_as_number=True,
    to="till",
    percent="procent",
    degrees="grader",
    signs=signs(
        "& och; + plus; = är lika med; × gånger; * gånger; ÷ delat med; < mindre än; > större än; ± plus minus; ~ cirka; - minus;"
        "− minus; / eller; § paragraf; # hashtag; @ snabel-a; % procent; ° grader; dot punkt; slash snedstreck; hyphen bindestreck;"
        "_ understreck; . punkt; over genom"
    ),
    months="januari februari mars april maj juni juli augusti september oktober november december",
    ordinal_mark=r":(?:e|a)(?![^\W_])",
    day_mark=r"(?::e|:a)?",
    of=" ?",
    day=lambda day, before: _ordinal_day("sv", day),
    clock=lambda time: _clock("sv", "noll", "", time),
    units=nouns(
        _METRIC.format(kilo="kilo", meter="meter") + "°C = grad Celsius|grader Celsius;c\nmin = minut|minuter;c"
    ),
    per={"/h": "i timmen", "/t": "i timmen"},
    currency=currencies(
        "kr SEK krona kronor = krona|kronor;c + öre|öre\n€ EUR = euro|euro;c + cent|cent;c\n$ USD = dollar|dollar;c + cent|cent;c"
    ),
    scales=nouns("miljon miljoner mn = miljon|miljoner;c\nmiljard miljarder md = miljard|miljarder;c"),
    abbreviations=pairs(
        "t.ex. = till exempel\nt ex = till exempel\nosv. = och så vidare\nbl.a. = bland annat\ndvs. = det vill säga\nca = cirka\n"
        "ca. = cirka\ndr = ~doktor\nkl. = klockan\nm.m. = med mera\nprof. = professor\nobs! = obs!"
    ),
    before_number=pairs("nr = nummer\nnr. = nummer\ns. = sidan\nkap. = kapitel"),
    chapters="kapitel del akt scen bok världskriget",
    rulers="Karl Gustav Erik Johan Oscar Carl Kristian Ludvig Henrik Napoleon",
    regnal=lambda number: f"den {numbers.ordinal('sv', number, 'f')}",
    fractions={2: ("en halv", "halva"), 3: ("en tredjedel", "tredjedelar"), 4: ("en fjärdedel", "fjärdedelar")},
    fraction_and="och",
    year_context="i sedan från till omkring år och januari februari mars april maj juni juli augusti september oktober november december",
    says_years=True,
    stage="viskar skrattar suckar hostar gäspar gråter ropar snarkar ljud musik paus tystnad åska",
)
FINNISH = Locale(
    language="fi",
    point="pilkku",
    minus="miinus",
    to="viiva",
    percent="prosenttia",
    degrees="astetta",
    signs=signs(
        "& ja; + plus; = on; × kertaa; * kertaa; ÷ jaettuna; < pienempi kuin; > suurempi kuin; ± plus miinus; ~ noin; - miinus;"
        "− miinus; / tai; § pykälä; # aihetunniste; @ ät; % prosenttia; ° astetta; dot piste; slash kauttaviiva; hyphen viiva;"
        "_ alaviiva; . piste; over per"
    ),
    months="tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    ordinal_mark=r"\.(?= [a-zäö])",
    day_mark=r"\.",
    of=" ?",
    day=lambda day, before: _ordinal_day("fi", day),
    clock=lambda time: _clock("fi", "nolla", "", time),
    units=nouns(
        """
        km = kilometri|kilometriä
        m = metri|metriä
        cm = senttimetri|senttimetriä
        mm = millimetri|millimetriä
        kg = kilogramma|kilogrammaa
        g = gramma|grammaa
        l = litra|litraa
        °C = celsiusaste|celsiusastetta
        min = minuutti|minuuttia
        """
    ),
    per={"/h": "tunnissa"},
    currency=currencies("€ EUR = euro|euroa + sentti|senttiä\n$ USD = dollari|dollaria + sentti|senttiä"),
    scales=nouns("milj. = miljoona|miljoonaa\nmrd. = miljardi|miljardia"),
    abbreviations=pairs(
        "esim. = esimerkiksi\njne. = ja niin edelleen\nym. = ynnä muuta\neli = eli\nn. = noin\nts. = toisin sanoen\ntri = tohtori\nklo = kello"
    ),
    before_number=pairs("nro = numero\ns. = sivu"),
    chapters="luku osa näytös kohtaus kirja",
    fractions={2: ("puoli", "kahdesosaa"), 3: ("yksi kolmasosa", "kolmasosaa"), 4: ("yksi neljäsosa", "neljäsosaa")},
    fraction_and="ja",
    stage="kuiskaa nauraa huokaa yskii haukottelee itkee huutaa kuorsaa ääni musiikki tauko hiljaisuus ukkonen",
)
NORTHERN = (DANISH, NORWEGIAN, SWEDISH, FINNISH)
