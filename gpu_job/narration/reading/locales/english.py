"""English, said the way of an American narrator who says "one hundred and one"."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

import re

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, words
from gpu_job.narration.reading.rule import before, word_before


def _clock(time: Clock) -> str:
    hour = numbers.cardinal("en", time.hour)
    if time.minute:
        minute = numbers.cardinal("en", time.minute) if time.minute > 9 else f"oh {numbers.cardinal('en', time.minute)}"
    else:
        minute = "" if time.half else "o'clock"
    half = {"am": "ay M", "pm": "P M"}.get(time.half, "")
    return " ".join(f"{hour} {minute} {half}".split())


def _hours(locale: Locale, match: re.Match[str]) -> str:
    """9am-5pm"""
    low = (
        _clock(Clock(int(match["low"]), 0, match["half"], named=False))
        if match["half"]
        else numbers.cardinal("en", int(match["low"]))
    )
    return f"{low} to {_clock(Clock(int(match['high']), 0, match['end'], named=False))}"


def _duration(locale: Locale, match: re.Match[str]) -> str:
    hours, minutes, seconds = (int(match[name]) for name in ("h", "m", "s"))
    unit = locale.units
    said = [locale.count(hours, unit["hr"]), locale.count(minutes, unit["min"])]
    return f"{' '.join(said)} and {locale.count(seconds, unit['sec'])}"


def _decade(locale: Locale, match: re.Match[str]) -> str | None:
    century, tens = match["century"], int(match["tens"])
    if tens % 10 or (not century and tens < 20):
        return None
    if not century:
        return _plural(numbers.cardinal("en", tens))
    number = int(century) * 100 + tens
    if number == 2000:
        return "two thousands"
    first = numbers.cardinal("en", int(century))
    return f"{first} {_plural(numbers.cardinal('en', tens)) if tens else 'hundreds'}"


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _feet(locale: Locale, match: re.Match[str]) -> str:
    feet, inches = match["feet"], match["inches"]
    said = locale.count(int(feet), locale.units["ft"])
    return f"{said} {numbers.cardinal('en', int(inches))}" if inches else said


def _age(locale: Locale, match: re.Match[str]) -> str:
    return f"{numbers.cardinal('en', int(match['age']))} {match['unit']} {match['rest'] or ''}".strip()


def _always(locale: Locale, match: re.Match[str]) -> str:
    return "twenty-four seven"


def _by(locale: Locale, match: re.Match[str]) -> str:
    low, high = (numbers.cardinal("en", int(match[name])) for name in ("low", "high"))
    word = "times" if " " in match.group() else "by"
    return f"{low} {word} {high}"


def _emergency(locale: Locale, match: re.Match[str]) -> str | None:
    if word_before(match).casefold() not in {"call", "dial", "called", "dialed", "dialled", "calling", "rang", "ring"}:
        return None
    return numbers.digits("en", match.group())


def _agent(locale: Locale, match: re.Match[str]) -> str:
    return f"double oh {numbers.cardinal('en', int(match['last']))}"


def _house(locale: Locale, match: re.Match[str]) -> str:
    """221B Baker Street: two twenty-one B."""
    first, rest = match["number"][0], int(match["number"][1:])
    after = f"oh {numbers.cardinal('en', rest)}" if rest < 10 else numbers.cardinal("en", rest)
    return f"{numbers.cardinal('en', int(first))} {after} {match['letter']}"


def _era(locale: Locale, match: re.Match[str]) -> str:
    return f"{locale.spell('AD')} {numbers.year('en', int(match['year']))}"


def _heart(locale: Locale, match: re.Match[str]) -> str | None:
    return (
        "love" if before(match, 5).strip().split(" ")[-1] in {"I", "We", "we", "You", "you", "They", "they"} else None
    )


def _apostrophe_decade(locale: Locale, match: re.Match[str]) -> str | None:
    return _plural(numbers.cardinal("en", int(match["tens"])))


def _world_war(locale: Locale, match: re.Match[str]) -> str:
    return f"World War {numbers.cardinal('en', len(match['roman']))}"


def _slash(locale: Locale, match: re.Match[str]) -> str | None:
    """he/she is "he or she", and/or is "and or"."""
    near = before(match, 4).casefold()
    return None if near.endswith("and") or not near[-1:].isalpha() else "or"


def _hashtag(locale: Locale, match: re.Match[str]) -> str:
    return "number" if match["digit"] else "hashtag"


def _version(locale: Locale, match: re.Match[str]) -> str:
    said = " point ".join(numbers.cardinal("en", int(part)) for part in match["number"].split("."))
    return f"version {said}"


def _regnal(number: int) -> str:
    return f"the {numbers.ordinal('en', number)}"


def _year(number: int, following: str) -> str:
    if 2000 <= number < 2010:
        return numbers.cardinal("en", number)
    return numbers.year("en", number).replace("oh-", "oh ")


ENGLISH = Locale(
    language="en",
    decimal=".",
    groups=", ",
    point="point",
    to="to",
    percent="percent",
    degrees="degrees",
    signs=pairs(
        """
        & = and
        + = plus
        = = equals
        × = times
        * = times
        ÷ = divided by
        < = is less than
        > = is greater than
        ≤ = is at most
        ≥ = is at least
        ≈ = is about
        ≠ = is not equal to
        ± = plus or minus
        √ = root of
        ∞ = infinity
        ~ = about
        - = minus
        − = minus
        § = section
        # = hashtag
        @ = at
        % = percent
        ° = degrees
        dot = dot
        slash = slash
        hyphen = dash
        _ = underscore
        . = point
        over = over
        """
    )
    | {"=": "equals"},
    months="January February March April May June July August September October November December",
    month_abbreviations="Jan Feb Mar Apr - Jun Jul Aug Sept Oct Nov Dec",
    ordinal_mark=r"(?:st|nd|rd|th|ST|ND|RD|TH)(?![^\W_])",
    day_mark=r"(?:st|nd|rd|th)?(?: of)?",
    of=" ?",
    clock=_clock,
    units=nouns(
        """
        km = kilometer|kilometers
        m = meter|meters
        cm = centimeter|centimeters
        mm = millimeter|millimeters
        mi = mile|miles
        ft = foot|feet
        ft. = foot|feet
        in. = inch|inches
        yd = yard|yards
        kg = kilogram|kilograms
        g = gram|grams
        mg = milligram|milligrams
        tsp tsp. = teaspoon|teaspoons
        tbsp tbsp. = tablespoon|tablespoons
        lb lb. = pound|pounds
        lbs lbs. = pound|pounds
        oz oz. = ounce|ounces
        l L = liter|liters
        ml mL = milliliter|milliliters
        °C = degree Celsius|degrees Celsius
        °F = degree Fahrenheit|degrees Fahrenheit
        mph = mile per hour|miles per hour
        m² = square meter|square meters
        km² = square kilometer|square kilometers
        m³ = cubic meter|cubic meters
        KB = kilobyte|kilobytes
        MB = megabyte|megabytes
        GB = gigabyte|gigabytes
        TB = terabyte|terabytes
        h = hour|hours
        hr hrs hr. hrs. = hour|hours
        min mins min. = minute|minutes
        s = second|seconds
        sec secs sec. = second|seconds
        ms = millisecond|milliseconds
        Hz = hertz|hertz
        kHz = kilohertz|kilohertz
        W = watt|watts
        kW = kilowatt|kilowatts
        V = volt|volts
        """
    ),
    per={"/h": "per hour", "/s": "per second", "/day": "a day", "/week": "a week"},
    currency=currencies(
        """
        $ = dollar|dollars + cent|cents
        US$ USD = U S dollar|U S dollars + cent|cents
        £ GBP = pound|pounds + penny|pence
        € EUR euro euros = euro|euros + cent|cents
        ¥ JPY = yen|yen
        ₹ INR = rupee|rupees + paisa|paise
        ¢ = cent|cents
        p = P|P
        ₩ = won|won
        ₽ = ruble|rubles
        ₪ = shekel|shekels
        CHF = Swiss franc|Swiss francs
        """
    ),
    money_and="and",
    say_cents=True,
    scales=nouns(
        """
        thousand K = thousand|thousand
        million mn M = million|million
        billion bn = billion|billion
        trillion tn = trillion|trillion
        """
    ),
    abbreviations=pairs(
        """
        mr. = Mister
        mr = ~Mister
        mrs. = Missus
        mrs = ~Missus
        ms. = Miz
        ms = ~Miz
        dr. = Doctor
        dr = ~Doctor
        prof. = Professor
        st. = street|saint
        ave. = Avenue
        rd. = Road
        blvd. = Boulevard
        jr. = Junior
        sr. = Senior
        etc. = et cetera
        etc = et cetera
        e.g. = for example
        eg. = for example
        i.e. = that is
        vs. = versus
        vs = versus
        capt. = Captain
        sgt. = Sergeant
        mt. = Mount
        gen. = General
        rev. = Reverend
        lt. = Lieutenant
        col. = Colonel
        sen. = Senator
        gov. = Governor
        hon. = Honorable
        maj. = Major
        approx. = approximately
        ltd. = Limited
        inc. = ~Incorporated
        corp. = Corporation
        dept. = Department
        est. = established
        jan. = January
        feb. = February
        aug. = August
        sept. = September
        oct. = October
        nov. = November
        dec. = December
        mon. = ~Monday
        tues. = Tuesday
        wed. = ~Wednesday
        thurs. = Thursday
        fri. = Friday
        ok = okay
        a.k.a. = also known as
        p.s. = P S
        """
    ),
    before_number=pairs(
        """
        no. = number
        nos. = numbers
        p. = page
        pp. = pages
        vol. = volume
        vols. = volumes
        ch. = chapter
        chap. = chapter
        fig. = figure
        sec. = section
        art. = article
        """
    ),
    spelled=frozenset(
        words(
            "USA USSR US UK EU FBI CIA TV UFO ATM ID AI DVD CD PC USB IQ DIY VIP CEO EP LA UN UAE RSVP AKA ASAP FAQ IT PE BBQ "
            "DNA MIA IOU ABC OMG NBA HBO AC DC AD BCE CE IBM SOS TNT XL AM PM EMT ICU ER DJ MVP"
        )
    )
    - {"IT"},
    letters={"A": "ay"},
    chapters="chapter part act scene book volume section war phase appendix canto lesson stage level grade type class unit",
    rulers="Henry Elizabeth Louis Charles George Edward William James Richard John Paul Pius Benedict Leo Gregory Mary Philip"
    " Frederick Alexander Nicholas Peter Catherine Ivan Napoleon Ferdinand Alfonso Robert David Malcolm Constantine Ramses"
    " Ptolemy Clement Innocent Urban Francis Victor Wilhelm Otto Stephen Margaret Christian Gustav Olaf Haakon Harald Magnus"
    " Eric Felipe Juan Carlos Albert Leopold Umberto Baldwin Tutmose Thutmose Darius Cyrus Xerxes Antiochus Seti",
    regnal=_regnal,
    fractions={2: ("a half", "halves"), 3: ("a third", "thirds"), 4: ("a quarter", "quarters")},
    fraction_and="and",
    year_context="in since until till by of from to year before after during spring summer autumn fall winter circa c ca around"
    " early late mid january february march april may june july august september october november december between and",
    says_years=True,
    year_words=_year,
    stage="whispers whispering whispered laughs laughing laughter giggles giggling sighs sighing gasps gasping coughs coughing"
    " yawns yawning sobs sobbing cries crying shouts shouting screams screaming mumbles mumbling mutters muttering grins"
    " smiles smiling winks nods shrugs sniffs sniffles snores snoring growls growling roars chuckles chuckling groans clears"
    " sound sounds sfx music applause pause pauses silence beat thunder narrator",
    special="ad v i w phd ww",
    number_rules=(
        (r"(?P<h>\d{1,2}):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?!\d)", _duration),
        (r"(?P<century>1\d|20)?(?P<tens>\d0)'?s(?![^\W_])", _decade),
        (r"(?P<feet>\d{1,2})'(?: ?(?P<inches>\d{1,2})(?:\"|''))(?!\w)", _feet),
        (
            r"(?P<age>\d{1,4})-(?P<unit>year|month|week|day|hour|minute|second|mile|foot|inch|pound|page)(?P<rest>-old)?",
            _age,
        ),
        (r"(?P<low>1[0-2]|[1-9])(?P<half>[ap]m)?(?: ?[–—] ?|-)(?P<high>1[0-2]|[1-9])(?P<end>[ap]m)(?![^\W_])", _hours),
        (r"24/7(?![\d/])", _always),
        (r"(?P<low>\d{1,4}) ?[x×] ?(?P<high>\d{1,4})(?![^\W_])", _by),
        (r"911|999(?!\d)", _emergency),
        (r"00(?P<last>[1-9])(?!\d)", _agent),
        (r"(?P<number>[1-9]\d\d)(?P<letter>[A-F])(?![^\W_])", _house),
    ),
    word_rules=(
        (r"PhD(?![^\W_])", lambda locale, match: locale.spell("PHD")),
        (r"WW(?P<roman>I{1,3})(?![^\W_])", _world_war),
        (r"w/o(?![^\W_])", lambda locale, match: "without"),
        (r"w/(?= )", lambda locale, match: "with"),
        (r"AD (?P<year>\d{1,4})(?!\d)", _era),
        (r"v\.? ?(?P<number>\d{1,4}(?:\.\d{1,4}){1,4})(?!\d)", _version),
    ),
    sign_rules=(
        (r"/(?=\w)", _slash),
        (r"'(?P<tens>[2-9]0)s(?![^\W_])", _apostrophe_decade),
        (r"#(?:(?=(?P<digit>\d))|(?=\w))", _hashtag),
        (r"❤(?= ?[a-z])", _heart),
    ),
)
