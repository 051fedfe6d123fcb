"""What the model knows of a voice: computed of a recording once, kept in its profile, checked before it is used again.

    recording ─▶ best part (≤ 10 s) ─┬─ first 6 s ─▶ speech tokens ────────┐
                                     ├─ all of it ─▶ speaker embedding ────┴─▶ T3: how this person speaks
                                     └─ all of it ─▶ tokens, mel, x-vector ──▶ S3Gen: how this person sounds

The figures come from upstream's own modules, given what upstream's `prepare_conditionals` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pyloudnorm
import torch
from chatterbox.models.s3tokenizer import S3_SR
from chatterbox.models.t3.modules.cond_enc import T3Cond
from torch import Tensor

from gpu_job.audio import Audio, Samples
from jobs.errors import InvalidArgument

SPEAKER_SIZE, XVECTOR_SIZE, MEL_BANDS = 256, 192, 80
SPEECH_TOKENS = 6561
MOST_REFERENCE_TOKENS = 250
"""Ten seconds, at 25 tokens a second; and 50 mel frames."""
_TURBO_LUFS = -27.0
_LOUDNESS_BLOCK_SECONDS = 0.4
_DAMAGED = "The voice profile is damaged. Create the voice again."

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Reference:
    """How the voice sounds: what S3Gen goes on from."""

    tokens: Tensor  # (p,) int64
    mel: Tensor  # (2p or 2p + 1, 80) float
    embedding: Tensor  # (192,) float

    def to(self, device: torch.device | str) -> Reference:
        return Reference(self.tokens.to(device), self.mel.to(device), self.embedding.to(device))


@dataclass(frozen=True, eq=False)
class Conditionals:
    """Of one voice, on the CPU, float32."""

    speaker: Tensor  # (256,) float
    prompt: Tensor  # (k,) int64: the speech tokens that T3 sees before the text
    reference: Reference

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """As a profile keeps them."""
        named = {
            "t3.speaker": self.speaker,
            "t3.prompt": self.prompt,
            "s3gen.tokens": self.reference.tokens,
            "s3gen.mel": self.reference.mel,
            "s3gen.embedding": self.reference.embedding,
        }
        return {name: tensor.numpy() for name, tensor in named.items()}

    @classmethod
    def from_tensors(cls, tensors: Tensors, *, most_prompt_tokens: int) -> Conditionals:
        """Raises InvalidArgument where names, types, shapes, sizes or values are not what this module has written.

        Nothing is put on a device before all of it has been looked at: a profile lies in a bucket, and is not trusted.
        """
        check(tensors, most_prompt_tokens=most_prompt_tokens)
        read = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
        return cls(
            read["t3.speaker"],
            read["t3.prompt"],
            Reference(read["s3gen.tokens"], read["s3gen.mel"], read["s3gen.embedding"]),
        )

    def for_t3(self, exaggeration: float, device: torch.device | str, dtype: torch.dtype) -> T3Cond:
        """A new one for every call, since upstream's modules write into it."""
        return T3Cond(
            speaker_emb=self.speaker[None].to(device, dtype),
            cond_prompt_speech_tokens=self.prompt[None].to(device),
            emotion_adv=torch.full((1, 1, 1), exaggeration, device=device, dtype=dtype),
        )


def computed(recording: Audio, models: Any, *, prompt_seconds: float, is_levelled: bool) -> Conditionals:
    """Of a recording at 24 kHz, up to ten seconds long, as upstream's `prepare_conditionals` does it.

    `models` has upstream's `t3`, `s3gen` and `ve`; T3 sees the first `prompt_seconds`. `is_levelled`: the recording is
    brought to the loudness that Turbo was trained on.
    """
    samples = np.array(_levelled(recording) if is_levelled else recording.samples)  # torch wants to be able to write
    at_16_khz = librosa.resample(samples, orig_sr=recording.rate, target_sr=S3_SR)
    most_prompt_tokens = models.t3.hp.speech_cond_prompt_len
    with torch.inference_mode():
        heard = models.s3gen.embed_ref(samples, recording.rate)
        beginning = at_16_khz[: int(prompt_seconds * S3_SR)]
        prompt, _ = models.s3gen.tokenizer.forward([beginning], max_len=most_prompt_tokens)
        speaker = models.ve.embeds_from_wavs([at_16_khz], sample_rate=S3_SR).mean(axis=0)
        return Conditionals(
            torch.from_numpy(speaker),
            prompt[0].cpu(),
            Reference(heard["prompt_token"][0].cpu(), heard["prompt_feat"][0].cpu(), heard["embedding"][0].cpu()),
        )


def _levelled(recording: Audio) -> Samples:
    """At -27 LUFS; as it is where nothing can be measured (shorter than 0.4 s, or silent)."""
    if recording.seconds < _LOUDNESS_BLOCK_SECONDS:
        return recording.samples
    loudness = pyloudnorm.Meter(recording.rate).integrated_loudness(recording.samples)
    if not np.isfinite(loudness):
        return recording.samples
    return recording.samples * np.float32(10.0 ** ((_TURBO_LUFS - loudness) / 20.0))


# ── what is read back ────────────────────────────────────────────────────────────────────────────────────────────────


def check(tensors: Tensors, *, most_prompt_tokens: int) -> None:
    """Raises InvalidArgument where names, types, shapes, sizes or values are not what `Conditionals.tensors` gives."""
    tokens = tensors.get("s3gen.tokens", np.zeros(0)).size
    frames = tensors.get("s3gen.mel", np.zeros(0)).shape[:1]
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "t3.speaker": ("float32", (SPEAKER_SIZE,)),
        "t3.prompt": ("int64", tensors.get("t3.prompt", np.zeros(0)).shape[:1]),
        "s3gen.tokens": ("int64", (tokens,)),
        "s3gen.mel": ("float32", (*frames, MEL_BANDS)),
        "s3gen.embedding": ("float32", (XVECTOR_SIZE,)),
    }
    if {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()} != expected:
        raise InvalidArgument(_DAMAGED)
    lengths_agree = (
        1 <= len(tensors["t3.prompt"]) <= most_prompt_tokens
        and 1 <= tokens <= MOST_REFERENCE_TOKENS
        and frames[0] - 2 * tokens in (0, 1)
    )
    if not lengths_agree or not all(map(_is_plausible, tensors.values())):
        raise InvalidArgument(_DAMAGED)


def _is_plausible(tensor: npt.NDArray[Any]) -> bool:
    if tensor.dtype == np.int64:
        return bool(((tensor >= 0) & (tensor < SPEECH_TOKENS)).all())
    return bool(np.isfinite(tensor).all())
