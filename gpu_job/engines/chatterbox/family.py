"""The four models of the family: what each is made of, and what the installed package has to know for it.

File names and languages are upstream's. There are no hashes of weights here, because Resemble AI replaces files under
the same name; weights.py checks against what comes with them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version as version_of
from importlib.util import find_spec

from jobs.errors import FailedPrecondition

_LANGUAGES = "ar da de el en es fi fr he hi it ja ko ms nl no pl pt ru sv sw tr zh"


@dataclass(frozen=True)
class Family:
    """One model, by the name that documents call it (`modelType`)."""

    name: str
    repository: str  # on the Hugging Face hub
    version: str  # of the weights, as upstream names its T3's file
    t3: str
    s3gen: str
    voice_encoder: str
    tokenizer: tuple[str, ...]
    tokenizer_more: tuple[str, ...] = ()  # which some releases have and some do not
    languages: tuple[str, ...] = ("en",)
    max_characters: int = 300
    backbone: str = "Llama_520M"  # upstream's name of the transformer's configuration
    text_tokens: int = 704
    is_turbo: bool = False  # GPT-2 without guidance, two-step sound

    @property
    def files(self) -> tuple[str, ...]:
        """All that has to be there."""
        return (self.t3, self.s3gen, self.voice_encoder, *self.tokenizer)


_GPT2_TOKENIZER = ("tokenizer_config.json", "vocab.json", "merges.txt")
_GPT2_TOKENIZER_MORE = ("tokenizer.json", "special_tokens_map.json", "added_tokens.json")

_CHATTERBOX = Family(
    name="chatterbox",
    repository="ResembleAI/chatterbox",
    version="t3_cfg",
    t3="t3_cfg.safetensors",
    s3gen="s3gen.safetensors",
    voice_encoder="ve.safetensors",
    tokenizer=("tokenizer.json",),
)
_MULTILINGUAL = Family(
    name="chatterbox-multilingual",
    repository="ResembleAI/chatterbox",
    version="t3_mtl23ls_v3",
    t3="t3_mtl23ls_v3.safetensors",
    s3gen="s3gen.pt",
    voice_encoder="ve.pt",
    tokenizer=("grapheme_mtl_merged_expanded_v1.json", "Cangjie5_TC.json"),
    languages=tuple(_LANGUAGES.split()),
    text_tokens=2454,
)
_TURBO = Family(
    name="chatterbox-turbo",
    repository="ResembleAI/chatterbox-turbo",
    version="t3_turbo_v1",
    t3="t3_turbo_v1.safetensors",
    s3gen="s3gen_meanflow.safetensors",
    voice_encoder="ve.safetensors",
    tokenizer=_GPT2_TOKENIZER,
    tokenizer_more=_GPT2_TOKENIZER_MORE,
    backbone="GPT2_medium",
    text_tokens=50276,
    is_turbo=True,
)
_NANO = replace(
    _TURBO,
    name="chatterbox-nano",
    repository="ResembleAI/chatterbox-nano",
    version="t3_nano_v1",
    t3="t3_nano_v1.safetensors",
    backbone="GPT2_small",
)
FAMILIES = {each.name: each for each in (_CHATTERBOX, _MULTILINGUAL, _TURBO, _NANO)}


def family_named(name: str) -> Family:
    """Raises FailedPrecondition with the right names, or with what to install where the package lacks the model."""
    family = FAMILIES.get(name)
    if family is None:
        raise FailedPrecondition(f"There is no Chatterbox model {name!r}: choose one of {', '.join(sorted(FAMILIES))}.")
    if find_spec("chatterbox") is None:
        raise FailedPrecondition(f"{name} is not installed. Install the package chatterbox-tts in the worker.")
    knows = _KNOWS.get(name)
    if knows is not None and not knows():
        raise FailedPrecondition(
            f"chatterbox-tts {version_of('chatterbox-tts')} has no {name}. Install a newer one in the worker, from the"
            " repository resemble-ai/chatterbox on GitHub if PyPI has none, or choose another model."
        )
    return family


def _knows_nano() -> bool:
    configurations = importlib.import_module("chatterbox.models.t3.llama_configs").LLAMA_CONFIGS
    return _NANO.backbone in configurations


def _knows_v3() -> bool:
    return "v3" in getattr(importlib.import_module("chatterbox.mtl_tts"), "MULTILINGUAL_T3_MODELS", {})


# What is in the oldest package that we run with, 0.1.7, needs no question.
_KNOWS: dict[str, Callable[[], bool]] = {_NANO.name: _knows_nano, _MULTILINGUAL.name: _knows_v3}
