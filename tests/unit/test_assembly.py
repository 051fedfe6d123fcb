"""Pieces of sound into one narration: no clicks, the right pauses, words in their places, one piece at a time."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.engines.protocol import Speech, SpokenWord
from gpu_job.narration.assembly import LEAD_SECONDS, Assembly, Block, audible_span, faded
from gpu_job.narration.tempo import Delivery
from jobs.errors import Internal

MARGIN = 0.03


def tone(seconds: float, level: float = 0.2, rate: int = SPEECH_RATE) -> Samples:
    return (level * np.sin(2 * np.pi * 220.0 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = SPEECH_RATE) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def speech(samples: Samples, *words: SpokenWord, rate: int = SPEECH_RATE) -> Speech:
    return Speech(0, Audio(samples, rate), words)


def test_edge_silence_goes_and_the_pauses_come() -> None:
    assembly = Assembly()
    padded = np.concatenate([silence(0.5), tone(1.0), silence(0.7)])
    first = assembly.add(speech(padded), pause_after_seconds=0.25)
    second = assembly.add(speech(padded), pause_after_seconds=0.0, pause_before_seconds=0.4)
    assert first.starts_at == pytest.approx(LEAD_SECONDS)
    assert first.ends_at - first.starts_at == pytest.approx(1.0 + 2 * MARGIN, abs=0.02)
    assert second.starts_at == pytest.approx(first.ends_at + 0.25 + 0.4)
    assert second.ends_at == assembly.seconds
    assert len(first.samples) + len(second.samples) == round(assembly.seconds * SPEECH_RATE)
    assert not first.samples[: int(LEAD_SECONDS * SPEECH_RATE)].any()
    assert not first.samples[-int(0.25 * SPEECH_RATE) :].any()
    assert first.samples.dtype == np.float32


def test_silence_within_a_piece_stays() -> None:
    start, end = audible_span(np.concatenate([tone(0.5), silence(0.6), tone(0.5)]), SPEECH_RATE)
    assert (end - start) / SPEECH_RATE == pytest.approx(1.6, abs=0.02)


def test_joins_do_not_click() -> None:
    loud = np.full(SPEECH_RATE, 0.5, np.float32)  # starts and ends with a step
    faded_edges = faded(loud, SPEECH_RATE)
    assert faded_edges[0] == 0.0
    assert abs(faded_edges[-1]) < 1e-6
    assert np.abs(np.diff(faded_edges)).max() < 0.01
    assert loud[0] == 0.5  # the engine's samples are not written into


def test_another_rate_is_brought_to_ours() -> None:
    block = Assembly().add(speech(tone(1.0, rate=16_000), rate=16_000), pause_after_seconds=0.0)
    assert block.ends_at - block.starts_at == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("sound", [silence(1.0), np.zeros(0, np.float32), np.full(4_000, np.nan, np.float32)])
def test_a_piece_without_sound_is_an_error_not_a_gap(sound: Samples) -> None:
    with pytest.raises(Internal):
        Assembly().add(speech(sound), pause_after_seconds=0.1)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_words_stay_with_their_sound(speed: float) -> None:
    """A word is a beep here: it must sound from where the block says that it starts to where it says that it ends."""
    sound = np.concatenate([silence(0.5), tone(0.2), silence(0.4), tone(0.3), silence(0.6)])
    words = (SpokenWord(0, 3, 0.5, 0.7), SpokenWord(4, 8, 1.1, 1.4))
    assembly = Assembly(Delivery(speed=speed))
    assembly.add(speech(tone(0.7)), pause_after_seconds=0.3)
    before = assembly.seconds
    block = assembly.add(speech(sound, *words), pause_after_seconds=0.8)
    beeps = sounding(block, before)
    assert [(word.start, word.end) for word in block.words] == [(0, 3), (4, 8)]
    for word, (starts_at, ends_at) in zip(block.words, beeps, strict=True):
        assert word.starts_at == pytest.approx(starts_at, abs=0.05)  # stretching smears edges by so much
        assert word.ends_at == pytest.approx(ends_at, abs=0.05)
    assert assembly.seconds - block.ends_at == pytest.approx(0.8 / speed, abs=1e-3)


def sounding(block: Block, begins_at: float) -> list[tuple[float, float]]:
    levels = np.convolve(np.abs(block.samples), np.ones(240) / 240, "same") > 0.02
    edges = np.flatnonzero(np.diff(np.concatenate([[False], levels, [False]]).astype(int))) / SPEECH_RATE
    return [(begins_at + start, begins_at + end) for start, end in edges.reshape(-1, 2).tolist()]


def test_a_word_that_an_engine_hears_in_the_silence_is_brought_into_the_piece() -> None:
    sound = np.concatenate([silence(0.5), tone(0.2), silence(0.5)])
    block = Assembly().add(
        speech(sound, SpokenWord(0, 1, 0.1, 0.3), SpokenWord(2, 3, 0.6, 1.2)), pause_after_seconds=0.1
    )
    assert block.words[0].starts_at == block.words[0].ends_at == block.starts_at
    assert block.words[1].ends_at == block.ends_at


def test_the_same_pieces_give_the_same_samples() -> None:
    def told() -> list[Samples]:
        assembly = Assembly(Delivery(speed=1.3, pitch=2.0))
        return [assembly.add(speech(tone(length)), pause_after_seconds=0.2).samples for length in (0.4, 1.1, 0.7)]

    assert all(np.array_equal(one, other) for one, other in zip(told(), told(), strict=True))
