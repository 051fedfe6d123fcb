"""A loaded model, ready to listen and to speak: upstream's modules with our decoders around them.

device memory    │ weights │ T3's keys and values, half │ S3Gen's batches, half │ rest: CUDA's own │
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gpu_job.engines.chatterbox.family import Family
from gpu_job.engines.chatterbox.loading import Loaded, load
from gpu_job.engines.chatterbox.manner import MANNERS
from gpu_job.engines.chatterbox.memory import MemoryLimit
from gpu_job.engines.chatterbox.s3gen.decoder import SoundDecoder
from gpu_job.engines.chatterbox.settings import ChatterboxSettings
from gpu_job.engines.chatterbox.t3.decoder import SpeechDecoder
from gpu_job.engines.chatterbox.text import Encode
from gpu_job.engines.chatterbox.weights import Check
from jobs.config import load as load_settings

_SHARE_OF_FREE = 0.8
_ON_CPU = 4e9  # bytes


@dataclass(frozen=True, eq=False)
class Model:
    """`t3`, `s3gen` and `ve` (the voice encoder) are upstream's."""

    t3: Any
    s3gen: Any
    ve: Any
    encode: Encode
    speech: SpeechDecoder
    sound: SoundDecoder
    check: Check
    """Of the weights; require it before anything is handed out."""

    @property
    def device(self) -> torch.device:
        device: torch.device = self.t3.speech_head.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Of T3; S3Gen's is float32."""
        dtype: torch.dtype = self.t3.speech_head.weight.dtype
        return dtype


def ready(parts: Loaded, encode: Encode, settings: ChatterboxSettings) -> Model:
    """What memory the modules leave on their device decides how much is spoken at a time."""
    t3, s3gen = parts.t3, parts.s3gen
    device = t3.speech_head.weight.device
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # S3Gen's float32 in TF32, as cuDNN has it for convolutions anyhow
    memory = _memory(settings, device)
    speech = SpeechDecoder(t3, max_sentences=settings.most_at_once, cache_bytes=memory // 2)
    sound = SoundDecoder(s3gen, MemoryLimit(memory // 2))
    return Model(t3, s3gen, parts.voice_encoder, encode, speech, sound, parts.check)


def _memory(settings: ChatterboxSettings, device: torch.device) -> int:
    """Bytes for what is spoken at a time."""
    if settings.memory_gigabytes > 0:
        return int(settings.memory_gigabytes * 1e9)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(_SHARE_OF_FREE * free)
    return int(_ON_CPU)


def loaded(family: Family, environ: Mapping[str, str]) -> Model:
    """The weights from where the settings say, on the best device that there is.

    Raises FailedPrecondition with what to mount, SettingError.
    """
    settings = load_settings(ChatterboxSettings, environ)
    parts = load(family, settings.weights)
    encode = MANNERS[family.name].encoder(parts.tokenizer, parts.t3.hp)
    return ready(parts, encode, settings)
