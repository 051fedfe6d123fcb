"""Russian and Polish. Nouns count in three forms; days of the month are ordinals in the genitive, years ordinals in the case
that the word for "year" shows: в 1998 году, w 1998 roku."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs, words


def _russian_day(day: int, context: str) -> str:
    return numbers.ordinal("ru", day, "masculine-genitive")


_RUSSIAN_CASES = {
    "год": "masculine",
    "года": "masculine-genitive",
    "году": "masculine-locative",
    "годом": "masculine-ablative",
}


def _russian_year(number: int, following: str) -> str:
    if following == "date":
        return numbers.ordinal("ru", number, "masculine-genitive").removeprefix("одна ")
    case = _RUSSIAN_CASES.get(following.casefold())
    words = numbers.ordinal("ru", number, case) if case else numbers.cardinal("ru", number)
    return words.removeprefix("одна ") if words.startswith("одна тысяча") else words


def _regnal(number: int) -> str:
    return numbers.ordinal("ru", number, "masculine")


def _clock(language: str, zero: str, time: Clock) -> str:
    minute = numbers.cardinal(language, time.minute)
    between = f"{zero} " if 0 < time.minute < 10 else f"{zero} " if time.minute == 0 else ""
    return f"{numbers.cardinal(language, time.hour)} {between}{minute}"


def _gender(noun: str) -> str:
    word = noun.casefold()
    return "f" if word.endswith(("а", "я", "и", "ы")) and not word.endswith(("ами", "года")) else "m"


_UNITS = ("pierwszy", "drugi", "trzeci", "czwarty", "piąty", "szósty", "siódmy", "ósmy", "dziewiąty")
_TEENS = words(
    "dziesiąty jedenasty dwunasty trzynasty czternasty piętnasty szesnasty siedemnasty osiemnasty dziewiętnasty"
)
_TENS = [
    "dwudziesty",
    "trzydziesty",
    "czterdziesty",
    "pięćdziesiąty",
    "sześćdziesiąty",
    "siedemdziesiąty",
    "osiemdziesiąty",
    "dziewięćdziesiąty",
]
_HUNDREDS = words("setny dwusetny trzechsetny czterechsetny pięćsetny sześćsetny siedemsetny osiemsetny dziewięćsetny")


def polish_ordinal(number: int, ending: str = "") -> str:
    """A Polish ordinal up to 2999, masculine; `ending` is "ego" (genitive) or "ym" (locative). CLDR has none."""
    if not 0 < number < 3000:
        return numbers.cardinal("pl", number)
    rest = number % 100
    if number % 1000 == 0:
        return _declined({1: "tysięczny", 2: "dwutysięczny"}[number // 1000], ending)
    if rest == 0:
        above = numbers.cardinal("pl", number - number % 1000) if number > 1000 else ""
        return f"{above} {_declined(_HUNDREDS[number // 100 % 10 - 1], ending)}".strip()
    above = numbers.cardinal("pl", number - rest) if number > 100 else ""
    if rest < 10:
        last = [_UNITS[rest - 1]]
    elif rest < 20:
        last = [_TEENS[rest - 10]]
    else:
        last = [_TENS[rest // 10 - 2]] + ([_UNITS[rest % 10 - 1]] if rest % 10 else [])
    return " ".join([*above.split(), *(_declined(word, ending) for word in last)])


def _declined(word: str, ending: str) -> str:
    if not ending:
        return word
    if word == "drugi":
        return {"ego": "drugiego", "ym": "drugim"}[ending]
    if word == "trzeci":
        return {"ego": "trzeciego", "ym": "trzecim"}[ending]
    return word[:-1] + ending


def _polish_day(day: int, context: str) -> str:
    return polish_ordinal(day, "ego")


def _polish_year(number: int, following: str) -> str:
    ending = {"date": "ego", "roku": "ym", "rok": "", "r": "ym"}.get(following.casefold())
    return numbers.cardinal("pl", number) if ending is None else polish_ordinal(number, ending)


RUSSIAN = Locale(
    language="ru",
    groups=" .",
    point="целых",
    minus="минус",
    to="до",
    percent="процентов",
    degrees="градусов",
    signs=signs(
        "& и; + плюс; = равно; × умножить на; * умножить на; ÷ разделить на; < меньше; > больше; ± плюс минус; ~ около; - минус;"
        "− минус; / или; § параграф; # хэштег; @ собака; % процентов; ° градусов; № номер; dot точка; slash косая черта;"
        "hyphen дефис; _ подчёркивание; . точка; over делить на"
    ),
    months="января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    ordinal_mark=r"-(?:й|ый|ой|ий)(?![^\W_])|-(?:(?P<f>я|ая)|(?P<n>е|ое))(?![^\W_])",
    of=" ?",
    day=_russian_day,
    clock=lambda time: _clock("ru", "ноль", time),
    units=nouns(
        """
        км = километр|километра|километров;m
        м = метр|метра|метров;m
        см = сантиметр|сантиметра|сантиметров;m
        мм = миллиметр|миллиметра|миллиметров;m
        кг = килограмм|килограмма|килограммов;m
        г = грамм|грамма|граммов;m
        л = литр|литра|литров;m
        мл = миллилитр|миллилитра|миллилитров;m
        °C = градус Цельсия|градуса Цельсия|градусов Цельсия;m
        мин = минута|минуты|минут;f
        с сек = секунда|секунды|секунд;f
        % = процент|процента|процентов;m
        """
    ),
    per={"/ч": "в час", "/с": "в секунду"},
    currency=currencies(
        """
        ₽ руб. руб р. RUB = рубль|рубля|рублей;m + копейка|копейки|копеек;f
        € EUR = евро|евро|евро;m + цент|цента|центов;m
        $ USD = доллар|доллара|долларов;m + цент|цента|центов;m
        """
    ),
    say_cents=True,
    scales=nouns(
        "тыс. = тысяча|тысячи|тысяч;f\nмлн = миллион|миллиона|миллионов;m\nмлрд = миллиард|миллиарда|миллиардов;m"
    ),
    abbreviations=pairs(
        """
        и т. д. = и так далее
        и т.д. = и так далее
        и т. п. = и тому подобное
        т. е. = то есть
        т.е. = то есть
        т. к. = так как
        напр. = например
        др. = другие
        г-н = господин
        г-жа = госпожа
        до н. э. = до нашей эры
        """
    ),
    before_number=pairs("стр. = страница\nгл. = глава\nрис. = рисунок\nт. = том"),
    chapters="глава часть том книга акт сцена",
    rulers="Пётр Петр Николай Александр Иван Людовик Генрих Карл Павел Фридрих Наполеон Филипп Георг Вильгельм",
    regnal=_regnal,
    year_context="",
    says_years=True,
    year_words=_russian_year,
    gender_of=_gender,
    stage="шепчет смеётся вздыхает кашляет зевает плачет кричит храпит звук музыка пауза тишина гром",
    special="и",
)
POLISH = Locale(
    language="pl",
    groups=" .",
    point="przecinek",
    fraction_as_number=True,
    minus="minus",
    to="do",
    percent="procent",
    degrees="stopni",
    signs=signs(
        "& i; + plus; = równa się; × razy; * razy; ÷ podzielić przez; < jest mniejsze niż; > jest większe niż; ± plus minus;"
        "~ około; - minus; − minus; / lub; § paragraf; # hasztag; @ małpa; % procent; ° stopni; dot kropka; slash ukośnik;"
        "hyphen myślnik; _ podkreślenie; . kropka; over przez"
    ),
    months="stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    of=" ?",
    day=_polish_day,
    clock=lambda time: _clock("pl", "zero", time),
    units=nouns(
        """
        km = kilometr|kilometry|kilometrów;m
        m = metr|metry|metrów;m
        cm = centymetr|centymetry|centymetrów;m
        mm = milimetr|milimetry|milimetrów;m
        kg = kilogram|kilogramy|kilogramów;m
        g = gram|gramy|gramów;m
        l = litr|litry|litrów;m
        ml = mililitr|mililitry|mililitrów;m
        °C = stopień Celsjusza|stopnie Celsjusza|stopni Celsjusza;m
        min = minuta|minuty|minut;f
        s = sekunda|sekundy|sekund;f
        """
    ),
    per={"/h": "na godzinę", "/s": "na sekundę"},
    currency=currencies(
        """
        zł PLN = złoty|złote|złotych;m + grosz|grosze|groszy;m
        € EUR = euro|euro|euro;n + cent|centy|centów;m
        $ USD = dolar|dolary|dolarów;m + cent|centy|centów;m
        """
    ),
    say_cents=True,
    scales=nouns(
        "tys. = tysiąc|tysiące|tysięcy;m\nmln = milion|miliony|milionów;m\nmld = miliard|miliardy|miliardów;m"
    ),
    abbreviations=pairs(
        """
        np. = na przykład
        itd. = i tak dalej
        itp. = i tym podobne
        tzn. = to znaczy
        tj. = to jest
        m.in. = między innymi
        dr = ~doktor
        prof. = profesor
        ul. = ulica
        św. = święty
        ok. = około
        p.n.e. = przed naszą erą
        """
    ),
    before_number=pairs("nr = numer\nstr. = strona\nrozdz. = rozdział\nt. = tom"),
    chapters="rozdział część akt scena tom księga",
    regnal=polish_ordinal,
    rulers="Zygmunt Kazimierz Władysław Bolesław Henryk Ludwik Jan Paweł Karol Mikołaj Piotr Aleksander Stanisław August Fryderyk",
    says_years=True,
    year_words=_polish_year,
    stage="szepcze śmieje wzdycha kaszle ziewa płacze krzyczy chrapie dźwięk muzyka pauza cisza grzmot",
)
