"""Keys and values of all rows of a batch, in memory that is allocated once and not at every token.

    columns      0 ················ length of the row ·············· reserved
    row 0        voice │ text │ begin │ speech ──▶
    row 1        voice │ text │ begin │ speech ──────────▶
    row 2        voice │ (guidance: no text) │ begin │ speech ──▶

Every row begins in column 0 and has its own length: no row sees another's padding, and a row that is finished can be
taken by a sentence that waits, whatever the lengths of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 128
"""Columns are reserved in multiples of this."""


def in_blocks(columns: int) -> int:
    return -(-columns // BLOCK) * BLOCK


class Kept(NamedTuple):
    """A copy of a row's beginning in one layer: keys and values, each (heads, columns, head_size)."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class CacheShape:
    layers: int
    heads: int
    head_size: int
    dtype: torch.dtype

    @property
    def column_bytes(self) -> int:
        """Of one position of one row."""
        number_bytes: int = self.dtype.itemsize
        return 2 * self.layers * self.heads * self.head_size * number_bytes


class KeyValueCache:
    """`keys` and `values`: per layer (rows, heads, columns, head_size)."""

    def __init__(self, shape: CacheShape, device: torch.device, *, zeroed: bool) -> None:
        """`zeroed`: for whoever reads columns that nobody has written. A masked value counts 0 times, but 0 times the
        NaN that fresh memory may hold is NaN. Without, a CPU gives memory only to the columns that are used."""
        self.shape = shape
        self.device = device
        self.rows = 0
        self.columns = 0
        self.generation = 0
        """Another one means other memory, which nobody may look for where the old one was."""
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self._new = torch.zeros if zeroed else torch.empty

    def reserve(self, rows: int, columns: int, *, used: int = 0) -> None:
        """Room for at least so much. The first `used` columns stay as they are, in memory that may be another."""
        if rows <= self.rows and columns <= self.columns:
            return
        rows, columns = max(rows, self.rows), max(in_blocks(columns), self.columns)
        size = (rows, self.shape.heads, columns, self.shape.head_size)
        # Layer by layer, the old one dropped before the next is made: growing costs one layer's memory more, not all.
        for store in (self.keys, self.values):
            for layer in range(self.shape.layers):
                grown = self._new(size, dtype=self.shape.dtype, device=self.device)
                if layer == len(store):
                    store.append(grown)
                else:
                    grown[: self.rows, :, :used] = store[layer][:, :, :used]
                    store[layer] = grown
        self.rows, self.columns = rows, columns
        self.generation += 1

    def release(self) -> None:
        self.rows = self.columns = 0
        self.generation += 1
        self.keys, self.values = [], []

    def read(self, row: int, first: int, end: int) -> list[Kept]:
        """Copies of a row's columns, one for each layer."""
        return [
            Kept(keys[row, :, first:end].clone(), values[row, :, first:end].clone())
            for keys, values in zip(self.keys, self.values, strict=True)
        ]

    def write(self, row: int, beginning: list[Kept], end: int) -> None:
        """The first `end` columns of what was read."""
        for layer, kept in enumerate(beginning):
            self.keys[layer][row, :, :end] = kept.keys[:, :end]
            self.values[layer][row, :, :end] = kept.values[:, :end]
