"""T3 of upstream's classes, two layers deep, with random weights whose sampling is peaked as a trained model's is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS
from chatterbox.models.t3.modules.cond_enc import T3Cond

from gpu_job.engines.chatterbox.family import FAMILIES
from gpu_job.engines.chatterbox.t3.sentence import SamplingParameters, Sentence
from tests.engines.random_weights import random_t3


def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream's configurations with two layers. The width stays: upstream's perceiver has no other."""
    monkeypatch.setitem(
        LLAMA_CONFIGS, "Llama_520M", LLAMA_CONFIGS["Llama_520M"] | {"num_hidden_layers": 2, "intermediate_size": 512}
    )
    monkeypatch.setitem(
        LLAMA_CONFIGS,
        "GPT2_medium",
        LLAMA_CONFIGS["GPT2_medium"] | {"n_layer": 2, "n_embd": 128, "hidden_size": 128, "n_head": 4},
    )


def small_t3(name: str) -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shallow(monkeypatch)
        torch.manual_seed(0)
        return random_t3(FAMILIES[name])


def upstream_tokens(t3: Any, said: Sentence) -> list[int]:
    """T3.inference as ChatterboxTTS.generate calls it; with the token that stopped it, if any."""
    torch.manual_seed(said.sampling.seed)
    tokens = t3.inference(
        t3_cond=copy.copy(said.conditioning).to(device=t3.device),  # it leaves its embeddings in the object
        text_tokens=torch.stack((said.text_tokens, said.text_tokens)).to(t3.device),  # the second is guidance's
        max_new_tokens=said.max_tokens,
        temperature=said.sampling.temperature,
        cfg_weight=said.sampling.cfg_weight,
        repetition_penalty=said.sampling.repetition_penalty,
        min_p=said.sampling.min_p,
        top_p=said.sampling.top_p,
    )
    return [int(token) for token in tokens[0]]


def voice(seed: int, *, prompt_tokens: int = 150, exaggeration: float = 0.5) -> T3Cond:
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(1, 256, generator=generator)
    return T3Cond(
        speaker_emb=embedding / embedding.norm(),
        cond_prompt_speech_tokens=torch.randint(0, 6561, (1, prompt_tokens), generator=generator),
        emotion_adv=exaggeration * torch.ones(1, 1, 1),
    )


def text(seed: int, length: int, *, start: int = 255, stop: int = 0) -> torch.Tensor:
    """`length` random text tokens, with English's start and stop around them, (length + 2,)."""
    tokens = torch.randint(1, 255, (length,), generator=torch.Generator().manual_seed(seed))
    return torch.cat((torch.tensor([start]), tokens, torch.tensor([stop])))


def sentence(key: int, length: int, conditioning: T3Cond, *, max_tokens: int = 40, **parameters: Any) -> Sentence:
    return Sentence(key, text(key, length), conditioning, SamplingParameters(**{"seed": key} | parameters), max_tokens)
