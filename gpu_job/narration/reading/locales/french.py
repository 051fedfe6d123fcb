"""French. The first of a month and of a name is an ordinal (le premier mai, François premier), the rest are cardinals."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, Noun, currencies, nouns, pairs, signs, words

_HOUR = Noun("heure", "heures", "heures", "f")


def _day(day: int, context: str) -> str:
    return "premier" if day == 1 else numbers.cardinal("fr", day)


def _clock(time: Clock) -> str:
    minute = f" {numbers.cardinal('fr', time.minute, 'f')}" if time.minute else ""
    if time.hour in {0, 12} and not time.named and not time.minute:
        return "midi" if time.hour else "minuit"
    hour = numbers.cardinal("fr", time.hour, "f")
    return f"{hour} {_HOUR.one if time.hour < 2 else _HOUR.many}{minute}"


def _regnal(number: int) -> str:
    return "premier" if number == 1 else numbers.cardinal("fr", number)


def _gender(noun: str) -> str:
    feminine = noun.endswith(
        (
            "tion",
            "té",
            "ée",
            "ette",
            "elle",
            "esse",
            "ance",
            "ence",
            "ille",
            "ure",
            "aine",
            "ine",
            "fois",
            "heures",
            "heure",
        )
    )
    return (
        "f"
        if feminine
        or noun.rstrip("s") in {"foi", "étoile", "femme", "pomme", "semaine", "minute", "seconde", "page", "rose"}
        else "m"
    )


FRENCH = Locale(
    language="fr",
    groups=" .",
    point="virgule",
    fraction_as_number=True,
    minus="moins",
    to="à",
    percent="pour cent",
    degrees="degrés",
    signs=signs(
        "& et; + plus; = égale; × fois; * fois; ÷ divisé par; < inférieur à; > supérieur à; ± plus ou moins; ~ environ; - moins;"
        "− moins; / ou; § paragraphe; # hashtag; @ arobase; % pour cent; ° degrés; dot point; slash barre oblique; hyphen tiret;"
        "_ tiret bas; . point; over sur"
    ),
    months="janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    month_abbreviations="janv févr - avr - - juil - sept oct nov déc",
    ordinal_mark=r"(?:(?P<m>er)|(?P<f>re|ère)|(?:e|ème|ième|nd|nde)s?)(?![^\W_])",
    day_mark="(?:er)?",
    of=" ?",
    day=_day,
    clock=_clock,
    clock_marks=":hH",
    hour_words=r" ?h(?:eures?)?",
    units=nouns(
        """
        km = kilomètre|kilomètres;m
        m = mètre|mètres;m
        cm = centimètre|centimètres;m
        mm = millimètre|millimètres;m
        kg = kilogramme|kilogrammes;m
        g = gramme|grammes;m
        t = tonne|tonnes;f
        l L = litre|litres;m
        ml = millilitre|millilitres;m
        °C = degré Celsius|degrés Celsius;m
        m² = mètre carré|mètres carrés;m
        min = minute|minutes;f
        s = seconde|secondes;f
        heure heures = heure|heures;f
        Mo = mégaoctet|mégaoctets;m
        Go = gigaoctet|gigaoctets;m
        """
    ),
    per={"/h": "par heure", "/s": "par seconde"},
    currency=currencies(
        """
        € EUR euro euros = euro|euros;m + centime|centimes;m
        $ USD = dollar|dollars;m + cent|cents;m
        £ GBP = livre|livres;f + penny|pence;m
        CHF = franc suisse|francs suisses;m + centime|centimes;m
        ¥ = yen|yens;m
        """
    ),
    scales=nouns(
        "mille = mille|mille\nmillion millions = million|millions;m\nmilliard milliards Md Mds = milliard|milliards;m"
    ),
    scale_of="de",
    abbreviations=pairs(
        """
        m. = ~Monsieur
        mm. = ~Messieurs
        mme = ~Madame
        mmes = ~Mesdames
        mlle = ~Mademoiselle
        dr = ~Docteur
        dr. = Docteur
        pr = ~Professeur
        me = ~Maître
        etc. = et cetera
        etc = et cetera
        p. ex. = par exemple
        c.-à-d. = c'est-à-dire
        c-à-d = c'est-à-dire
        st = ~Saint
        ste = ~Sainte
        st-nicolas = Saint-Nicolas
        env. = environ
        av. j.-c. = avant Jésus-Christ
        apr. j.-c. = après Jésus-Christ
        ok = okay
        """
    ),
    before_number=pairs(
        "n° = numéro\nno = numéro\nnº = numéro\np. = page\npp. = pages\nvol. = volume\nchap. = chapitre\nfig. = figure\nart. = article"
    ),
    spelled=frozenset(words("SNCF USA UE ONU TV RATP TGV BD CD DVD PC HLM EDF IRM PDG OVNI ADN QI ID"))
    - {"OVNI", "ONU"},
    chapters="chapitre partie acte scène livre tome volume guerre",
    rulers="Louis François Henri Charles Philippe Napoléon Jean Paul Pie Benoît Léon Grégoire Élisabeth Elisabeth Catherine Guillaume"
    " Frédéric Alexandre Nicolas Pierre Albert Léopold Baudouin Édouard Edouard Jacques Georges Richard Ramsès Robert Clovis Childéric",
    regnal=_regnal,
    century=r"(?:(?:e|ème)(?![^\W_]))",
    fractions={
        2: ("un demi", "demis"),
        3: ("un tiers", "tiers"),
        4: ("un quart", "quarts"),
        5: ("un cinquième", "cinquièmes"),
        6: ("un sixième", "sixièmes"),
        8: ("un huitième", "huitièmes"),
        10: ("un dixième", "dixièmes"),
    },
    fraction_and="et",
    gender_of=_gender,
    stage="chuchote chuchotant murmure rit rires riant soupire tousse bâille pleure crie ronfle bruit bruits musique pause silence tonnerre",
    year_words=lambda number, following: numbers.cardinal("fr", number),
    special="ier",
    word_rules=(
        (r"(?P<name>[A-ZÀ-Þ][a-zà-þ]{2,20}) I(?:er|ᵉʳ)(?![^\W_])", lambda locale, match: f"{match['name']} premier"),
        (r"Ier(?![^\W_])", lambda locale, match: "premier"),
        (r"(?P<saint>St|Ste)-(?=[A-ZÀ-Þ])", lambda locale, match: "Saint" if match["saint"] == "St" else "Sainte"),
    ),
)
