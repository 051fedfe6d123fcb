"""Prompts into the cache, each voice's part once.

The voice's part of a prompt is the same for all of its sentences. So is everything before the speech in the guidance
rows: without text only its positions are left there, and a short text's are the first of a long one's. Both are
computed once for a voice and copied; a sentence then costs its own text once, and not its voice and its text twice.

What is computed together is fixed (the voice, then 64 positions at a time, then one sentence), never what happens to
wait together: so a sentence's columns are the same, to the bit, whatever else is being read.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.attention import PromptAttention, Segment
from gpu_job.engines.chatterbox.t3.backbone import Backbone
from gpu_job.engines.chatterbox.t3.cache import Kept, KeyValueCache
from gpu_job.engines.chatterbox.t3.prompt import Prompts
from gpu_job.engines.chatterbox.t3.sentence import Sentence

_CHUNK = 64
_VOICES = 4


@dataclass
class _Beginning:
    """Of a voice's rows without text: the voice, then some positions. About 250 KB a column in float32."""

    conditioning: Any  # held, so that no other object gets its id
    columns: int
    layers: list[Kept]


class PromptReader:
    def __init__(self, prompts: Prompts, backbone: Backbone, cache: KeyValueCache) -> None:
        self._prompts = prompts
        self._backbone = backbone
        self._cache = cache
        self._beginnings: OrderedDict[int, _Beginning] = OrderedDict()

    def columns(self, sentence: Sentence) -> int:
        """Of a row, for the prompt and all that may be said; room for whole chunks included."""
        prompt = (
            self._prompts.voice_length(sentence.conditioning) + len(sentence.text_tokens) + len(self._prompts.begin)
        )
        return prompt + max(sentence.max_tokens, _CHUNK)

    def read(self, sentence: Sentence, row: int, guidance_row: int | None) -> tuple[int, Tensor]:
        """How many columns each of the rows holds now, and their last states, (1 or 2, dim)."""
        voice = self._prompts.voice_length(sentence.conditioning)
        text = len(sentence.text_tokens)
        begin = self._prompts.begin
        beginning = self._beginning(sentence.conditioning, voice + (0 if guidance_row is None else text), row)
        self._cache.write(row, beginning.layers, voice)
        inputs = [self._prompts.text(sentence), begin]
        segments = [Segment(row, voice, text + len(begin))]
        if guidance_row is not None:
            self._cache.write(guidance_row, beginning.layers, voice + text)
            inputs.append(begin)
            segments.append(Segment(guidance_row, voice + text, len(begin)))
        states = self._run(torch.cat(inputs), segments)
        last = torch.tensor([segment.new for segment in segments], device=states.device).cumsum(0) - 1
        return voice + text + len(begin), states[last]

    def forget(self) -> None:
        self._beginnings.clear()

    def _beginning(self, conditioning: Any, columns: int, row: int) -> _Beginning:
        """At least so many columns of it; what is missing is computed in `row`, which nobody uses yet."""
        beginning = self._beginnings.get(id(conditioning))
        if beginning is None:
            voice = self._prompts.voice(conditioning)
            self._run(voice, [Segment(row, 0, len(voice))])
            beginning = _Beginning(conditioning, len(voice), self._cache.read(row, 0, len(voice)))
            self._beginnings[id(conditioning)] = beginning
        self._beginnings.move_to_end(id(conditioning))
        while len(self._beginnings) > _VOICES:
            self._beginnings.popitem(last=False)
        if beginning.columns < columns:
            self._extend(beginning, columns, row)
        return beginning

    def _extend(self, beginning: _Beginning, columns: int, row: int) -> None:
        voice = self._prompts.voice_length(beginning.conditioning)
        self._cache.write(row, beginning.layers, beginning.columns)
        while beginning.columns < columns:
            without_text = self._prompts.without_text(beginning.columns - voice, _CHUNK)
            self._run(without_text, [Segment(row, beginning.columns, len(without_text))])
            beginning.columns += len(without_text)
        beginning.layers = self._cache.read(row, 0, beginning.columns)

    def _run(self, inputs: Tensor, segments: list[Segment]) -> Tensor:
        positions = torch.cat([torch.arange(past, past + new) for _, past, new in segments]).to(inputs.device)
        return self._backbone(inputs, positions, PromptAttention(self._cache, segments))
