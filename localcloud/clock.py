"""Time for everything in the local cloud that is ours: real, shifted, or standing still.

The queues never call time.time() or asyncio.sleep() themselves. They ask a Clock, so that a test (or somebody at the
control endpoint) can move an hour ahead and every retry, lease and window that falls due in it happens at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable


class Clock:
    """Unix seconds from `source`, plus whatever `advance` has added."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0
        self._moved: set[asyncio.Event] = set()

    def now(self) -> float:
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move ahead and wake whoever waits for a time. Call it on the event loop's thread."""
        self._offset += seconds
        for event in self._moved:
            event.set()

    async def sleep_until(self, when: float | None, wake: asyncio.Event | None = None) -> None:
        """Return once `now() >= when` (None: never by itself) or `wake` is set; it is not cleared here."""
        moved = wake or asyncio.Event()
        self._moved.add(moved)
        try:
            while not (wake and wake.is_set()) and (when is None or self.now() < when):
                if wake is None:
                    moved.clear()
                # Not asyncio.wait_for: Python 3.11's can swallow a cancellation that comes as the event is set.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._real_seconds_until(when)):
                        await moved.wait()
                if wake is not None:
                    return  # set by its owner, by advance(), or it is due: the caller looks again
        finally:
            self._moved.discard(moved)

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.now() + seconds)

    def _real_seconds_until(self, when: float | None) -> float | None:
        return None if when is None else max(0.0, when - self.now())


class ManualClock(Clock):
    """Stands still until `advance`: for tests."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        super().__init__(source=lambda: start)

    def _real_seconds_until(self, when: float | None) -> float | None:
        del when
        return None
