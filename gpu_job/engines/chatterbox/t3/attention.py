"""Attention of packed positions to their own rows of the cache: exact lengths, or one masked window for all."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from gpu_job.engines.chatterbox.t3.cache import KeyValueCache


class Segment(NamedTuple):
    """`count` packed positions in a row, of a row of the cache that holds `past` columns so far."""

    row: int
    past: int
    count: int


class PromptAttention:
    """Whole prompts, packed one after the other; each attends to its row's past and, causally, to itself.

    No row pays for another's length, and a row is computed in the same calls whatever else is in the batch.
    """

    def __init__(self, cache: KeyValueCache, segments: list[Segment]) -> None:
        self._cache = cache
        self._segments = segments
        device = cache.device
        self._masks = [  # (count, past + count): True where a position may look
            None
            if segment.count == 1
            else torch.ones(segment.count, segment.past + segment.count, dtype=torch.bool, device=device).tril(segment.past)
            for segment in segments
        ]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        attended = torch.empty_like(queries)
        begin = 0
        for (row, past, count), mask in zip(self._segments, self._masks, strict=True):
            here, end = slice(begin, begin + count), past + count
            all_keys[row, :, past:end] = keys[here].transpose(0, 1)
            all_values[row, :, past:end] = values[here].transpose(0, 1)
            attended[here] = functional.scaled_dot_product_attention(
                queries[here].transpose(0, 1)[None],  # (1, h, count, d)
                all_keys[row, :, :end][None],
                all_values[row, :, :end][None],
                attn_mask=mask,
            )[0].transpose(0, 1)
            begin += count
        return attended.flatten(1)


class StepAttention:
    """One new position for each of the first rows, every row to its exact length: a CPU's way.

    A call per row costs some 20 µs, while a masked window for all rows would read the columns of the longest one for
    every other, and on a CPU it is reading keys and values that costs.
    """

    def __init__(self, cache: KeyValueCache, lengths: list[int]) -> None:
        self._cache = cache
        self._ends = [length + 1 for length in lengths]
        self._rows = torch.arange(len(lengths), device=cache.device)
        self._columns = torch.tensor(lengths, device=cache.device)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[self._rows, :, self._columns] = keys
        all_values[self._rows, :, self._columns] = values
        attended = [
            functional.scaled_dot_product_attention(
                queries[row][None, :, None],  # (1, h, 1, d)
                all_keys[row, :, :end][None],
                all_values[row, :, :end][None],
            )
            for row, end in enumerate(self._ends)
        ]
        return torch.cat(attended).flatten(1)


class WindowAttention:
    """The same with one call for all rows, over the first `window` columns, masked: a GPU's way.

    Nothing in it depends on a number on the host, so a CUDA graph of it stays right while `lengths` changes in place.
    """

    def __init__(self, cache: KeyValueCache, lengths: Tensor, window: int) -> None:
        self._cache = cache
        self._lengths = lengths  # (rows,), int64, on the cache's device
        self._window = window
        self._rows = torch.arange(len(lengths), device=cache.device)
        self._every = torch.arange(window, device=cache.device)
        self._mask: Tensor | None = None

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        if layer == 0:
            self._mask = (self._every <= self._lengths[:, None])[:, None, None]  # (rows, 1, 1, window)
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[self._rows, :, self._lengths] = keys
        all_values[self._rows, :, self._lengths] = values
        rows = len(self._rows)
        attended = functional.scaled_dot_product_attention(
            queries[:, :, None],  # (rows, h, 1, d)
            all_keys[:rows, :, : self._window],
            all_values[:rows, :, : self._window],
            attn_mask=self._mask,
        )
        return attended.flatten(1)
