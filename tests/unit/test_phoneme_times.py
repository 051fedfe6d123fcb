"""Lengths of phonemes to times of words, however the phonemizer groups them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.phoneme_times import Phoneme, word_times

ALONE = {"one": "wʌn", "of": "ʌv", "the": "ðə", "best": "bɛst", "best,": "bɛst", "won't": "woʊnt", "mice": "maɪs"}


def phonemes(spoken: str, seconds: float = 0.1) -> list[Phoneme]:
    return [Phoneme(symbol, seconds) for symbol in spoken]


def alone(word: str) -> list[str]:
    return list(ALONE.get(word.lower(), ""))


def times(text: str, spoken: str) -> list[tuple[str, Any, Any]]:
    return [
        (text[word.start : word.end], pytest.approx(word.starts_at), pytest.approx(word.ends_at))
        for word in word_times(text, phonemes(spoken), alone)
    ]


def test_words_and_groups_one_to_one() -> None:
    """^ begins, punctuation is a pause, half of a space belongs to what follows."""
    assert times("One mice.", "^wʌn, maɪs.$") == [("One", 0.1, 0.4), ("mice.", 0.55, 1.0)]


def test_words_run_together_are_told_apart() -> None:
    assert times("one of the best", "wʌn ʌvðə bɛst") == [
        ("one", 0.0, 0.3),
        ("of", 0.35, 0.6),
        ("the", 0.6, 0.8),
        ("best", 0.85, 1.3),
    ]


def test_a_word_taken_apart_is_put_together() -> None:
    assert times("won't mice", "woʊ nt maɪs") == [("won't", 0.0, 0.6), ("mice", 0.65, 1.1)]


def test_a_word_that_is_swallowed_has_an_instant() -> None:
    found = times("one of the best", "wʌn bɛst")
    assert found[0] == ("one", 0.0, 0.3)
    assert [(start, end) for _, start, end in found[1:3]] == [(0.3, 0.3)] * 2
    assert found[3][2] == 0.8


def test_what_has_no_letter_is_no_word() -> None:
    assert [text for text, _, _ in times("one — mice", "wʌn; maɪs")] == ["one", "mice"]


def test_nothing_spoken_has_no_words() -> None:
    assert word_times("one", [], alone) == ()
    assert word_times("...", phonemes("wʌn"), alone) == ()


@given(
    st.lists(st.sampled_from(sorted(ALONE)), min_size=1, max_size=12),
    st.text(st.sampled_from("wʌnðəbɛst ,.ˈː^$"), max_size=60),
)
def test_whatever_is_spoken_every_word_has_its_time_in_order(words: list[str], spoken: str) -> None:
    text = " ".join(words)
    found = word_times(text, phonemes(spoken), alone)
    assert len(found) in {0, len(words)}
    assert all(word.starts_at <= word.ends_at for word in found)
    assert all(one.ends_at <= after.starts_at + 1e-9 for one, after in pairwise(found))
    assert all(word.starts_at >= 0 and word.ends_at <= 0.1 * len(spoken) + 1e-9 for word in found)
