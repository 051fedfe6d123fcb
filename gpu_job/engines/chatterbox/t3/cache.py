"""Keys and values of all rows of a batch, in memory that is allocated once and not at every token.

    columns      0 ················ length of the row ·············· reserved
    row 0        voice │ text │ begin │ speech ──▶
    row 1        voice │ text │ begin │ speech ──────────▶
    row 2        voice │ (guidance: no text) │ begin │ speech ──▶

Every row begins in column 0 and has its own length, so no row sees another's padding, and a row that is finished can be
taken by a sentence that waits whatever the lengths of the others. Rows in use are the first ones, without gaps, which
makes "the batch" a slice and not a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 128
"""Columns are reserved in multiples of this."""


def in_blocks(columns: int) -> int:
    return -(-columns // BLOCK) * BLOCK


@dataclass(frozen=True)
class CacheShape:
    """What a column of a row costs."""

    layers: int
    heads: int
    head_size: int
    dtype: torch.dtype

    @property
    def column_bytes(self) -> int:
        return 2 * self.layers * self.heads * self.head_size * self.dtype.itemsize


class KeyValueCache:
    """`keys` and `values`: per layer (rows, heads, columns, head_size)."""

    def __init__(self, shape: CacheShape, device: torch.device) -> None:
        self.shape = shape
        self.device = device
        self.rows = 0
        self.columns = 0
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def reserve(self, rows: int, columns: int) -> bool:
        """Room for at least so much; what is there stays. True where the memory is another one now."""
        columns = in_blocks(columns)
        if rows <= self.rows and columns <= self.columns:
            return False
        rows, columns = max(rows, self.rows), max(columns, self.columns)
        size = (rows, self.shape.heads, columns, self.shape.head_size)
        # Layer by layer, and the old one dropped before the next is made: growing costs one layer's memory, not the sum.
        # Zeros, because a masked column still is multiplied by 0, and what lies in fresh memory may be NaN.
        for store in (self.keys, self.values):
            for layer in range(self.shape.layers):
                grown = torch.zeros(size, dtype=self.shape.dtype, device=self.device)
                if layer < len(store):
                    grown[: self.rows, :, : self.columns] = store[layer]
                    store[layer] = grown
                else:
                    store.append(grown)
        self.rows, self.columns = rows, columns
        return True

    def release(self) -> None:
        self.rows = self.columns = 0
        self.keys, self.values = [], []

    def copy_row(self, source: int, target: int, length: int) -> None:
        for store in (self.keys, self.values):
            for layer in store:
                layer[target, :, :length] = layer[source, :, :length]

    def read(self, row: int, length: int) -> list[tuple[Tensor, Tensor]]:
        """Copies of a row's beginning, per layer (heads, length, head_size)."""
        return [
            (keys[row, :, :length].clone(), values[row, :, :length].clone())
            for keys, values in zip(self.keys, self.values, strict=True)
        ]

    def write(self, row: int, beginning: list[tuple[Tensor, Tensor]], length: int) -> None:
        """The first `length` columns of what `read` gave."""
        for layer, (keys, values) in enumerate(beginning):
            self.keys[layer][row, :, :length] = keys[:, :length]
            self.values[layer][row, :, :length] = values[:, :length]
