"""What the model is shown before it speaks, as embeddings, in upstream's order.

    Llama    34 of the voice │ text, with its positions │ begin │ begin     and the same without the text, for guidance
    GPT-2    376 of the voice │ text │ begin

Shapes: dim numbers per position.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.sentence import Sentence
from jobs.errors import InvalidArgument

_LONGEST_GPT2_TEXT = 1024  # its positions, 8196, hold the voice, the text and the speech


class Prompts:
    """For one of upstream's T3."""

    def __init__(self, t3: Any) -> None:
        self._t3 = t3
        self._device: torch.device = t3.device
        self._dtype: torch.dtype = t3.speech_head.weight.dtype
        self.guided = not t3.is_gpt
        """Whether the model can have classifier-free guidance."""
        with torch.inference_mode():
            self.begin = self._embed_begin()
        """What follows the text: (2, dim) or (1, dim)."""

    def _embed_begin(self) -> Tensor:
        """Upstream gives the Llama models the begin token twice, both at speech position 0."""
        token = torch.tensor([self._t3.hp.start_speech_token], device=self._device)
        begin: Tensor = self._t3.speech_emb(token)
        if not self.guided:
            return begin
        begin = begin + self._t3.speech_pos_emb.emb.weight[:1]
        return torch.cat((begin, begin))

    def check(self, sentence: Sentence) -> None:
        """Raises InvalidArgument where the model cannot read the text or speak for so long."""
        hp = self._t3.hp
        length = len(sentence.text_tokens)
        longest = hp.max_text_tokens if self.guided else _LONGEST_GPT2_TEXT
        if not 0 < length <= longest:
            raise InvalidArgument(f"A sentence must have from 1 to {longest} text tokens; this one has {length}.")
        if not 0 < sentence.max_tokens <= hp.max_speech_tokens:
            raise InvalidArgument(f"A sentence can be cut off after 1 to {hp.max_speech_tokens} speech tokens.")
        if int(sentence.text_tokens.min()) < 0 or int(sentence.text_tokens.max()) >= hp.text_tokens_dict_size:
            raise InvalidArgument(f"Text tokens must be from 0 to {hp.text_tokens_dict_size - 1}.")

    def voice_length(self, conditioning: Any) -> int:
        """How many positions `voice` has."""
        encoder = self._t3.cond_enc
        tokens: int = conditioning.cond_prompt_speech_tokens.shape[1]
        if encoder.perceiver is not None:
            tokens = encoder.perceiver.pre_attention_query.shape[1]
        return 1 + tokens + (encoder.emotion_adv_fc is not None)

    def voice(self, conditioning: Any) -> Tensor:
        """(34 or 376, dim)."""
        # A copy: upstream leaves its embeddings in the object that it is given, which other threads may share.
        own = replace(conditioning, cond_prompt_speech_emb=None).to(device=self._device, dtype=self._dtype)
        voice: Tensor = self._t3.prepare_conditioning(own)[0]
        return voice

    def text(self, sentence: Sentence) -> Tensor:
        """(text tokens, dim)."""
        text: Tensor = self._t3.text_emb(sentence.text_tokens.to(self._device, torch.long))
        return text + self._t3.text_pos_emb.emb.weight[: len(text)] if self.guided else text

    def without_text(self, first: int, count: int) -> Tensor:
        """What guidance has in place of a text: the positions from `first` on alone, (count, dim)."""
        positions: Tensor = self._t3.text_pos_emb.emb.weight
        return positions[first : first + count]

    def spoken(self, tokens: Tensor, ordinals: Tensor) -> Tensor:
        """Speech tokens (n,), each the `ordinals` (n,)-th of its sentence, counted from 1: (n, dim)."""
        spoken: Tensor = self._t3.speech_emb(tokens)
        return spoken + self._t3.speech_pos_emb.emb.weight[ordinals] if self.guided else spoken
