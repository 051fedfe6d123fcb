"""Signed URLs for lists: the same one for the same file for a while, so that a page of fifty is signed once and an
app's cache knows a file again by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

from backend.storage import Signer

_KEPT = 4096


class Links:
    """Each URL is good for at least half of `seconds` yet when it is given. Thread-safe."""

    def __init__(self, signer: Signer, seconds: int, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._now = now
        self._signed = lru_cache(maxsize=_KEPT)(lambda key, _half: signer.get(key, seconds=seconds)[0])

    def url(self, key: str) -> str:
        return self._signed(key, int(self._now() / (self._seconds / 2)))
