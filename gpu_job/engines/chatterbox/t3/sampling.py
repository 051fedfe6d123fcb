"""Drawing the next speech token of many sentences, each with parameters and a random generator of its own.

Upstream draws for one sentence, with Python numbers. The same arithmetic is done here on a column of parameters, in
upstream's order, which is part of what a model sounds like:

    Llama    guidance, repetition penalty, temperature, min_p, top_p
    GPT-2    temperature, top_k, top_p, repetition penalty

A draw consumes what `torch.multinomial` consumes for one row: as many exponential numbers as there are tokens, the
token being where probability / number is largest. So a sentence gets upstream's tokens for the same seed, whatever the
batch.

Shapes: s sentences, v tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.sentence import SamplingParameters


@dataclass
class Samplers:
    """The parameters and the state of s sentences. All columns are (s, 1) in the dtype of the logits, float32."""

    cfg_weight: Tensor
    temperature: Tensor
    min_p: Tensor
    tail: Tensor  # 1 - top_p: the probability that may be cut off
    top_k: Tensor  # int64
    repetition_penalty: Tensor
    seen: Tensor  # (s, v) bool: what the penalty applies to
    generators: list[torch.Generator]
    # Known to the host, so that it need not ask the device.
    cuts_tail: bool  # whether any has a tail
    most_k: int  # no top_k is larger

    @classmethod
    def starting(
        cls, parameters: Sequence[SamplingParameters], *, tokens: int, start_token: int, device: torch.device
    ) -> Samplers:
        """For sentences that have not spoken yet. The start token counts as said, as upstream has it."""

        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None]

        seen = torch.zeros(len(parameters), tokens, dtype=torch.bool, device=device)
        seen[:, start_token] = True
        ks = [each.top_k if each.top_k > 0 else tokens for each in parameters]
        return cls(
            cfg_weight=column([each.cfg_weight for each in parameters]),
            temperature=column([each.temperature for each in parameters]),
            min_p=column([each.min_p for each in parameters]),
            tail=column([1 - each.top_p for each in parameters]),
            top_k=torch.tensor(ks, device=device).clamp(max=tokens)[:, None],
            repetition_penalty=column([each.repetition_penalty for each in parameters]),
            seen=seen,
            generators=[torch.Generator(device).manual_seed(each.seed) for each in parameters],
            cuts_tail=any(each.top_p < 1 for each in parameters),
            most_k=min(max(ks), tokens),
        )

    def joined(self, other: Samplers) -> Samplers:
        return Samplers(
            **{name: torch.cat((getattr(self, name), getattr(other, name))) for name in _COLUMNS},
            generators=[*self.generators, *other.generators],
            cuts_tail=self.cuts_tail or other.cuts_tail,
            most_k=max(self.most_k, other.most_k),
        )

    def only(self, indices: list[int]) -> Samplers:
        chosen = torch.tensor(indices, dtype=torch.long, device=self.seen.device)
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return replace(self, **columns, generators=[self.generators[index] for index in indices])

    def draw_guided(self, logits: Tensor, unguided: Tensor) -> Tensor:
        """The Llama models' next tokens, (s,) int64. `unguided` are the logits without the text, (s, v) as the others;
        where a sentence has no guidance, cfg_weight 0, they may be anything finite."""
        logits = logits.float()
        logits = logits + self.cfg_weight * (logits - unguided.float())
        logits = self._penalised(logits) / self.temperature
        logits = _without_unlikely(logits, self.min_p)
        return self._drawn(self._without_tail(logits))

    def draw(self, logits: Tensor) -> Tensor:
        """The GPT-2 models' next tokens, (s,) int64."""
        logits = _without_lower(logits.float() / self.temperature, self.top_k, self.most_k)
        return self._drawn(self._penalised(self._without_tail(logits)))

    def forget(self, token: int) -> None:
        self.seen[:, token] = False

    def _penalised(self, logits: Tensor) -> Tensor:
        penalised = torch.where(logits < 0, logits * self.repetition_penalty, logits / self.repetition_penalty)
        return torch.where(self.seen, penalised, logits)

    def _without_tail(self, logits: Tensor) -> Tensor:
        return _without_tail(logits, self.tail) if self.cuts_tail else logits

    def _drawn(self, logits: Tensor) -> Tensor:
        probabilities = logits.softmax(dim=-1)
        numbers = torch.empty_like(probabilities)
        for row, generator in zip(numbers, self.generators, strict=True):
            row.exponential_(1, generator=generator)
        tokens = (probabilities / numbers).argmax(dim=-1)
        self.seen.scatter_(1, tokens[:, None], True)
        return tokens


_COLUMNS = ("cfg_weight", "temperature", "min_p", "tail", "top_k", "repetition_penalty", "seen")


def _without_unlikely(logits: Tensor, min_p: Tensor) -> Tensor:
    """min_p: what is less likely than that share of the most likely one is out."""
    probabilities = logits.softmax(dim=-1)
    return logits.masked_fill(probabilities < min_p * probabilities.amax(dim=-1, keepdim=True), -torch.inf)


def _without_tail(logits: Tensor, tail: Tensor) -> Tensor:
    """top_p: the least likely ones that together are no more likely than `tail` are out, never the most likely."""
    ascending, order = logits.sort(dim=-1)
    out = ascending.softmax(dim=-1).cumsum(dim=-1) <= tail
    out[:, -1] = False
    return logits.masked_fill(torch.empty_like(out).scatter_(1, order, out), -torch.inf)


def _without_lower(logits: Tensor, top_k: Tensor, most_k: int) -> Tensor:
    """top_k: what is lower than the k-th highest is out."""
    highest = logits.topk(most_k, dim=-1).values
    return logits.masked_fill(logits < highest.gather(1, top_k - 1), -torch.inf)
