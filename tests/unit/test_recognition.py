"""The optional check by a recogniser: it lets the right words pass and tells others."""

from __future__ import annotations

import functools
import sys

import pytest

from gpu_job.narration.checks import Fault, Verdict
from gpu_job.narration.recognition import Recogniser
from jobs.errors import FailedPrecondition
from tests.unit.spoken_corpus import SENTENCES, spoken_corpus

LONG = 10  # the index of a sentence of nineteen words


@functools.cache
def recogniser() -> Recogniser:
    return Recogniser()


def test_the_right_words_pass_and_others_are_a_fault() -> None:
    text, speech = spoken_corpus(LONG + 1)[LONG]
    other = "Grandmother kept her buttons in a tin that had once held ginger biscuits."
    good = Verdict()
    assert recogniser().judged(speech.audio, text, good) is good
    verdict = recogniser().judged(speech.audio, other, good)
    assert verdict.faults.keys() == {Fault.OTHER_WORDS}
    assert good.is_good


def test_words_have_their_times() -> None:
    _, speech = spoken_corpus(LONG + 1)[LONG]
    heard = recogniser().words(speech.audio)
    assert {"sheep", "clouds"} & {each.word for each in heard}
    assert all(0.0 <= each.starts_at < each.ends_at <= speech.audio.seconds + 0.05 for each in heard)


def test_short_pieces_are_let_pass() -> None:
    _, speech = spoken_corpus(1)[0]
    good = Verdict()
    assert recogniser().judged(speech.audio, SENTENCES[3], good) is good


def test_where_there_is_none_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(FailedPrecondition, match="pip install pocketsphinx"):
        Recogniser()
