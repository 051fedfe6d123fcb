"""Reading: every row of the tables, what tables cannot show (offsets, pronunciations), and any text at all."""

from __future__ import annotations

import unicodedata
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpu_job.narration.reading import read
from gpu_job.narration.reading.punctuation import MARKS
from jobs.documents import LANGUAGES
from tests.reading.tables import Row, languages, rows
from tests.timing import least_seconds

# Read otherwise than the table asks, each with the reason.
KNOWN: dict[tuple[str, str], str] = {}

ALL = [row for language in languages() for row in rows(language)]


def said(text: str, language: str = "en") -> str:
    return " ".join(unit.spoken for unit in read(text, language))


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.language}: {row.written}")
def test_rows_are_read_right(row: Row) -> None:
    is_right = row.is_read_right(said(row.written, row.language))
    assert is_right == ((row.language, row.written) not in KNOWN), said(row.written, row.language)


def test_the_tables_are_as_large_as_they_should_be() -> None:
    sizes = {language: len(rows(language)) for language in languages()}
    assert sizes["en"] >= 200
    assert sum(size >= 20 for language, size in sizes.items() if language != "en") >= 6


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It cost $5.2 million then.", "$5.2 million"),
        ("Come at 3:30 pm today.", "3:30 pm"),
        ("Born on 12 March 1998 here.", "12 March 1998"),
        ("Dr. Fox ran.", "Dr."),
        ("By J. R. R. Tolkien himself.", "J. R. R. Tolkien"),
        ("Walk 10–20 km now.", "10–20 km"),
        ("See https://example.com/moon today.", "https://example.com/moon"),
        ("King Henry VIII slept.", "Henry VIII"),
    ],
)
def test_what_belongs_together_is_one_unit(text: str, whole: str) -> None:
    assert whole in [text[unit.start : unit.end] for unit in read(text, "en")]


def test_units_point_into_the_source_over_what_is_not_spoken() -> None:
    text = "\u200fA **won\u00adderful** 🌙 cafe\u0301, [the\u200b moon](https://example.com) &amp; me"
    assert [(text[unit.start : unit.end], unit.spoken) for unit in read(text, "en")] == [
        ("A", "A"),
        ("won\u00adderful", "wonderful"),
        ("cafe\u0301,", "café,"),
        ("the", "the"),
        ("moon", "moon"),
        ("&amp;", "and"),
        ("me", "me"),
    ]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Well—maybe.", "Well, maybe."),  # a bare dash runs the words together
        ("Wait … what?", "Wait, what?"),
        ("He slept…", "He slept."),
        ("He slept… Then he woke.", "He slept. Then he woke."),
        ("What?! No!!!", "What? No!"),
        ("“Go,” he said; then: silence.", "Go, he said; then: silence."),
        ("The king (a kind man) smiled.", "The king, a kind man, smiled."),
        ("Cats, dogs, etc. Then we slept.", "Cats, dogs, et cetera. Then we slept."),
        ("Dr. Fox", "Doctor Fox"),
        ("- milk\n- bread", "milk. bread."),
    ],
)
def test_melody(text: str, spoken: str) -> None:
    assert said(text) == spoken


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("de", "Am 24. Dezember rief Hr. Bär.", "Am vierundzwanzigsten Dezember rief Herr Bär."),
        ("de", "Wilhelm II. wohnt in der Hauptstr. 5.", "Wilhelm der Zweite wohnt in der Hauptstraße fünf."),
        ("fr", "Le 24 décembre", "Le vingt-quatre décembre"),
        ("es", "El Sr. y la Sra. Oso", "El señor y la señora Oso"),
        ("el", "Ποιος είσαι;", "Ποιος είσαι?"),
        ("ko", "곰 3마리", "곰 세 마리"),
        ("en", "at 5 p.m. He ate 2 tsp. of it", "at five P M. He ate two teaspoons of it"),
    ],
)
def test_sentences_whose_abbreviations_end_nothing(language: str, text: str, spoken: str) -> None:
    assert said(text, language) == spoken


