"""timings.json: words of the plan at the times when they are heard, as engines tell them or as letters share them."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE
from gpu_job.engines.protocol import SpokenWord
from gpu_job.narration.assembly import Assembly, Block
from gpu_job.narration.pieces import Piece
from gpu_job.narration.timings import Source, TimedPiece, Timings, timed
from gpu_job.narration.units import Unit
from tests.unit.spoken_corpus import spoken_corpus


def piece(text: str, start: int = 0, spoken: dict[str, str] | None = None, voice: str | None = None) -> Piece:
    """One unit a word, spoken as it is written but where `spoken` says otherwise."""
    words = tuple(
        Unit(start + found.start(), start + found.end(), (spoken or {}).get(found.group(), found.group()))
        for found in re.finditer(r"\S+", text)
    )
    return Piece(
        text=text,
        spoken=" ".join(word.spoken for word in words),
        start=start,
        end=start + len(text),
        words=words,
        voice=voice,
        pause_after_seconds=0.3,
    )


def block(*words: SpokenWord, seconds: float = 2.0, starts_at: float = 1.0) -> Block:
    samples = np.full(int(seconds * SPEECH_RATE), 0.1, np.float32)
    return Block(samples, starts_at, starts_at + seconds, words)


def spans(made: TimedPiece) -> list[tuple[float, float]]:
    return [(word.starts_at, word.ends_at) for word in made.words]


def test_a_number_gets_the_time_of_all_its_words() -> None:
    made = timed(
        piece("paid $5 now", start=40, spoken={"$5": "five dollars"}),
        block(
            SpokenWord(0, 4, 1.0, 1.3),
            SpokenWord(5, 9, 1.4, 1.6),
            SpokenWord(10, 17, 1.7, 2.2),
            SpokenWord(18, 21, 2.3, 2.5),
        ),
    )
    assert made.source is Source.ENGINE
    assert spans(made) == [(1.0, 1.3), (1.4, 2.2), (2.3, 2.5)]
    assert [(word.start, word.end) for word in made.words] == [(40, 44), (45, 47), (48, 51)]


def test_words_without_spaces_share_the_time_of_what_the_engine_takes_for_one() -> None:
    words = (Unit(0, 2, "昨日"), Unit(2, 4, "猫が"), Unit(4, 6, "来た"))
    made = timed(
        Piece(text="昨日猫が来た", spoken="昨日猫が来た", start=0, end=6, words=words),
        block(SpokenWord(0, 6, 1.0, 2.2)),
    )
    assert list(chain.from_iterable(spans(made))) == pytest.approx([1.0, 1.4, 1.4, 1.8, 1.8, 2.2])


def test_without_an_engines_times_letters_share_the_piece() -> None:
    made = timed(piece("a bcd"), block())
    assert made.source is Source.PROPORTIONAL
    assert list(chain.from_iterable(spans(made))) == pytest.approx([1.0, 1.5, 1.5, 3.0])


def test_a_silence_after_a_comma_holds_the_words_in_place() -> None:
    """Equal words, 0.9 s of pause: without the anchor, the third would begin in the pause."""
    sound = np.full(int(2.9 * SPEECH_RATE), 0.1, np.float32)
    sound[SPEECH_RATE : int(1.9 * SPEECH_RATE)] = 0.0
    made = timed(piece("abcd efgh, ijkl mnop"), Block(sound, 0.0, 2.9, ()))
    assert list(chain.from_iterable(spans(made))) == pytest.approx([0.0, 0.5, 0.5, 1.0, 1.9, 2.4, 2.4, 2.9], abs=0.02)


def test_shared_out_times_are_near_those_of_the_engine() -> None:
    """Real speech: the median word is where the voice's own model says, to 80 ms."""
    apart = []
    for text, speech in spoken_corpus(24):
        own = timed(piece(text), Assembly().add(speech, pause_after_seconds=0.3))
        shared = timed(piece(text), Assembly().add(dataclasses.replace(speech, words=()), pause_after_seconds=0.3))
        assert (own.source, shared.source) == (Source.ENGINE, Source.PROPORTIONAL)
        apart += [abs(one.starts_at - other.starts_at) for one, other in zip(own.words, shared.words, strict=True)]
    print(f"\nproportional against engine: median {np.median(apart):.3f} s of {len(apart)} words")  # noqa: T201
    assert np.median(apart) < 0.08


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["a", "Bär,", "昨日", "—", "12.", "don't", "…"]), min_size=1, max_size=30), st.data())
def test_times_are_in_order_and_within_the_piece(words: list[str], data: st.DataObject) -> None:
    seconds = data.draw(st.floats(0.05, 5.0))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    sound = rng.normal(0, 0.1, int(seconds * SPEECH_RATE)).astype(np.float32)
    for _ in range(data.draw(st.integers(0, 4))):
        at = int(rng.integers(0, max(1, len(sound))))
        sound[at : at + SPEECH_RATE // 4] = 0.0
    made = timed(piece(" ".join(words)), Block(sound, 3.0, 3.0 + len(sound) / SPEECH_RATE, ()))
    times = list(chain.from_iterable(spans(made)))
    assert len(made.words) == len(words)
    assert all(one <= after + 1e-6 for one, after in pairwise(times))
    assert times[0] >= 3.0
    assert times[-1] <= 3.0 + len(sound) / SPEECH_RATE + 1e-6


def test_the_file() -> None:
    timings = Timings("en")
    timings.add(timed(piece("Good night."), block(SpokenWord(0, 4, 1.0, 1.3), SpokenWord(5, 11, 1.4, 1.8))))
    timings.add(timed(piece("Yes.", start=12, voice="Bear"), block(starts_at=3.0)))
    assert json.loads(timings.as_json(seconds=5.3001)) == {
        "version": 1,
        "source": "proportional",
        "language": "en",
        "seconds": 5.3,
        "offsets": "code points",
        "pieces": [
            {
                "start": 1.0,
                "end": 3.0,
                "from": 0,
                "to": 11,
                "source": "engine",
                "words": [
                    {"start": 1.0, "end": 1.3, "from": 0, "to": 4},
                    {"start": 1.4, "end": 1.8, "from": 5, "to": 11},
                ],
            },
            {
                "start": 3.0,
                "end": 5.0,
                "from": 12,
                "to": 16,
                "source": "proportional",
                "words": [{"start": 3.0, "end": 5.0, "from": 12, "to": 16}],
                "voice": "Bear",
            },
        ],
    }
