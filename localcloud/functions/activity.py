"""What the functions host is doing, so that somebody can wait until it is quiet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from localcloud.clock import Clock


class Work:
    """One event, call or timer. `due` is set while it sleeps on the clock; a timer never counts as depth."""

    def __init__(self, *, is_timer: bool) -> None:
        self.is_timer = is_timer
        self.due: float | None = None


class Activity:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._works: set[Work] = set()
        self._changed = asyncio.Event()

    @contextlib.contextmanager
    def work(self, *, is_timer: bool = False) -> Iterator[Work]:
        work = self.begin(is_timer=is_timer)
        try:
            yield work
        finally:
            self.end(work)

    def begin(self, *, is_timer: bool = False) -> Work:
        """It counts from here on. Call it before the first await after something has arrived."""
        work = Work(is_timer=is_timer)
        self._works.add(work)
        return work

    def end(self, work: Work) -> None:
        self._works.discard(work)
        self._notify()

    async def sleep(self, work: Work, seconds: float, wake: asyncio.Event | None = None) -> None:
        """On the clock, until then or until its owner sets `wake`."""
        due = self._clock.now() + seconds
        work.due = due
        self._notify()
        try:
            if wake is None:
                await self._clock.sleep_until(due)
            else:
                await _first_of(wake, self._clock, due)
        finally:
            work.due = None

    def depth(self) -> int:
        """Events and calls that wait or run."""
        return sum(not work.is_timer for work in self._works)

    async def idle(self) -> None:
        """Until nothing is left, not even a retry that is due in an hour."""
        await self._until(lambda: self.depth() == 0)

    async def settle(self) -> None:
        """Until all that is left sleeps until a time that has not come yet: moving the clock is what helps now."""
        await self._until(lambda: all(w.due is not None and w.due > self._clock.now() for w in self._works))

    async def _until(self, quiet: Callable[[], bool]) -> None:
        while not quiet():
            changed = self._changed
            await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def _first_of(wake: asyncio.Event, clock: Clock, due: float) -> None:
    sleeps = {asyncio.ensure_future(wake.wait()), asyncio.ensure_future(clock.sleep_until(due))}
    try:
        await asyncio.wait(sleeps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for sleep in sleeps:
            sleep.cancel()
        await asyncio.gather(*sleeps, return_exceptions=True)