def test_pronunciations_go_before_every_rule_whole_words_any_case() -> None:
    own = {
        "Siobhan": "shivawn",
        "St. Ives": "saint eyevs",
        "NASA": "nah sah",
        "Mia Rose": "meeya rohz",
        "": "x",
        "y": " ",
    }
    units = read("SIOBHAN met siobhan's cat, Siobhana, mia  rose at St. Ives and NASA. Mia y", "en", own)
    assert " ".join(unit.spoken for unit in units) == (
        "shivawn met shivawn s cat, Siobhana, meeya rohz at saint eyevs and nah sah. Mia y"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_numbers_in_its_own_words(language: str) -> None:
    for written in ("7", "21", "1998", "50%", "3/4", "14:05", "5 km", "$5", "1.5", "2024-03-12", "-4", "10-20"):
        spoken = said(written, language)
        assert spoken
        assert not any(character.isdecimal() or character in "%/$:" for character in spoken), (written, spoken)


def test_nothing_to_say() -> None:
    for text in ("", " \n ", "🌙✨", "…!?", "***", "\u200b\u200f\x00", "(((", "`` ` ``"):
        assert read(text, "en") == []


CHARACTERS = st.one_of(
    st.characters(codec=None),
    st.sampled_from(
        list(
            " \n\t.,;:!?…—–-'\"“”‘’()[]{}*_`#>@&/%$€£°½²0123456789IVXLivxAaeéßñ中日のかк한हि\u0301\u200d\u00ad🌙❤\ufe0f"
        )
    ),
)
_WILD = (
    "Mr. Henry VIII 3:30 pm $5 1,000 12 March 1998 ** e.g. U.S. St. No. 10–20 km www.a.com a@b.org [x](y) (laughs) &amp;"  # noqa: E501
    " <b> 1/2 FBI STOP '90s 1. XIX Uhr € ½ ㋀ ⑽ Ⅳ # - 5'11\" R$ ~ №"
)
WORDS = st.sampled_from(_WILD.split())
TEXTS = st.lists(st.one_of(WORDS, CHARACTERS, st.just(" ")), max_size=40).map("".join)


def _is_sayable(character: str) -> bool:
    return (
        character.isalpha()
        or unicodedata.category(character)[0] == "M"
        or character in MARKS | {" ", "'", "-"}
        or character.isalnum()
    )


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
@example("5" * 50, "en")
@example("1.", "de")
@example("\ud800x", "en")
def test_any_text_is_read(text: str, language: str) -> None:
    units = read(text, language)
    assert units == read(text, language)
    end = 0
    for unit in units:
        assert end <= unit.start < unit.end <= len(text)
        assert unit.spoken == " ".join(unit.spoken.split())
        assert any(character.isalnum() for character in unit.spoken)
        assert not any(character.isdecimal() for character in unit.spoken)
        assert all(_is_sayable(character) for character in unit.spoken), unit.spoken
        end = unit.end


PROSE = st.text(
    st.one_of(st.characters(categories=["Lu", "Ll", "Lt", "Lm", "Lo", "Nd"]), st.sampled_from(" .,!?;:-–—…'\"()\n")),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(PROSE, st.sampled_from(LANGUAGES))
def test_every_letter_and_digit_outside_markup_is_in_a_unit(text: str, language: str) -> None:
    covered = bytearray(len(text))
    for unit in read(text, language):
        covered[unit.start : unit.end] = b"\1" * (unit.end - unit.start)
    missed = [character for at, character in enumerate(text) if character.isalnum() and not covered[at]]
    assert not missed


@pytest.mark.parametrize(
    "wild",
    [
        "ha ",
        "7",
        "(",
        "a",
        "A. ",
        "$",
        "*a ",
        "[a](",
        "<!--",
        "a.",
        "a@",
        "&",
        "1/",
        "-",
        "- ",
        ".-",
        "`",
        "1:",
        "Henry X ",
        "e\u0301\u0301",
    ],
)
def test_time_is_linear_in_the_length(wild: str) -> None:
    """Eight times the text may take at most some twenty times as long; a quadratic rule would take sixty-four."""
    seconds = []
    for length in (2_500, 20_000):
        text = (wild * length)[:length]
        seconds.append(least_seconds(partial(read, text, "en")))
    assert seconds[1] < 20 * max(seconds[0], 0.02)
