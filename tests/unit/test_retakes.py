"""A bad piece is spoken again, three times at most; the best take is kept, and the request says so."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.protocol import Speech
from gpu_job.narration.checks import Fault, Verdict
from gpu_job.narration.retakes import Kept, Quality, best_take, seed_of_take
from jobs.errors import FailedPrecondition, Internal

GOOD = Verdict()
SILENT = Verdict({Fault.SILENT: float("inf")})


def speech(number: int) -> Speech:
    return Speech(number, Audio(np.zeros(10, np.float32), SPEECH_RATE))


def bad(by: float) -> Verdict:
    return Verdict({Fault.GAP: by})


def take_of(*verdicts: Verdict) -> Kept:
    """The index of the speech is the number of the take."""
    return best_take(speech, lambda made: verdicts[made.index])


def test_a_good_piece_is_spoken_once() -> None:
    kept = take_of(GOOD)
    assert (kept.speech, kept.takes) == (kept.speech, 1)
    assert kept.speech is not None
    assert kept.speech.index == 0


def test_a_bad_piece_is_spoken_again_until_it_is_good() -> None:
    kept = take_of(bad(1.0), bad(0.5), GOOD)
    assert kept.speech is not None
    assert (kept.speech.index, kept.takes, kept.verdict) == (2, 3, GOOD)


def test_the_least_bad_of_four_is_kept() -> None:
    kept = take_of(bad(1.0), bad(0.2), bad(0.5), SILENT)
    assert kept.speech is not None
    assert (kept.speech.index, kept.takes) == (1, 4)


def test_no_take_to_be_heard_is_no_speech() -> None:
    kept = take_of(SILENT, SILENT, SILENT, SILENT)
    assert (kept.speech, kept.takes) == (None, 4)


def test_an_engine_that_fails_at_one_take_has_made_a_silent_one() -> None:
    def speak(number: int) -> Speech:
        if number < 2:
            raise Internal("The voice broke. Try again.")
        return speech(number)

    kept = best_take(speak, lambda _: GOOD)
    assert kept.speech is not None
    assert kept.takes == 3


def test_what_is_no_fault_of_the_piece_is_raised() -> None:
    def speak(number: int) -> Speech:
        raise FailedPrecondition("The voice was made with another model.")

    with pytest.raises(FailedPrecondition):
        best_take(speak, lambda _: GOOD)


def test_takes_have_seeds_of_their_own_which_follow_from_the_first() -> None:
    seeds = [seed_of_take(7, number) for number in range(4)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 4
    assert seeds == [seed_of_take(7, number) for number in range(4)]
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)
    assert seed_of_take(None, 2) is None


def test_the_request_says_what_became_of_its_pieces() -> None:
    quality = Quality()
    quality.add(0, Kept(speech(0), GOOD, 1))
    quality.add(1, Kept(speech(1), GOOD, 2))
    quality.add(2, Kept(speech(2), bad(0.3), 4))
    quality.add(3, Kept(None, SILENT, 4))
    assert quality.as_document() == {
        "pieces": 4,
        "retaken": 3,
        "flawed": 2,
        "faults": [
            {"piece": 2, "faults": ["gap"], "takes": 4, "spoken": True},
            {"piece": 3, "faults": ["silent"], "takes": 4, "spoken": False},
        ],
    }


def test_the_report_stays_small() -> None:
    quality = Quality()
    for piece in range(5_000):
        quality.add(piece, Kept(None, SILENT, 4))
    document = quality.as_document()
    assert document["flawed"] == 5_000
    assert len(document["faults"]) == 20
