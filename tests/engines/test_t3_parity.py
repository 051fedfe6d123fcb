"""Our decoder says what upstream's own loops say: same weights, same seed, the same tokens."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from gpu_job.engines.chatterbox.t3.decoder import SpeechDecoder
from gpu_job.engines.chatterbox.t3.sentence import Sentence
from tests.engines.small_t3 import sentence, upstream_tokens, voice


def upstream_turbo(t3: Any, said: Sentence) -> list[int]:
    torch.manual_seed(said.sampling.seed)
    tokens = t3.inference_turbo(
        t3_cond=copy.copy(said.conditioning),
        text_tokens=said.text_tokens[None],
        temperature=said.sampling.temperature,
        top_k=said.sampling.top_k,
        top_p=said.sampling.top_p,
        repetition_penalty=said.sampling.repetition_penalty,
        max_gen_len=said.max_tokens - 1,  # beside the first
    )
    return [int(token) for token in tokens[0]]


def decoded(t3: Any, *sentences: Sentence, **options: Any) -> dict[Any, list[int]]:
    return {each.key: each.speech_tokens.tolist() for each in SpeechDecoder(t3, **options).decode(sentences)}


PARAMETERS: list[dict[str, Any]] = [
    {},
    {"cfg_weight": 0.0},
    {"cfg_weight": 1.0, "temperature": 1.0, "min_p": 0.0},
    {"temperature": 1.7, "min_p": 0.1, "top_p": 0.8, "repetition_penalty": 2.0},
    {"temperature": 0.3, "repetition_penalty": 1.0, "min_p": 0.0, "top_p": 0.5},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_one_sentence_says_what_upstream_says(llama: Any, parameters: dict[str, Any]) -> None:
    said = sentence(7, 30, voice(1), **parameters)
    expected = upstream_tokens(llama, said)
    assert len(set(expected)) > 10  # it does not just repeat itself
    assert decoded(llama, said)[7] == expected


@pytest.mark.parametrize(
    "parameters", [{}, {"top_p": 0.95}, {"temperature": 1.0, "top_k": 3}, {"top_k": 0, "repetition_penalty": 2.0}]
)
def test_one_sentence_of_turbo_says_what_upstream_says(turbo: Any, parameters: dict[str, Any]) -> None:
    said = sentence(7, 30, voice(1, prompt_tokens=375), **parameters)
    expected = upstream_turbo(turbo, said)
    assert len(set(expected)) > 10
    assert decoded(turbo, said)[7] == expected


class NoAnalyzer:
    """Upstream's reads the attention of layers that a model of two has not. Our own checks hear what it looks for."""

    def __init__(self, *_: Any, eos_idx: int, **__: Any) -> None:
        self.eos_idx = eos_idx

    def step(self, logits: torch.Tensor, **_: Any) -> torch.Tensor:
        return logits


@pytest.mark.parametrize("parameters", [{"repetition_penalty": 2.0}, {"cfg_weight": 0.0}, *PARAMETERS[2:4]])
def test_one_sentence_of_the_multilingual_model_says_what_upstream_says(
    multilingual: Any, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterbox.models.t3.t3.AlignmentStreamAnalyzer", NoAnalyzer)
    said = sentence(7, 30, voice(1), **parameters)
    expected = upstream_tokens(multilingual, said)
    assert multilingual.hp.is_multilingual
    assert len(set(expected)) > 10
    assert decoded(multilingual, said)[7] == expected


@pytest.mark.parametrize("windowed", [False, True])
def test_each_of_eight_says_what_it_says_alone(llama: Any, windowed: bool) -> None:
    voices = [voice(1), voice(2, exaggeration=1.5)]
    lengths = [1, 5, 20, 40, 60, 90, 120, 300]
    sentences = [
        sentence(key, length, voices[key % 2], max_tokens=6 + 2 * key, **PARAMETERS[key % len(PARAMETERS)])
        for key, length in enumerate(lengths)
    ]
    together = decoded(llama, *sentences, windowed=windowed, look_every=3 if windowed else 1, max_sentences=8)
    assert together == {each.key: upstream_tokens(llama, each) for each in sentences}


@pytest.mark.parametrize("windowed", [False, True])
def test_each_of_eight_of_turbo_says_what_it_says_alone(turbo: Any, windowed: bool) -> None:
    voices = [voice(1, prompt_tokens=375), voice(2, prompt_tokens=250)]
    sentences = [
        sentence(key, length, voices[key % 2], max_tokens=6 + 2 * key, top_p=0.95)
        for key, length in enumerate([1, 5, 20, 40, 60, 90, 120, 300])
    ]
    together = decoded(turbo, *sentences, windowed=windowed, look_every=3 if windowed else 1, max_sentences=8)
    assert together == {each.key: upstream_turbo(turbo, each) for each in sentences}
