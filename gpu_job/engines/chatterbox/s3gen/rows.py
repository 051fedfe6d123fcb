"""Rows of different lengths in one tensor: right-padded, and which of it is padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True, eq=False)
class Rows:
    """How long each row is, on the host; masks of them on the device.

    Making a mask copies the lengths to the device and waits for nothing. Where every row is as long as the longest
    there is no padding, every mask is None, and nothing is computed for it.
    """

    lengths: tuple[int, ...]
    device: torch.device

    @property
    def longest(self) -> int:
        return max(self.lengths)

    @property
    def is_padded(self) -> bool:
        return min(self.lengths) < self.longest

    def scaled(self, factor: int, more: int = 0) -> Rows:
        """The rows at another rate: each `factor` times as long, and `more` positions longer."""
        return Rows(tuple(length * factor + more for length in self.lengths), self.device)

    def mask(self) -> Tensor | None:
        """Shape (rows, longest), bool: True where there is something."""
        if not self.is_padded:
            return None
        lengths = torch.tensor(self.lengths).to(self.device, non_blocking=True)
        return torch.arange(self.longest, device=self.device)[None, :] < lengths[:, None]


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Shape (rows, longest, ...): tensors of shape (length, ...), with zeros after them."""
    return pad_sequence(list(rows), batch_first=True)


def silenced(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x`, shape (rows, channels, length), with zeros where there is padding, as a convolution finds beyond the end of
    a row that is alone. `mask`: (rows, length) or None."""
    return x if mask is None else x * mask[:, None, :]
