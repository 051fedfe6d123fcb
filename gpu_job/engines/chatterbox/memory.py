"""How much device memory a part of the engine may take at once. Batch sizes follow from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class MemoryLimit:
    """A number of bytes that can be halved, once: what does not work with half of what was allowed is no matter of the
    batch's size."""

    bytes: int
    is_halved: bool = False

    def halve(self) -> bool:
        """Whether it could be."""
        if self.is_halved:
            return False
        self.is_halved = True
        self.bytes //= 2
        return True
