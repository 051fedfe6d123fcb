"""Attention to the cache: of prompts, and of one new position for each row, to exact lengths or in a masked window.

Shapes: h heads, d numbers per head; `queries`, `keys`, `values` are (n, h, d) for n packed positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from gpu_job.engines.chatterbox.t3.cache import KeyValueCache


class Segment(NamedTuple):
    """`new` packed positions one after the other, for a row of the cache that holds `past` columns so far."""

    row: int
    past: int
    new: int


class PromptAttention:
    """Parts of prompts, packed one after the other; each attends to its row's past and, causally, to itself."""

    def __init__(self, cache: KeyValueCache, segments: Sequence[Segment]) -> None:
        self._cache = cache
        self._segments = segments
        self._masks = [  # (new, past + new): True where a position may look
            torch.ones(new, past + new, dtype=torch.bool, device=cache.device).tril(past) for _, past, new in segments
        ]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        attended = torch.empty_like(queries)
        begin = 0
        for (row, past, new), mask in zip(self._segments, self._masks, strict=True):
            here, end = slice(begin, begin + new), past + new
            all_keys[row, :, past:end] = keys[here].transpose(0, 1)
            all_values[row, :, past:end] = values[here].transpose(0, 1)
            attended[here] = functional.scaled_dot_product_attention(
                queries[here].transpose(0, 1)[None],  # (1, h, new, d)
                all_keys[None, row, :, :end],
                all_values[None, row, :, :end],
                attn_mask=mask,
            )[0].transpose(0, 1)
            begin += new
        return attended.flatten(1)


class StepAttention:
    """One new position for each of some rows, every row to its exact length: a CPU's way.

    A call per row costs some 20 µs; a masked window for all rows would read, for every row, the columns of the longest,
    and on a CPU it is the reading that costs.
    """

    def __init__(self, cache: KeyValueCache, rows: Sequence[int], lengths: Sequence[int]) -> None:
        self._cache = cache
        self._ends = [(row, length + 1) for row, length in zip(rows, lengths, strict=True)]
        self._rows = torch.tensor(rows, device=cache.device)
        self._columns = torch.tensor(lengths, device=cache.device)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[self._rows, :, self._columns] = keys
        all_values[self._rows, :, self._columns] = values
        attended = [
            functional.scaled_dot_product_attention(
                queries[None, index, :, None],  # (1, h, 1, d)
                all_keys[None, row, :, :end],
                all_values[None, row, :, :end],
            )
            for index, (row, end) in enumerate(self._ends)
        ]
        return torch.cat(attended).flatten(1)


class WindowAttention:
    """One new position for every row of the cache, in one call over its first `window` columns, masked: a GPU's way.

    Nothing here depends on a number of the host's, so a CUDA graph of it stays right while `lengths` changes in place.
    """

    def __init__(self, cache: KeyValueCache, lengths: Tensor, window: int) -> None:
        self._cache = cache
        self._lengths = lengths  # (rows,) int64: columns that each row holds
        self._window = window
        self._rows = torch.arange(cache.rows, device=cache.device)
        self._mask = (torch.arange(window, device=cache.device) <= lengths[:, None])[
            :, None, None
        ]  # (rows, 1, 1, window)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[self._rows, :, self._lengths] = keys
        all_values[self._rows, :, self._lengths] = values
        attended = functional.scaled_dot_product_attention(
            queries[:, :, None],  # (rows, h, 1, d)
            all_keys[:, :, : self._window],
            all_values[:, :, : self._window],
            attn_mask=self._mask,
        )
        return attended.flatten(1)
