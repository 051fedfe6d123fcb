"""Italian. The first of a month, the numbers of names and centuries are ordinals: primo maggio, Luigi quattordicesimo."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs, words


def _day(day: int, context: str) -> str:
    return "primo" if day == 1 else numbers.cardinal("it", day)


def _clock(time: Clock) -> str:
    hour = numbers.cardinal("it", time.hour, "f" if time.hour == 1 else "")
    return f"{hour} e {numbers.cardinal('it', time.minute)}" if time.minute else hour


def _regnal(number: int) -> str:
    return numbers.ordinal("it", number, "m")


def _gender(noun: str) -> str:
    word = noun.casefold()
    if word in {"di", "e", "o", "a", "in", "che", "con", "per", "il", "la", "è", "era", "da"}:
        return ""
    return "f" if word.endswith(("a", "zione", "tà")) else "m"


ITALIAN = Locale(
    language="it",
    point="virgola",
    fraction_as_number=True,
    minus="meno",
    to="a",
    percent="per cento",
    degrees="gradi",
    signs=signs(
        "& e; + più; = uguale; × per; * per; ÷ diviso; < minore di; > maggiore di; ± più o meno; ~ circa; - meno; − meno; / o;"
        "§ paragrafo; # hashtag; @ chiocciola; % per cento; ° gradi; dot punto; slash barra; hyphen trattino;"
        "_ trattino basso; . punto; over su"
    ),
    months="gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    month_abbreviations="gen feb mar apr mag giu lug ago set ott nov dic",
    ordinal_mark=r"(?:(?P<m>[º°])|(?P<f>ª))",
    day_mark="[º°]?",
    of=" ?",
    day=_day,
    clock=_clock,
    units=nouns(
        """
        km = chilometro|chilometri;m
        m = metro|metri;m
        cm = centimetro|centimetri;m
        mm = millimetro|millimetri;m
        kg = chilogrammo|chilogrammi;m
        g = grammo|grammi;m
        l L = litro|litri;m
        ml = millilitro|millilitri;m
        °C = grado Celsius|gradi Celsius;m
        m² mq = metro quadrato|metri quadrati;m
        ora ore = ora|ore;f
        min = minuto|minuti;m
        s = secondo|secondi;m
        """
    ),
    per={"/h": "all'ora", "/s": "al secondo"},
    currency=currencies(
        """
        € EUR euro = euro|euro;m + centesimo|centesimi;m
        $ USD = dollaro|dollari;m + centesimo|centesimi;m
        £ GBP = sterlina|sterline;f + penny|penny;m
        """
    ),
    money_and="e",
    scales=nouns("mila = mila|mila\nmilione milioni = milione|milioni;m\nmiliardo miliardi mld = miliardo|miliardi;m"),
    scale_of="di",
    abbreviations=pairs(
        """
        sig. = Signor
        sig.ra = Signora
        sig.na = Signorina
        sigg. = Signori
        dott. = Dottor
        dott.ssa = Dottoressa
        dr. = Dottor
        prof. = Professor
        prof.ssa = Professoressa
        ing. = Ingegner
        avv. = Avvocato
        s. = ~San
        ecc. = eccetera
        ad es. = ad esempio
        es. = esempio
        a.c. = avanti Cristo
        d.c. = dopo Cristo
        ca. = circa
        """
    ),
    before_number=pairs(
        "n. = numero\nn° = numero\nnº = numero\npag. = pagina\npagg. = pagine\np. = pagina\nvol. = volume\ncap. = capitolo\nfig. = figura\nart. = articolo"
    ),
    spelled=frozenset(words("TV CD DVD UE PC DNA USA FBI PD CGIL")) - {"USA"},
    chapters="capitolo parte atto scena libro tomo volume mondiale",
    rulers="Luigi Vittorio Emanuele Umberto Carlo Enrico Elisabetta Giovanni Paolo Pio Benedetto Leone Gregorio Filippo Federico"
    " Napoleone Guglielmo Alessandro Nicola Pietro Caterina Giorgio Edoardo Francesco Amedeo Ramses",
    regnal=_regnal,
    century=r"(?= secolo)",
    fractions={
        2: ("un mezzo", "mezzi"),
        3: ("un terzo", "terzi"),
        4: ("un quarto", "quarti"),
        5: ("un quinto", "quinti"),
        6: ("un sesto", "sesti"),
        8: ("un ottavo", "ottavi"),
        10: ("un decimo", "decimi"),
    },
    fraction_and="e",
    gender_of=_gender,
    stage="sussurra sussurrando ride risate ridendo sospira tossisce sbadiglia piange grida russa suono rumore musica pausa silenzio tuono",
    sign_rules=((r"'(?P<tens>\d0)(?!\d)", lambda locale, match: numbers.cardinal("it", int(match["tens"]))),),
)
