"""Chinese, Japanese and Korean: dates with their marks, years digit by digit, two as 两 before a measure word."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

import re

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, signs

_HAN = "\u4e00-\u9fff"


def _chinese_year(number: int, following: str) -> str:
    return numbers.digits("zh", str(number))


def _chinese_clock(time: Clock) -> str:
    hour = numbers.cardinal("zh", time.hour, "counted")
    if time.minute == 0:
        return f"{hour}点"
    zero = "零" if time.minute < 10 else ""
    return f"{hour}点{zero}{numbers.cardinal('zh', time.minute)}分"


def _year(locale: Locale, match: re.Match[str]) -> str:
    return f"{numbers.digits(locale.language, match['year'])}年"


def _counted(locale: Locale, match: re.Match[str]) -> str:
    return "两"


def _plain(locale: Locale, match: re.Match[str]) -> str:
    return numbers.cardinal(locale.language, int(match.group()))


def _percent(locale: Locale, match: re.Match[str]) -> str:
    return f"百分之{locale.number(int(match['whole']), match['fraction'] or '')}"


def _korean_counted(locale: Locale, match: re.Match[str]) -> str | None:
    number = int(match["number"])
    return f"{numbers.cardinal('ko', number, 'native')} {match['counter']}" if 0 < number < 100 else None


def _time(hour: str, minute: str, language: str, time: Clock) -> str:
    form = "native" if language == "ko" and 0 < time.hour <= 12 else ""
    space = " " if language == "ko" else ""
    said = f"{numbers.cardinal(language, time.hour, form)}{space}{hour}"
    return said + (f"{space}{numbers.cardinal(language, time.minute)}{minute}" if time.minute else "")


CHINESE = Locale(
    language="zh",
    decimal=".",
    groups=",",
    point="点",
    minus="负",
    to="到",
    percent="百分之",
    percent_first=True,
    degrees="度",
    signs=signs(
        "& 和; + 加; = 等于; × 乘; * 乘; ÷ 除以; < 小于; > 大于; ± 正负; ~ 约; - 减; − 减; / 或; @ 艾特; % 百分号; ° 度; dot 点; slash 斜杠; . 点; over 除以"
    ),
    clock=_chinese_clock,
    clock_marks=":：",
    units=nouns(
        "km = 公里|公里;counted\nm = 米|米;counted\ncm = 厘米|厘米;counted\nmm = 毫米|毫米;counted\nkg = 公斤|公斤;counted\n"
        "g = 克|克;counted\nL l = 升|升;counted\nml = 毫升|毫升;counted\n°C = 摄氏度|摄氏度\nm² = 平方米|平方米"
    ),
    currency=currencies("¥ CNY 元 = 元|元;counted\n$ USD 美元 = 美元|美元;counted\n€ EUR 欧元 = 欧元|欧元;counted"),
    scales=nouns("万 = 万|万;counted\n亿 = 亿|亿;counted"),
    year_words=_chinese_year,
    number_rules=(
        (r"(?P<year>\d{4})年", _year),
        (rf"2(?=[{_HAN}])(?![月日号年点分度])", _counted),
        (r"(?P<whole>\d{1,15}+)(?:\.(?P<fraction>\d{1,9}+))?%", _percent),
    ),
)
JAPANESE = Locale(
    language="ja",
    decimal=".",
    groups=",",
    point="点",
    minus="マイナス",
    to="から",
    percent="パーセント",
    degrees="度",
    signs=signs(
        "& アンド; + プラス; = イコール; × かける; * かける; ÷ わる; < 小なり; > 大なり; ~ 約; - ひく; − ひく; / または; @ アットマーク; % パーセント; ° 度; dot ドット; slash スラッシュ; . 点; over 割る"
    ),
    clock=lambda time: _time("時", "分", "ja", time),
    clock_marks=":：",
    units=nouns(
        "km = キロメートル|キロメートル\nm = メートル|メートル\ncm = センチメートル|センチメートル\nmm = ミリメートル|ミリメートル\n"
        "kg = キログラム|キログラム\ng = グラム|グラム\nL l = リットル|リットル\n°C = 度|度"
    ),
    currency=currencies("¥ JPY 円 = 円|円\n$ USD ドル = ドル|ドル\n€ EUR ユーロ = ユーロ|ユーロ"),
    scales=nouns("万 = 万|万\n億 = 億|億"),
)
KOREAN = Locale(
    language="ko",
    decimal=".",
    groups=",",
    point="점",
    minus="마이너스",
    to="에서",
    percent="퍼센트",
    degrees="도",
    signs=signs(
        "& 앤드; + 더하기; = 는; × 곱하기; * 곱하기; ÷ 나누기; < 작다; > 크다; ~ 약; - 빼기; − 빼기; / 또는; @ 골뱅이; % 퍼센트; ° 도; dot 점; slash 슬래시; . 점; over 나누기"
    ),
    clock=lambda time: _time("시", "분", "ko", time),
    units=nouns(
        "km = 킬로미터|킬로미터\nm = 미터|미터\ncm = 센티미터|센티미터\nkg = 킬로그램|킬로그램\ng = 그램|그램\nL l = 리터|리터\n°C = 섭씨 도|섭씨 도"
    ),
    currency=currencies("₩ KRW 원 = 원|원\n$ USD 달러 = 달러|달러\n€ EUR 유로 = 유로|유로"),
    scales=nouns("만 = 만|만\n억 = 억|억"),
    number_rules=(
        (r"(?P<number>\d{1,2}) ?(?P<counter>마리|살|명|개|권|시간|시|사람|그루|송이|번째)", _korean_counted),
    ),
)
EASTERN = (CHINESE, JAPANESE, KOREAN)
