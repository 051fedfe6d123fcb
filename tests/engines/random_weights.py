"""Random weights in files as upstream's are, so that our loading and upstream's `from_local` read the same folder.

Of the configurations that upstream's modules have at the time: full size, or small where a test has patched them. The
same seed writes the same files. T3's head is scaled so that sampling is peaked, as a trained model's is: else every
rounding would lead to another token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from chatterbox.models.s3gen import S3Gen
from chatterbox.models.t3 import T3
from chatterbox.models.voice_encoder import VoiceEncoder
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from gpu_job.engines.chatterbox.family import Family
from gpu_job.engines.chatterbox.loading import t3_config
from gpu_job.engines.chatterbox.weights import SUMS

SPEECH_TOKENS = 6561  # that the vocoder can speak; above are the beginning, the end and unused ones
PEAKED = 12.0  # times the head: a random one's logits differ by about 0.6, a trained one's by several


def write_random_weights(
    folder: Path, family: Family, *, seed: int = 0, s3gen: Callable[..., Any] = S3Gen, sums: bool = True
) -> Path:
    """Writes `folder`/NAME/… and gives that folder. Takes a minute and 3 GB of memory at full size."""
    place = folder / family.name
    place.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    with torch.no_grad():
        _write(random_t3(family), place / family.t3)
        _write(s3gen(meanflow=family.is_turbo), place / family.s3gen)
        _write(VoiceEncoder(), place / family.voice_encoder)
    if family.is_turbo:
        _write_gpt2_tokenizer(place, family.text_tokens)
    else:
        _write_grapheme_tokenizer(place / family.tokenizer[0], family.text_tokens)
    if "Cangjie5_TC.json" in family.tokenizer:
        (place / "Cangjie5_TC.json").write_text(json.dumps(["日\ta", "月\tb", "曰\ta"]), encoding="utf-8")
    if sums:
        lines = [f"{hashlib.sha256((place / name).read_bytes()).hexdigest()}  {name}\n" for name in family.files]
        (place / SUMS).write_text("".join(lines), encoding="utf-8")
    return place


def random_t3(family: Family) -> Any:
    t3 = T3(t3_config(family)).eval().requires_grad_(False)
    t3.speech_head.weight *= PEAKED
    t3.speech_head.weight[SPEECH_TOKENS:] = (
        0  # a trained one does not say them either, but for the end, which never comes
    )
    return t3


def _write(module: Any, path: Path) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    if path.suffix == ".pt":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)


def _write_grapheme_tokenizer(path: Path, size: int) -> None:
    """Characters, with the special tokens where upstream's configuration has them."""
    special = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[START]": 255}
    vocabulary = dict(special)
    others = [number for number in range(3, size) if number != 255]
    vocabulary |= {chr(code): number for code, number in zip(range(33, 33 + len(others)), others, strict=True)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens([AddedToken(each, special=True) for each in special])
    tokenizer.save(str(path))


def _write_gpt2_tokenizer(folder: Path, size: int) -> None:
    """Bytes, as GPT-2's begin with; then tokens that no text has, up to the right number."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    vocabulary |= {f"<|{number}|>": number for number in range(len(letters), size - 1)}
    vocabulary["<|endoftext|>"] = size - 1
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    configuration = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration), encoding="utf-8")
