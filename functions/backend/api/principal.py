"""Who is calling, and through which door they came. Routes know nothing else of how they got in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.api.routing import Door


@dataclass(frozen=True)
class Principal:
    """`user_id`: for whom. `signature`: what an internal service signed this very request with, else empty."""

    user_id: str
    door: Door
    signature: str = ""
