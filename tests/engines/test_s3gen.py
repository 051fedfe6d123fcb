"""S3Gen for many rows: as upstream for one, and for one as for many."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from gpu_job.engines.chatterbox.conditionals import Reference
from gpu_job.engines.chatterbox.memory import MemoryLimit
from gpu_job.engines.chatterbox.s3gen import decoder as decoding
from gpu_job.engines.chatterbox.s3gen.decoder import SoundDecoder, Utterance, trimmed
from jobs.errors import Internal
from tests.engines.small_s3gen import small_s3gen

LOUDEST = 0.99
TOLERANCE = 2e-4  # of full scale: what float32 loses between two orders of adding up; 16 bits have steps of 3e-5
PLENTY = 10**12
LENGTHS = (40, 7, 1, 25, 25, 63)


@cache
def model(kind: str) -> Any:
    return small_s3gen(meanflow=kind == "turbo")


def reference(tokens: int = 50, seed: int = 1, *, more_frames: int = 0) -> Reference:
    draw = torch.Generator().manual_seed(seed)
    return Reference(
        torch.randint(0, 6561, (tokens,), generator=draw),
        torch.randn(2 * tokens + more_frames, 80, generator=draw) - 4,
        torch.randn(192, generator=draw),
    )


def speech(length: int, seed: int = 5) -> torch.Tensor:
    return torch.randint(0, 6561, (length,), generator=torch.Generator().manual_seed(seed + length))


def upstreams(s3gen: Any, utterance: Utterance) -> torch.Tensor:
    """As upstream's `generate` has it said, from the seed on; the whole of it."""
    voice = utterance.reference
    torch.manual_seed(utterance.seed)
    tokens = utterance.tokens
    if s3gen.meanflow:
        tokens = torch.cat([tokens, torch.tensor([4299] * 3)])
    heard = {
        "prompt_token": voice.tokens[None],
        "prompt_token_len": torch.tensor([len(voice.tokens)]),
        "prompt_feat": voice.mel[None],
        "prompt_feat_len": None,
        "embedding": voice.embedding[None],
    }
    wave, _ = s3gen.inference(speech_tokens=tokens[None], ref_dict=heard, n_cfm_timesteps=2 if s3gen.meanflow else None)
    return wave[0].clone()


def decoder(kind: str = "chatterbox", memory: int = PLENTY) -> SoundDecoder:
    return SoundDecoder(model(kind), MemoryLimit(memory))


def difference(one: Any, other: Any) -> float:
    assert len(one) == len(other)
    return float(np.abs(np.asarray(one) - np.asarray(other)).max()) if len(one) else 0.0


@pytest.mark.parametrize("kind", ["chatterbox", "turbo"])
@pytest.mark.parametrize("more_frames", [0, 1])
def test_one_row_sounds_as_upstream_makes_it(kind: str, more_frames: int) -> None:
    utterance = Utterance(speech(30), reference(more_frames=more_frames), seed=11)
    expected = upstreams(model(kind), utterance)
    (made,) = decoder(kind).decode([utterance])
    assert np.abs(made).max() > 0.05, "nothing to be heard"
    whole = np.asarray(expected)
    assert difference(made[:-240], whole[480 : len(whole) - 960 - 240]) < TOLERANCE


@pytest.mark.parametrize("kind", ["chatterbox", "turbo"])
def test_a_row_sounds_the_same_whatever_else_is_in_the_batch(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_MOST_PADDING_ON_CPU", 100)  # all in one batch, whatever their lengths
    rows = [
        Utterance(speech(length, seed=index), reference(30 + 11 * (index % 3), seed=index % 3), seed=100 + index)
        for index, length in enumerate(LENGTHS)
    ]
    together = decoder(kind).decode(rows)
    alone = [decoder(kind).decode([row])[0] for row in rows]
    reordered = decoder(kind).decode(rows[::-1])[::-1]
    for row, one, other, again in zip(rows, alone, together, reordered, strict=True):
        assert difference(one, other) < TOLERANCE, len(row.tokens)
        assert difference(one, again) < TOLERANCE, len(row.tokens)
    assert difference(together[3], together[4]) > 0.01, "two texts, one sound"


def test_no_tokens_give_no_sound_and_special_ones_are_left_out() -> None:
    bare, special = speech(9), torch.cat([torch.tensor([6561]), speech(9), torch.tensor([6562])])
    rows = [Utterance(tokens, reference(), seed=1) for tokens in (torch.zeros(0, dtype=torch.int64), bare, special)]
    nothing, one, other = decoder().decode(rows)
    assert len(nothing) == 0
    assert len(one) == 9 * 960 - 480 - 960
    assert difference(one, other) < TOLERANCE


def test_both_ends_are_quiet() -> None:
    (made,) = decoder().decode([Utterance(speech(20), reference(), seed=2)])
    assert abs(made[0]) < 0.01
    assert abs(made[-1]) < 1e-4
    assert float(np.abs(trimmed(torch.ones(2000), model("chatterbox").trim_fade)).max()) <= 1.0
    assert len(trimmed(torch.ones(700), model("chatterbox").trim_fade)) == 0


class Batches(SoundDecoder):
    """Says how many rows went together, and is out of memory with more than `most`."""

    def __init__(self, memory: MemoryLimit, most: int = 1000) -> None:
        super().__init__(model("chatterbox"), memory)
        self.sizes: list[int] = []
        self._most = most

    def raw(self, rows: Any, noises: Any) -> list[torch.Tensor]:
        self.sizes.append(len(rows))
        if len(rows) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [torch.ones(960 * len(row.tokens)) for row in rows]


def same_rows(count: int, length: int = 10) -> list[Utterance]:
    return [Utterance(speech(length), reference(), seed=n) for n in range(count)]


def test_batches_follow_from_memory_and_length() -> None:
    room = decoding.row_bytes(2 * (50 + 10), 100)
    batches = Batches(MemoryLimit(room * 3))
    batches.decode(same_rows(8))
    assert batches.sizes == [3, 3, 2]
    apart = Batches(MemoryLimit(PLENTY))
    apart.decode([*same_rows(2, 10), *same_rows(2, 200), *same_rows(1, 11)])
    assert apart.sizes == [2, 1, 2], "no padding on a CPU"
    crowded = Batches(MemoryLimit(1))
    crowded.decode(same_rows(2))
    assert crowded.sizes == [1, 1], "one at a time, if there is hardly room for one"


def test_a_gpu_takes_rows_of_like_length_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_MOST_PADDING_ON_CPU", decoding._MOST_PADDING)
    apart = Batches(MemoryLimit(PLENTY))
    apart.decode([*same_rows(2, 10), *same_rows(2, 200), *same_rows(1, 11)])
    assert apart.sizes == [3, 2]


def test_out_of_memory_halves_the_batch_once_and_goes_on() -> None:
    memory = MemoryLimit(decoding.row_bytes(2 * (50 + 10), 100) * 8)
    batches = Batches(memory, most=4)
    sounds = batches.decode(same_rows(16))
    assert batches.sizes == [8, 4, 4, 4, 4]
    assert all(len(sound) == 10 * 960 - 1440 for sound in sounds)
    with pytest.raises(Internal, match="out of memory"):
        Batches(memory, most=1).decode(same_rows(4))
