"""What the model is shown before it speaks, as embeddings.

    Llama    34 of the voice │ text + its positions │ begin │ begin      and, for guidance, the same with the text zeroed
    GPT-2    376 of the voice │ text │ begin

The part of the voice is the same for all of its sentences. So is, in the guidance rows, everything up to the end of the
text: without text only its positions are left, and a short text's are the beginning of a long one's. These beginnings are
computed once for a voice (`Beginning`), and each sentence then costs its own text once, and not its voice and text twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.sentence import Sentence
from jobs.errors import InvalidArgument


@dataclass(frozen=True)
class Beginning:
    """Keys and values of a voice's prompt without text, per layer (heads, voice + text positions, head_size)."""

    voice: int
    text: int
    layers: list[tuple[Tensor, Tensor]]


class Prompts:
    """Embeddings for one T3, upstream's modules and upstream's order of things."""

    def __init__(self, t3: Any) -> None:
        self._t3 = t3
        self._device = t3.device
        self.guided = not t3.is_gpt
        """Whether the model has classifier-free guidance, with a row of its own for it."""
        self._begin = self._embed_begin()

    @property
    def begin_tokens(self) -> int:
        """How many positions stand between the text and the first spoken token."""
        return len(self._begin)

    def _embed_begin(self) -> Tensor:
        """Upstream gives the Llama models the begin token twice, both at speech position 0."""
        embedded = self._t3.speech_emb(torch.tensor([self._t3.hp.start_speech_token], device=self._device))  # (1, dim)
        if not self.guided:
            return embedded
        embedded = embedded + self._t3.speech_pos_emb.emb.weight[:1]
        return torch.cat((embedded, embedded))

    def without_text(self, sentence: Sentence, text: int) -> tuple[int, Tensor]:
        """How many positions the voice has, and (voice + text, dim): the voice, then `text` positions without a text.

        Models without guidance have no use for the latter and get the voice alone.
        """
        # A copy: upstream's prepare_conditioning leaves its embeddings in the object, which other threads may share.
        conditioning = replace(sentence.conditioning, cond_prompt_speech_emb=None).to(device=self._device)
        dtype = self._t3.speech_head.weight.dtype
        for name in ("speaker_emb", "emotion_adv"):
            value = getattr(conditioning, name)
            if torch.is_tensor(value):
                setattr(conditioning, name, value.to(dtype))
        voice = self._t3.prepare_conditioning(conditioning)[0]
        if not self.guided:
            return len(voice), voice
        return len(voice), torch.cat((voice, self._t3.text_pos_emb.emb.weight[:text]))

    def with_text(self, sentence: Sentence) -> Tensor:
        """What follows the voice: text and begin, (text + begin, dim)."""
        text = self._t3.text_emb(sentence.text_tokens.to(self._device, torch.long))
        if self.guided:
            text = text + self._t3.text_pos_emb.emb.weight[: len(text)]
        return torch.cat((text, self._begin))

    def for_guidance(self) -> Tensor:
        """What follows the voice and the text's positions in a guidance row: begin, (begin, dim)."""
        return self._begin

    def spoken(self, tokens: Tensor, steps: Tensor) -> Tensor:
        """Speech tokens (n,), each the `steps` (n,)-th of its sentence, counted from 1: (n, dim)."""
        embedded = self._t3.speech_emb(tokens)
        if self.guided:
            embedded = embedded + self._t3.speech_pos_emb.emb.weight[steps]
        return embedded

    def check(self, sentence: Sentence) -> None:
        """Raises InvalidArgument where the model cannot read the text or speak so long."""
        length = len(sentence.text_tokens)
        hp = self._t3.hp
        longest = hp.max_text_tokens if self.guided else 1024
        if not 0 < length <= longest:
            raise InvalidArgument(f"A sentence must have from 1 to {longest} text tokens; this one has {length}.")
        if not 0 < sentence.max_tokens <= hp.max_speech_tokens:
            raise InvalidArgument(f"max_tokens must be from 1 to {hp.max_speech_tokens}.")
        tokens = sentence.text_tokens
        if int(tokens.min()) < 0 or int(tokens.max()) >= hp.text_tokens_dict_size:
            raise InvalidArgument(f"Text tokens must be from 0 to {hp.text_tokens_dict_size - 1}.")
