"""What the checks let pass and what they catch: real speech as it is, and with the faults that neural voices have.

Run with -s to see the rates. Over all 102 sentences: no false alarm; see the figures below for what is caught.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.narration.checks import Fault, Pace, Verdict, check
from gpu_job.narration.repetition import letters_told_twice
from gpu_job.narration.speech_length import expected_seconds, letters
from tests.unit.spoken_corpus import SENTENCES, spoken_corpus

LEAST_SECONDS = 2.0  # shorter pieces have no room for some of the faults
Damage = Callable[[Samples], Samples]
_NOISE = np.random.default_rng(3).normal(0.0, 1.0, 4 * SPEECH_RATE).astype(np.float32)


def voiced(samples: Samples) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return int(loud[0]), int(loud[-1])


def looped(samples: Samples) -> Samples:
    """The last 1.6 s once more."""
    _, end = voiced(samples)
    end += SPEECH_RATE // 40
    return np.concatenate([samples[:end], samples[max(0, end - int(1.6 * SPEECH_RATE)) :]])


def hissing(samples: Samples) -> Samples:
    """0.9 s of soft noise after the last word."""
    _, end = voiced(samples)
    hiss = np.float32(0.02) * _NOISE[: int(0.9 * SPEECH_RATE)]
    return np.concatenate([samples[:end], hiss, np.zeros(2_400, np.float32)])


def cut(samples: Samples) -> Samples:
    """Broken off within a word, at four fifths."""
    start, end = voiced(samples)
    at = start + (end - start) * 4 // 5
    while np.abs(samples[at - 480 : at]).max() < 0.05:
        at -= 240
    return samples[:at]


def early(samples: Samples) -> Samples:
    """Ended gently after two fifths, as where the model believes to be done."""
    start, end = voiced(samples)
    kept = samples[: start + (end - start) * 2 // 5].copy()
    kept[-480:] *= np.linspace(1.0, 0.0, 480, dtype=np.float32)
    return np.concatenate([kept, np.zeros(4_800, np.float32)])


def gaping(samples: Samples) -> Samples:
    """1.5 s of near silence in the middle."""
    middle = len(samples) // 2
    return np.concatenate([samples[:middle], 1e-4 * _NOISE[: int(1.5 * SPEECH_RATE)], samples[middle:]])


def clipped(samples: Samples) -> Samples:
    return np.asarray(np.clip(samples * 12.0, -1.0, 1.0), dtype=np.float32)


def waiting(samples: Samples) -> Samples:
    return np.concatenate([np.zeros(2 * SPEECH_RATE, np.float32), samples])


def faint(samples: Samples) -> Samples:
    return samples * np.float32(0.01)


@pytest.fixture(scope="module")
def pace() -> Pace:
    learnt = Pace()
    for text, speech in spoken_corpus():
        learnt.learn(check(speech.audio, text, learnt))
    return learnt


def test_real_speech_passes() -> None:
    pace = Pace()
    alarms = {}
    for text, speech in spoken_corpus():
        verdict = check(speech.audio, text, pace)
        pace.learn(verdict)
        if not verdict.is_good:
            alarms[text] = verdict.faults
    print(f"\nfalse alarms: {len(alarms)} of {len(SENTENCES)}")  # noqa: T201
    assert not alarms


@pytest.mark.parametrize(
    ("damage", "fault", "least"),
    [
        (looped, Fault.REPEATED, 0.95),
        (hissing, Fault.NOISE_AFTER, 1.0),
        (cut, Fault.CUT_OFF, 1.0),
        (early, Fault.TOO_SHORT, 0.8),
        (gaping, Fault.GAP, 1.0),
        (clipped, Fault.CLIPPED, 1.0),
        (waiting, Fault.WAITS, 1.0),
        (faint, Fault.QUIET, 0.95),
    ],
)
def test_damaged_speech_is_caught_and_named(damage: Damage, fault: Fault, least: float, pace: Pace) -> None:
    corpus = [(text, speech.audio) for text, speech in spoken_corpus() if speech.audio.seconds >= LEAST_SECONDS]
    verdicts = [check(Audio(damage(audio.samples), SPEECH_RATE), text, pace) for text, audio in corpus]
    caught = sum(fault in verdict.faults for verdict in verdicts)
    print(f"\n{fault}: {caught} of {len(corpus)}")  # noqa: T201
    assert caught >= least * len(corpus)


def test_no_sound_is_the_worst_there_is() -> None:
    broken = Audio(np.full(SPEECH_RATE, np.nan, np.float32), SPEECH_RATE)
    nothing = Audio(np.zeros(0, np.float32), SPEECH_RATE)
    assert check(broken, "Hello.", Pace()).faults == {Fault.NOT_A_NUMBER: np.inf}
    assert check(nothing, "Hello.", Pace()).faults == {Fault.SILENT: np.inf}
    assert check(nothing, "Hello.", Pace()).badness > Verdict({Fault.GAP: 3.0, Fault.CUT_OFF: 1.0}).badness


def test_worse_is_worse() -> None:
    text, speech = spoken_corpus()[10]
    samples = speech.audio.samples

    def badness(seconds: float) -> float:
        middle = len(samples) // 2
        broken = np.concatenate([samples[:middle], np.zeros(int(seconds * SPEECH_RATE), np.float32), samples[middle:]])
        return check(Audio(broken, SPEECH_RATE), text, Pace()).badness

    assert badness(0.0) == 0.0 < badness(1.5) < badness(3.0)


def test_a_voice_is_judged_by_its_own_pace() -> None:
    """Forty per cent slower than the default: suspicious in one piece, usual once it always speaks so."""
    pace = Pace()
    usual = Verdict({}, seconds=7.0, expected_seconds=5.0)
    assert pace.bounds(5.0)[1] == pytest.approx(10.4)
    for _ in range(6):
        pace.learn(usual)
    assert pace.bounds(5.0) == pytest.approx((3.8, 10.9))
    pace.learn(Verdict({Fault.TOO_LONG: 1.0}, seconds=50.0, expected_seconds=5.0))
    assert pace.bounds(5.0) == pytest.approx((3.8, 10.9))


def test_it_is_cheap() -> None:
    corpus = spoken_corpus()
    started = time.thread_time()
    for text, speech in corpus:
        check(speech.audio, text, Pace())
    share = (time.thread_time() - started) / sum(speech.audio.seconds for _, speech in corpus)
    print(f"\nchecking: {share:.4f} of the speech's length")  # noqa: T201
    assert share < 0.01  # 0.003 on an idle machine


@pytest.mark.parametrize(
    ("text", "told"),
    [("Good night, good night!", 9), ("Up and up.", 2), ("Nothing twice here", 0), ("", 0), ("ha " * 10_000, 24)],
)
def test_what_the_text_says_twice(text: str, told: int) -> None:
    assert letters_told_twice(text) == told


def test_scripts_count_by_their_sounds() -> None:
    assert letters("Hello, world!") == 10
    assert expected_seconds("你好世界") == pytest.approx(4 * 3.5 * 0.06)
    assert expected_seconds("One, two... three!") == pytest.approx(11 * 0.06 + 2 * 0.2)
