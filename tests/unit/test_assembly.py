"""Pieces of sound into one narration: no clicks, no clipping, the right pauses, one piece in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE, Audio, Samples, amplitude, decibels
from gpu_job.engines.protocol import Speech
from gpu_job.narration.assembly import CEILING_DBFS, LEVEL_DBFS, Assembly, faded, levelled, limited, trimmed
from gpu_job.narration.pieces import Piece
from jobs.errors import Internal


def tone(seconds: float, level: float = 0.2, rate: int = SPEECH_RATE) -> Samples:
    return (level * np.sin(2 * np.pi * 220.0 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = SPEECH_RATE) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def spoken(samples: Samples, *, index: int = 0, pause: float = 0.35, rate: int = SPEECH_RATE) -> tuple[Piece, Speech]:
    return Piece("words", 0, 5, pause), Speech(index, Audio(samples, rate))


def assembled(*parts: tuple[Piece, Speech]) -> tuple[Samples, Assembly]:
    assembly = Assembly(parts)
    return np.concatenate(list(assembly)), assembly


def test_edge_silence_goes_and_the_pause_comes() -> None:
    whole, assembly = assembled(spoken(np.concatenate([silence(0.5), tone(1.0), silence(0.7)]), pause=0.25))
    assert assembly.seconds == pytest.approx(1.0 + 2 * 0.03 + 0.25, abs=0.03)
    assert len(whole) == round(assembly.seconds * SPEECH_RATE)
    assert not whole[-int(0.25 * SPEECH_RATE) :].any()


def test_silence_within_a_piece_stays() -> None:
    kept = trimmed(np.concatenate([tone(0.5), silence(0.6), tone(0.5)]), SPEECH_RATE)
    assert len(kept) / SPEECH_RATE == pytest.approx(1.6, abs=0.02)


def test_joins_do_not_click() -> None:
    loud = np.full(SPEECH_RATE, 0.5, np.float32)  # starts and ends with a step
    faded_edges = faded(loud, SPEECH_RATE)
    assert faded_edges[0] == 0.0
    assert abs(faded_edges[-1]) < 1e-6
    assert np.abs(np.diff(faded_edges)).max() < 0.01
    assert loud[0] == 0.5  # the engine's samples are not written into


@pytest.mark.parametrize("level", [0.05, 0.1, 0.5])
def test_pieces_come_to_the_same_level(level: float) -> None:
    result = levelled(np.concatenate([tone(1.0, level), silence(1.0)]), SPEECH_RATE)
    rms = float(np.sqrt(np.mean(np.square(result[:SPEECH_RATE]))))
    assert decibels(rms) == pytest.approx(LEVEL_DBFS, abs=0.3)


def test_a_whisper_is_raised_by_twelve_decibels_at_most() -> None:
    assert float(levelled(tone(1.0, 0.001), SPEECH_RATE).max()) == pytest.approx(0.001 * amplitude(12.0), rel=0.01)


def test_the_limiter_leaves_alone_what_is_below_the_ceiling() -> None:
    quiet = tone(0.5, 0.5)
    assert limited(quiet, SPEECH_RATE) is quiet


def test_the_limiter_turns_a_peak_down_without_bending_the_rest() -> None:
    samples = tone(1.0, 0.3)
    samples[12_000] = 2.0
    result = limited(samples, SPEECH_RATE)
    assert np.abs(result).max() <= amplitude(CEILING_DBFS) + 1e-6
    np.testing.assert_array_equal(result[:11_000], samples[:11_000])
    np.testing.assert_array_equal(result[13_000:], samples[13_000:])


@settings(max_examples=60)
@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=400), st.integers(1, 40))
def test_nothing_exceeds_the_ceiling_and_no_sample_changes_sign(values: list[float], repeats: int) -> None:
    samples = np.repeat(np.array(values, np.float32), repeats)
    result = limited(samples, SPEECH_RATE)
    assert len(result) == len(samples)
    assert np.abs(result).max() <= amplitude(CEILING_DBFS) + 1e-6
    assert (result * samples >= 0).all()
    assert (np.abs(result) <= np.abs(samples) + 1e-6).all()


def test_another_rate_is_brought_to_ours() -> None:
    whole, assembly = assembled(spoken(tone(1.0, rate=16_000), rate=16_000, pause=0.0))
    assert assembly.seconds == pytest.approx(1.0, abs=0.02)
    assert len(whole) == pytest.approx(SPEECH_RATE, rel=0.02)


@pytest.mark.parametrize("sound", [silence(1.0), np.zeros(0, np.float32), np.full(4_000, np.nan, np.float32)])
def test_a_piece_without_sound_is_an_error_not_a_gap(sound: Samples) -> None:
    with pytest.raises(Internal):
        assembled(spoken(sound))


def test_one_piece_is_taken_at_a_time() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[tuple[Piece, Speech]]:
        for index in range(3):
            taken.append(index)
            yield spoken(tone(0.2), index=index)

    assembly = Assembly(pieces())
    blocks = iter(assembly)
    first = next(blocks)
    assert taken == [0]
    assert assembly.seconds == len(first) / SPEECH_RATE
    assert first.dtype == np.float32
