"""Where sentences end, by the table; and where they may be parted."""

from __future__ import annotations

import pytest

from gpu_job.narration.sentences import clause_ends, may_part, sentence_ends
from jobs.documents import LANGUAGES
from tests.unit.sentence_cases import CASES


def parted(text: str, ends: list[int]) -> str:
    return "|".join(text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True))


@pytest.mark.parametrize(("language", "case"), CASES)
def test_sentences_end_where_a_narrator_ends_them(language: str, case: str) -> None:
    text = case.replace("|", "")
    assert parted(text, list(sentence_ends(text, 0, len(text), language))) == case


def test_the_table_has_every_language() -> None:
    assert {language for language, _ in CASES} == set(LANGUAGES)


def test_only_the_span_is_looked_at() -> None:
    text = "One went. Two came. Three stayed."
    assert list(sentence_ends(text, 10, 19, "en")) == []
    assert list(sentence_ends(text, 10, 33, "en")) == [19]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He ran, and fell; then: up", "He ran,| and fell;| then:| up"),
        ("the fox — a red one – ran", "the fox —| a red one –| ran"),
        ("1,000 steps at 3:30", "1,000 steps at 3:30"),
        ("“Yes,” he said", "“Yes,”| he said"),
        ("他想了又想，决定去摘", "他想了又想，|决定去摘"),
        ("彼は待った……そして眠った", "彼は待った……|そして眠った"),
        ("ذهب، ثم عاد؛ ونام", "ذهب،| ثم عاد؛| ونام"),
    ],
)
def test_clauses(text: str, expected: str) -> None:
    ends = [end for end in clause_ends(text, 0, len(text)) if text[end : end + 2].strip() not in {"—", "–"}]
    assert parted(text, ends) == expected


@pytest.mark.parametrize(
    ("language", "text", "allowed"),
    [
        ("en", "the brave |knight", True),
        ("en", "old Mr. |Greenwood", False),
        ("en", "10 |000 sheep", False),
        ("en", "Wait . |. .", False),
        ("en", "J. |Tolkien", False),
        ("de", "am 3. |Mai", False),
        ("de", "er war 3. |Dann", True),
        ("fr", "« Non |! »", False),
    ],
)
def test_words_are_parted_where_they_may(language: str, text: str, allowed: bool) -> None:
    cut = text.index("|")
    assert may_part(text.replace("|", ""), cut, language) is allowed
