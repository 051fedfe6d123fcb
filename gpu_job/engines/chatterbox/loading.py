"""Upstream's modules with their weights, without what makes upstream's own loading slow.

Upstream fills 800 million parameters with random numbers, reads the files into memory beside them, and copies. Here the
modules are built without storage for their parameters, and what the files hold, mapped into memory and read page by
page when it is first used, becomes the parameters; on a GPU it goes there directly, in the type that is wanted.
"""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from chatterbox.models.s3gen import S3Gen
from chatterbox.models.s3gen import decoder as s3gen_decoder
from chatterbox.models.t3 import T3
from chatterbox.models.t3.modules.t3_config import T3Config
from chatterbox.models.tokenizers import EnTokenizer, MTLTokenizer
from chatterbox.models.tokenizers.tokenizer import ChineseCangjieConverter
from chatterbox.models.voice_encoder import VoiceEncoder
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode
from transformers import AutoTokenizer

from gpu_job.engines.chatterbox.family import Family
from gpu_job.engines.chatterbox.linear import through_onednn
from gpu_job.engines.chatterbox.weights import Check, find_weights
from jobs.errors import FailedPrecondition

_BUILDING = threading.Lock()  # building without storage is a state of the process
# Constants that upstream computes, and that its files need not have.
_COMPUTED = {"tokenizer._mel_filters", "tokenizer.window"}


@dataclass(frozen=True, eq=False)
class Loaded:
    """Upstream's modules, on one device, for inference only."""

    t3: Any
    s3gen: Any
    voice_encoder: Any
    tokenizer: Any
    check: Check
    """Of the files' hashes, still going on: require it before anything that they have made is handed out."""


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """Of T3. S3Gen stays in float32, as upstream has it."""
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def load(
    family: Family, sources: Sequence[str], *, device: torch.device | None = None, dtype: torch.dtype | None = None
) -> Loaded:
    """Raises FailedPrecondition where files are missing, cannot be read, or are not those of this model."""
    device = device or best_device()
    dtype = dtype or best_dtype(device)
    files = find_weights(family, sources)
    check = Check(files)
    return Loaded(
        t3=_load_t3(family, files[family.t3], device, dtype),
        # Upstream takes S3Gen's file without asking what else is in it.
        s3gen=_load(lambda: S3Gen(meanflow=family.is_turbo), files[family.s3gen], device, may_have_more=True),
        voice_encoder=_load(VoiceEncoder, files[family.voice_encoder], device),
        tokenizer=_load_tokenizer(family, files),
        check=check,
    )


def t3_config(family: Family) -> Any:
    """As upstream's `from_local` methods set it."""
    config = T3Config(text_tokens_dict_size=family.text_tokens)
    config.llama_config_name = family.backbone
    if family.is_turbo:
        config.speech_tokens_dict_size = 6563
        config.input_pos_emb = None
        config.speech_cond_prompt_len = 375
        config.use_perceiver_resampler = False
        config.emotion_adv = False
    return config


def _load_t3(family: Family, path: Path, device: torch.device, dtype: torch.dtype) -> Any:
    t3 = _load(lambda: T3(t3_config(family)), path, device, dtype)
    if family.is_turbo:
        del t3.tfmr.wte  # GPT-2's own word embeddings, which T3 goes round
    return t3


def _load(
    build: Callable[[], Any],
    path: Path,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    may_have_more: bool = False,
) -> Any:
    with _without_storage():
        module = build()
    try:
        missing, unknown = module.load_state_dict(_read(path, device, dtype), strict=False, assign=True)
    except RuntimeError as error:  # shapes
        raise FailedPrecondition(f"{path.name} is of another model: its tensors have other shapes.") from error
    missing = [name for name in missing if name not in _COMPUTED]
    if missing or (unknown and not may_have_more):
        named = ", ".join([*missing, *unknown][:3])
        raise FailedPrecondition(
            f"{path.name} is of another model: {len(missing)} tensors are missing, {len(unknown)} unknown ({named} …)."
        )
    module.to(device=device)  # what upstream computes, which is in no file
    through_onednn(module)
    return module.eval().requires_grad_(False)


@contextmanager
def _without_storage() -> Iterator[None]:
    """Parameters of modules that are built in here have a shape and nothing else; buffers are what upstream computes.

    As each parameter is registered, it goes to the meta device, before it is filled: what torch.empty has reserved by
    then has never been touched and costs nothing.
    """

    def emptied(_module: nn.Module, _name: str, parameter: nn.Parameter) -> nn.Parameter:
        return nn.Parameter(parameter.to("meta"), requires_grad=False)

    with _BUILDING:
        hook = register_module_parameter_registration_hook(emptied)
        mixer = s3gen_decoder.get_intmeanflow_time_mixer
        s3gen_decoder.get_intmeanflow_time_mixer = _unfilled_mixer
        try:
            with _Unfilled():
                yield
        finally:
            s3gen_decoder.get_intmeanflow_time_mixer = mixer
            hook.remove()


class _Unfilled(TorchFunctionMode):  # type: ignore[misc]  # torch is not here when types are checked
    """Filling what has no storage does nothing, and takes torch a second for all of S3Gen."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in _FILLING and args[0].is_meta:
            return args[0]
        return function(*args, **(kwargs or {}))


_FILLING = {Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_}


def _unfilled_mixer(dims: int) -> nn.Linear:
    """Upstream fills Turbo's with a matrix, which cannot be done to a parameter without storage."""
    return nn.Linear(2 * dims, dims, bias=False)


def _read(path: Path, device: torch.device, dtype: torch.dtype) -> Mapping[str, Tensor]:
    """On a CPU, tensors that are the file itself, mapped; a copy where the file has another type than is wanted."""
    try:
        if path.suffix == ".pt":
            tensors = torch.load(path, map_location=device, weights_only=True, mmap=True)
        else:
            with safe_open(path, framework="pt", device=str(device)) as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    except (SafetensorError, OSError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise FailedPrecondition(f"{path.name} is damaged and cannot be read. Download it again.") from error
    return {name: each.to(dtype) if each.is_floating_point() else each for name, each in tensors.items()}


def _load_tokenizer(family: Family, files: Mapping[str, Path]) -> Any:
    first = files[family.tokenizer[0]]
    if family.is_turbo:
        tokenizer = AutoTokenizer.from_pretrained(first.parent)
        if len(tokenizer) != family.text_tokens:
            raise FailedPrecondition(
                f"The tokenizer of {family.name} has {len(tokenizer)} tokens and not {family.text_tokens}: it is of"
                " another model, or files are missing."
            )
        return tokenizer
    if family.languages == ("en",):
        return EnTokenizer(str(first))
    return _multilingual_tokenizer(first, files[family.tokenizer[1]])


def _multilingual_tokenizer(vocabulary: Path, cangjie: Path) -> Any:
    """Upstream's, whose constructor asks the hub for a file that we have."""
    converter = ChineseCangjieConverter.__new__(ChineseCangjieConverter)
    converter.word2cj, converter.cj2word = {}, {}
    for entry in json.loads(cangjie.read_text(encoding="utf-8")):
        word, code = entry.split("\t")[:2]
        converter.word2cj[word] = code
        converter.cj2word.setdefault(code, []).append(word)
    converter.segmenter = None
    if find_spec("spacy_pkuseg"):
        converter._init_segmenter()
    tokenizer = MTLTokenizer.__new__(MTLTokenizer)
    tokenizer.tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.cangjie_converter = converter
    tokenizer.check_vocabset_sot_eot()
    return tokenizer
