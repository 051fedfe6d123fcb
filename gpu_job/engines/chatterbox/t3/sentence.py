"""What goes into the speech decoder and what comes out of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterbox.models.t3.modules.cond_enc import T3Cond
    from torch import Tensor

MAX_SPEECH_TOKENS = 1000
"""Upstream's limit for one text: 40 s of sound."""


@dataclass(frozen=True)
class SamplingParameters:
    """How one sentence's speech tokens are drawn. The defaults are upstream's for `chatterbox`.

    Turbo and Nano take `top_k` but neither `cfg_weight` nor `min_p`; the Llama models take these but no `top_k`. What a
    model does not take is without effect there, as upstream has it.
    """

    seed: int
    cfg_weight: float = 0.5
    """Weight of classifier-free guidance; 0 is without it, and costs half as much."""
    temperature: float = 0.8
    min_p: float = 0.05
    top_p: float = 1.0
    top_k: int = 1000
    repetition_penalty: float = 1.2


@dataclass(frozen=True, eq=False)
class Sentence:
    """One text to be spoken, with the voice to speak it in."""

    key: Hashable
    """The caller's name for it, handed back with the result."""
    text_tokens: Tensor
    """Shape (n,), integers, on any device, as the model's tokenizer gives them; with the start and stop tokens around
    them where the model has such (chatterbox, multilingual)."""
    conditioning: T3Cond
    """Of one voice: speaker_emb (1, 256), cond_prompt_speech_tokens (1, m), emotion_adv (1, 1, 1). Share one object
    between a voice's sentences: its part of the prompt is then computed once."""
    sampling: SamplingParameters
    max_tokens: int = MAX_SPEECH_TOKENS
    """After how many speech tokens it is cut off; 25 are a second of sound."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The speech of one sentence."""

    key: Hashable
    speech_tokens: Tensor
    """Shape (n,), int64, on the CPU, without the tokens of beginning and end. What the vocoder cannot speak
    (6561 and above) is still in it, as upstream's `inference` leaves it."""
    stopped: bool
    """The model said that the text is over; False: it was cut off at `max_tokens`."""
