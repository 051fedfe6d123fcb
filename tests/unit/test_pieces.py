"""Text into pieces: nothing lost, nothing doubled, nothing cut where it should not be."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.narration.pieces import (
    CLAUSE_PAUSE,
    LEAST_MAX_CHARACTERS,
    PARAGRAPH_PAUSE,
    SENTENCE_PAUSE,
    WORD_PAUSE,
    Piece,
    split,
)
from jobs.errors import InvalidArgument


def texts(text: str, max_characters: int = 200) -> list[str]:
    return [piece.text for piece in split(text, max_characters=max_characters)]


def test_sentences_and_paragraphs_have_their_pauses() -> None:
    assert split("The Fox\n\nA fox saw grapes.  They hung\nhigh.\n\nHe left.", max_characters=100) == (
        Piece("The Fox", 0, 7, PARAGRAPH_PAUSE),
        Piece("A fox saw grapes.", 9, 26, SENTENCE_PAUSE),
        Piece("They hung high.", 28, 43, PARAGRAPH_PAUSE),
        Piece("He left.", 45, 53, PARAGRAPH_PAUSE),
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "Mr. Fox met Mrs. Crow and Dr. Owl at St. Ives.",
        "It was 3.5 miles, or 1,000.25 steps, away.",
        "J. R. R. Tolkien wrote it.",
        "He liked fruit, e.g. Apples, and i.e. Pears.",
        "He lived in the U.S. Then as now he was happy.",
        "Well... then he slept.",
        "Wait . . . then he slept.",
        "“Stop!” he cried, “why?”",
        "See No. 7 on the list.",
        "Is it you?! said the fox.",
    ],
)
def test_what_is_one_sentence_stays_one(sentence: str) -> None:
    assert texts(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was I. He knew it.", ["It was I.", "He knew it."]),
        ("Who knocks? “The wolf,” he said. “Let me in!” The pig said no.", 4),
        ("She said no. He said yes.", ["She said no.", "He said yes."]),
        ("He ran, and ran... Then he fell.", ["He ran, and ran...", "Then he fell."]),
        ("狐狸看見葡萄。他想吃！", 1),
        ("狐狸 看見葡萄。他 想吃！", ["狐狸 看見葡萄。", "他 想吃！"]),
        ("(He slept.) The end came.", ["(He slept.)", "The end came."]),
    ],
)
def test_sentences_are_told_apart(text: str, expected: list[str] | int) -> None:
    found = texts(text)
    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_one_word_sentences_join_a_neighbour() -> None:
    assert texts("No! He ran away. She stayed.") == ["No! He ran away.", "She stayed."]
    assert texts("He ran away. She stayed. Yes.") == ["He ran away.", "She stayed. Yes."]
    assert texts("Rapunzel\n\nShe had hair.") == ["Rapunzel", "She had hair."]


def test_long_sentences_part_at_clauses_then_at_spaces_then_anywhere() -> None:
    clauses = split("the fox ran over the hill, and the hen ran into the house", max_characters=40)
    assert [(piece.text, piece.pause_after_seconds) for piece in clauses] == [
        ("the fox ran over the hill,", CLAUSE_PAUSE),
        ("and the hen ran into the house", PARAGRAPH_PAUSE),
    ]
    words = split("the fox ran over the hill and the hen ran into the house", max_characters=40)
    assert [piece.pause_after_seconds for piece in words] == [WORD_PAUSE, PARAGRAPH_PAUSE]
    assert texts("a" * 50, 30) == ["a" * 25, "a" * 25]


def test_a_long_sentence_is_not_parted_within_a_name_or_a_number() -> None:
    assert texts("the brave old knight Mr. Greenwood rode away", 30) == [
        "the brave old knight",
        "Mr. Greenwood rode away",
    ]
    assert texts("they counted up to 10 000 000 000 sheep there", 30) == [
        "they counted up to",
        "10 000 000 000 sheep there",
    ]
    assert all("1,000,000" in text for text in texts("he wished for more than 1,000,000", 28)[-1:])


@pytest.mark.parametrize("text", ["", "   \n\n ", "...", "* * *\n\n—", "\u200d🦊", "\x00\x01"])
def test_nothing_to_speak_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="nothing that can be spoken"):
        split(text, max_characters=100)


def test_scene_breaks_are_not_spoken_and_control_characters_go() -> None:
    assert texts("One day.\n\n* * *\n\nThe\x00next day.") == ["One day.", "The next day."]


WORDS = st.sampled_from(
    [
        "fox",
        "Mr.",
        "J.",
        "1,000",
        "3.5",
        "...",
        "…",
        "No!",
        "“Yes,”",
        "—",
        "\n\n",
        "\n",
        "he said.",
        "Crow",
        "e.g.",
        "。",
        "é́",
        "🦊",
    ]
)
STORIES = st.one_of(st.text(max_size=400), st.lists(WORDS, max_size=80).map(" ".join))


@given(STORIES, st.integers(LEAST_MAX_CHARACTERS, 120))
def test_pieces_cover_the_text_in_order(text: str, max_characters: int) -> None:
    try:
        pieces = split(text, max_characters=max_characters)
    except InvalidArgument:
        assert not any(character.isalnum() for character in text)
        return
    at = 0
    for piece in pieces:
        between = text[at : piece.start]
        assert not any(character.isalnum() for character in between)
        assert at <= piece.start < piece.end
        assert 0 < len(piece.text) <= max_characters
        spoken = [c for c in text[piece.start : piece.end] if c.isalnum()]
        assert [c for c in piece.text if c.isalnum()] == spoken
        assert spoken
        assert piece.pause_after_seconds >= 0
        at = piece.end
    assert not any(character.isalnum() for character in text[at:])


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "." * 99_999 + "a",
        "a. " * 33_000,
        " " * 99_999 + "a",
        "a, " * 33_000,
        '."' * 50_000 + "a",
        "\n" * 99_999 + "a",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    split(text, max_characters=200)
    assert time.process_time() - started < 5.0
