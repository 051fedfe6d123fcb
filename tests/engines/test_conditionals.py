"""What is kept of a voice: as upstream computes it, and refused where it is not what we wrote."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from chatterbox.models.voice_encoder import VoiceEncoder
from chatterbox.tts import ChatterboxTTS
from chatterbox.tts_turbo import ChatterboxTurboTTS
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.chatterbox.best_part import best_part
from gpu_job.engines.chatterbox.conditionals import Conditionals, check, computed
from gpu_job.engines.profile import VoiceProfile
from gpu_job.recordings import decode
from jobs.errors import InvalidArgument
from tests.engines.small_s3gen import small_s3gen

RECORDING = Path(__file__).parents[2] / "assets" / "recording.flac"
PROMPT = {"chatterbox": (150, 6.0), "turbo": (375, 15.0)}


@cache
def models(kind: str) -> Any:
    torch.manual_seed(3)
    return SimpleNamespace(
        t3=SimpleNamespace(hp=SimpleNamespace(speech_cond_prompt_len=PROMPT[kind][0])),
        s3gen=small_s3gen(meanflow=kind == "turbo"),
        ve=VoiceEncoder().eval(),
    )


@cache
def part() -> Audio:
    return best_part(decode(RECORDING))


def of_voice(kind: str = "chatterbox") -> Conditionals:
    return computed(part(), models(kind), prompt_seconds=PROMPT[kind][1], is_levelled=kind == "turbo")


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """But for a gain that is rounded at another place."""
    return bool(torch.allclose(one, other, rtol=1e-4, atol=1e-5))


@pytest.mark.parametrize("kind", ["chatterbox", "turbo"])
def test_they_are_upstreams(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "part.wav"
    soundfile.write(path, part().samples, SPEECH_RATE, subtype="FLOAT")
    upstream: Any = object.__new__(ChatterboxTTS if kind == "chatterbox" else ChatterboxTurboTTS)
    upstream.t3, upstream.s3gen, upstream.ve = models(kind).t3, models(kind).s3gen, models(kind).ve
    upstream.device = "cpu"
    level = ChatterboxTurboTTS.norm_loudness
    # With NumPy 2 upstream's gain makes float64 of the recording, which its next step refuses.
    upstream.norm_loudness = lambda *given: level(upstream, *given).astype(np.float32)
    upstream.prepare_conditionals(path, exaggeration=0.7)
    ours = of_voice(kind)
    given_to_t3 = ours.for_t3(0.7, "cpu", torch.float32)
    theirs = upstream.conds
    same = torch.equal if kind == "chatterbox" else close
    assert same(given_to_t3.speaker_emb, theirs.t3.speaker_emb)
    assert same(ours.reference.mel[None], theirs.gen["prompt_feat"])
    assert same(ours.reference.embedding[None], theirs.gen["embedding"])
    assert torch.equal(given_to_t3.cond_prompt_speech_tokens, theirs.t3.cond_prompt_speech_tokens)
    assert torch.equal(given_to_t3.emotion_adv, theirs.t3.emotion_adv)
    assert torch.equal(ours.reference.tokens[None], theirs.gen["prompt_token"])
    assert int(theirs.gen["prompt_token_len"][0]) == len(ours.reference.tokens)


def profile(conditionals: Conditionals) -> VoiceProfile:
    return VoiceProfile("chatterbox", "1", "1", "en", clones=True, tensors=conditionals.tensors())


def test_a_profile_keeps_them() -> None:
    written = of_voice()
    read = Conditionals.from_tensors(
        VoiceProfile.from_bytes(profile(written).to_bytes()).tensors, most_prompt_tokens=150
    )
    for name, tensor in written.tensors().items():
        assert np.array_equal(tensor, read.tensors()[name]), name
    assert len(profile(written).to_bytes()) < 250_000


def wrong() -> dict[str, dict[str, Any]]:
    """Each a profile's tensors with one thing about them that is not ours."""
    good = of_voice().tensors()
    tokens, mel, prompt = good["s3gen.tokens"], good["s3gen.mel"], good["t3.prompt"]
    changed: dict[str, dict[str, Any]] = {
        "a tensor less": {name: value for name, value in good.items() if name != "t3.speaker"},
        "a tensor more": {**good, "t3.extra": tokens},
        "none": {},
        "half precision": {**good, "s3gen.mel": mel.astype(np.float16)},
        "32-bit tokens": {**good, "t3.prompt": prompt.astype(np.int32)},
        "a speaker of another size": {**good, "t3.speaker": good["t3.speaker"][:-1]},
        "a speaker with a batch": {**good, "t3.speaker": good["t3.speaker"][None]},
        "an x-vector of another size": {**good, "s3gen.embedding": np.zeros(512, np.float32)},
        "79 bands": {**good, "s3gen.mel": mel[:, :-1]},
        "a mel that is short": {**good, "s3gen.mel": mel[:-1]},
        "a mel that is long": {**good, "s3gen.mel": np.concatenate([mel, mel[:2]])},
        "no prompt": {**good, "t3.prompt": prompt[:0]},
        "a long prompt": {**good, "t3.prompt": np.zeros(151, np.int64)},
        "no tokens": {**good, "s3gen.tokens": tokens[:0], "s3gen.mel": mel[:0]},
        "eleven seconds": {
            **good,
            "s3gen.tokens": np.zeros(275, np.int64),
            "s3gen.mel": np.zeros((550, 80), np.float32),
        },
        "tokens in rows": {**good, "s3gen.tokens": tokens[None]},
        "a scalar": {**good, "s3gen.tokens": np.int64(7).reshape(())},
        "a token that is none": {**good, "t3.prompt": np.full_like(prompt, 6561)},
        "a negative token": {**good, "s3gen.tokens": np.full_like(tokens, -1)},
        "not a number": {**good, "s3gen.embedding": np.full(192, np.nan, np.float32)},
        "infinity": {**good, "t3.speaker": np.full(256, np.inf, np.float32)},
    }
    return changed


def test_what_is_not_ours_is_refused() -> None:
    check(of_voice().tensors(), most_prompt_tokens=150)
    for how, tensors in wrong().items():
        with pytest.raises(InvalidArgument, match="damaged") as refused:
            Conditionals.from_tensors(tensors, most_prompt_tokens=150)
        assert refused.value.message, how


SHAPES = st.lists(st.integers(0, 60), max_size=3).map(tuple)
DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.int32, np.bool_])
NAMES = st.sampled_from(["t3.speaker", "t3.prompt", "s3gen.tokens", "s3gen.mel", "s3gen.embedding", "other"])


@given(st.dictionaries(NAMES, st.tuples(SHAPES, DTYPES), max_size=6))
def test_whatever_a_file_holds_it_is_refused_with_our_sentence(drawn: dict[str, tuple[Any, Any]]) -> None:
    """Nothing that is drawn here is a voice: the mel's length follows from the tokens'."""
    tensors = {name: np.zeros(shape, dtype) for name, (shape, dtype) in drawn.items()}
    with pytest.raises(InvalidArgument):
        check(tensors, most_prompt_tokens=150)
