"""Units into pieces: nothing lost, nothing doubled, nothing cut where it should not be."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.narration import pauses
from gpu_job.narration.pieces import Piece, split
from gpu_job.narration.speakable import has_sound, speakable
from gpu_job.narration.units import Unit
from tests.unit.word_reader import read


def pieces(text: str, most: int = 200, language: str = "en") -> list[Piece]:
    units = speakable(text, read(text, language), most)
    return split(text, 0, len(text), units, language, most) if units else []


def spoken(text: str, most: int = 200, language: str = "en") -> list[str]:
    return [piece.spoken for piece in pieces(text, most, language)]


def paused(text: str, most: int = 200) -> list[tuple[str, float]]:
    return [(piece.text, piece.pause_after_seconds) for piece in pieces(text, most)]


def test_a_piece_knows_its_words_and_where_they_stand() -> None:
    text = " Mr. Fox  paid\n$5 —  once. Then he left."
    first, second = pieces(text)
    assert first == Piece(
        text="Mr. Fox paid $5 — once.",
        spoken="Mister Fox paid five dollars — once.",
        start=1,
        end=26,
        words=(
            Unit(1, 4, "Mister"),
            Unit(5, 8, "Fox"),
            Unit(10, 14, "paid"),
            Unit(15, 19, "five dollars —"),
            Unit(21, 26, "once."),
        ),
        pause_after_seconds=pauses.SENTENCE,
    )
    assert [first.spoken[start:end] for start, end in first.spans] == [word.spoken for word in first.words]
    assert (second.text, text[second.start : second.end]) == ("Then he left.", "Then he left.")


def test_one_word_sentences_join_a_neighbour() -> None:
    assert spoken("No! He ran away. She stayed.") == ["No! He ran away.", "She stayed."]
    assert spoken("He ran away. She stayed. Yes.") == ["He ran away.", "She stayed. Yes."]
    assert spoken("Rapunzel.") == ["Rapunzel."]
    assert spoken("Oh! Ah! He came in.") == ["Oh! Ah!", "He came in."]
    assert spoken("No! The fox ran over it.", 22) == ["No!", "The fox ran over it."]
    assert spoken("好！他走了。她也走了。", language="zh") == ["好！他走了。", "她也走了。"]


def test_long_sentences_part_at_clauses_then_at_words_then_anywhere() -> None:
    assert paused("the fox ran over the hill, and the hen ran into the house", 40) == [
        ("the fox ran over the hill,", pauses.CLAUSE),
        ("and the hen ran into the house", pauses.SENTENCE),
    ]
    assert [pause for _, pause in paused("the fox ran over the hill and the hen ran into the house", 40)] == [
        pauses.WORD,
        pauses.SENTENCE,
    ]
    assert spoken("a" * 50, 30) == ["a" * 25, "a" * 25]
    assert [(piece.start, piece.end) for piece in pieces("a" * 50, 30)] == [(0, 25), (25, 50)]


@pytest.mark.parametrize(
    ("text", "most", "together"),
    [
        ("the brave old knight Mr. Greenwood rode away", 30, "Mister Greenwood"),
        ("they saw the brave Snow White ride away", 26, "Snow White"),
        ("and they counted 10 000 sheep there", 22, "10 000 sheep"),
        ("a book that J. R. R. Tolkien wrote long ago", 30, "J. R. R. Tolkien"),
        ("he had so much less than $5 left in it", 28, "five dollars"),
    ],
)
def test_a_long_sentence_is_not_parted_within_a_name_or_a_number(text: str, most: int, together: str) -> None:
    found = spoken(text, most)
    assert len(found) > 1
    assert any(together in part for part in found)


def test_a_unit_that_is_too_long_alone_is_parted_and_points_to_the_whole() -> None:
    found = pieces("he had 777777 sheep", 60)
    assert all(len(piece.spoken) <= 60 for piece in found)
    assert {(word.start, word.end) for piece in found for word in piece.words if "seven" in word.spoken} == {(7, 13)}
    assert sum(piece.spoken.count("seven") for piece in found) == 40


def test_texts_without_spaces_part_at_their_marks() -> None:
    text = "他想了又想，决定去摘葡萄，可是葡萄太高了，他摘不到。"
    assert spoken(text, 20, "zh") == ["他想了又想，决定去摘葡萄，", "可是葡萄太高了，他摘不到。"]
    assert "".join(spoken("狐" * 95, 20, "zh")) == "狐" * 95


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("He ran away. She stayed there.", pauses.SENTENCE),
        ("“Come in here.” She opened the door.", pauses.TURN),
        ("She opened the door. “Come in here.”", pauses.TURN),
        ("“Come in here.” “No, thank you.”", pauses.SENTENCE),
        ("“Come in here. Sit down there.”", pauses.SENTENCE),
        ("«Entrez donc.» Elle ouvre.", pauses.TURN),
        ("— Come in here. — She opened the door.", pauses.TURN),
        ("He ran and ran... She stayed there.", pauses.ELLIPSIS),
        ("“He ran and ran…” She stayed there.", pauses.ELLIPSIS),
        ("He ran and ran…? She stayed there.", pauses.SENTENCE),
    ],
)
def test_each_end_has_its_pause(text: str, pause: float) -> None:
    assert [piece.pause_after_seconds for piece in pieces(text)] == [pause, pauses.SENTENCE]


def test_what_has_no_sound_goes_with_a_neighbour() -> None:
    assert spoken("— “ He ran — and fell —") == ["“ He ran — and fell —"]
    assert pieces("— — —") == []
    assert len(spoken("a " + "— " * 100)[0]) <= 12


PARTS = [
    "fox",
    "Mr.",
    "J.",
    "1,000",
    "$5",
    "...",
    "…",
    "No!",
    "“Yes,”",
    "—",
    "“",
    "\n",
    "he said.",
    "Crow",
    "e.g.",
    "。",
]
WORDS = st.sampled_from(
    [*PARTS, "🦊", "狐狸。", "他走了", "é́", "777777", "\x00", "\u200f", "؟", "a" * 70, "\u0301" * 30]
)
STORIES = st.one_of(
    st.text(max_size=300), st.lists(WORDS, max_size=80).map(" ".join), st.lists(WORDS, max_size=40).map("".join)
)


@given(STORIES, st.integers(20, 120), st.sampled_from(["en", "de", "el", "zh", "ja", "ar"]))
def test_pieces_hold_all_units_in_order(text: str, most: int, language: str) -> None:
    units = speakable(text, read(text, language), most)
    assert "".join(unit.spoken for unit in units if has_sound(unit.spoken)) == "".join(unit.spoken for unit in units)
    found = pieces(text, most, language)
    assert [word for piece in found for word in piece.words] == units
    for piece in found:
        assert 0 < len(piece.spoken) <= most
        assert has_sound(piece.spoken)
        assert 0 <= piece.pause_after_seconds <= pauses.ELLIPSIS
        assert 0 <= piece.start <= piece.words[0].start <= piece.words[-1].end <= piece.end <= len(text)
        assert [piece.spoken[start:end] for start, end in piece.spans] == [word.spoken for word in piece.words]
    for left, right in pairwise(found):
        parts_of_one_unit = left.words[-1].start == right.words[0].start
        assert left.end <= right.start or parts_of_one_unit


@given(STORIES, st.integers(20, 120))
def test_making_units_speakable_loses_no_sound(text: str, most: int) -> None:
    before = read(text, "en")
    after = speakable(text, before, most)
    assert _letters(before) == _letters(after)
    assert all(len(unit.spoken) <= most + 4 for unit in after)


def _letters(units: list[Unit]) -> str:
    return "".join(character for unit in units for character in unit.spoken if character.isalnum())
