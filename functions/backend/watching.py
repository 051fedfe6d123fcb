"""Waiting for what a document becomes, in a request that stays open: by looking again and again, less and less often.

Not by a listener: the client library's takes a thread and a stream for each, and whoever waits here looks at one
document for a minute at most. A request that waits holds one of the instance's threads, so only so many may; who comes
when they are taken gets the answer of the moment, as if it had not asked to wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
LONGEST_SECONDS = 50.0  # Hosting, in front of the function, ends a request after a minute
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0  # seconds
_KEEP_ALIVE_SECONDS = 15.0


class Watcher:
    """For one process. `places`: how many may wait at once."""

    def __init__(
        self,
        places: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._monotonic = monotonic
        self._sleep = sleep

    def until(self, look: Callable[[], T], is_over: Callable[[T], bool], seconds: float) -> T:
        """What `look` sees when it is over, or when the time is."""
        seen = look()
        if seconds <= 0 or is_over(seen) or not self._places.acquire(blocking=False):
            return seen
        try:
            for _ in self._moments(seconds):
                seen = look()
                if is_over(seen):
                    break
        finally:
            self._places.release()
        return seen

    def changes(
        self, look: Callable[[], T], is_over: Callable[[T], bool], seconds: float
    ) -> Generator[T | None, None, None]:
        """What `look` sees now, and each time that it sees something else, up to the one that is over. None where
        nothing has changed for so long that whoever listens might think that nobody is there any more."""
        seen = look()
        yield seen
        if is_over(seen) or not self._places.acquire(blocking=False):
            return
        try:
            said = self._monotonic()
            for now in self._moments(seconds):
                before, seen = seen, look()
                if seen != before:
                    yield seen
                elif now - said >= _KEEP_ALIVE_SECONDS:
                    yield None
                else:
                    continue
                said = now
                if is_over(seen):
                    return
        finally:
            self._places.release()

    def _moments(self, seconds: float) -> Iterator[float]:
        """After each pause the time on the clock, until the seconds are over."""
        end = self._monotonic() + min(seconds, LONGEST_SECONDS)
        pause = _FIRST_PAUSE
        while (left := end - self._monotonic()) > 0:
            self._sleep(min(pause, left))
            pause = min(_LONGEST_PAUSE, pause * 1.5)
            yield self._monotonic()
