"""How fast a queue may dispatch: its own rate limit, and the slower pace that struggling handlers impose."""

from __future__ import annotations

from collections import deque


class Pace:
    """A token bucket, kept as the time at which it would be full again (GCRA), so that no rounding adds up.

    `full_at` moves 1/rate ahead with each dispatch. A dispatch may go as long as that stays within `burst` tokens:

        now                     full_at
         ├───────────────────────┤          (full_at - now) * rate tokens are missing from the bucket
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._full_at = float("-inf")

    def ready_at(self) -> float:
        """The earliest time for the next dispatch; in the past if it may go at once."""
        return self._full_at - (self.burst - 1) / self.rate

    def spend(self, now: float) -> None:
        self._full_at = max(now, self._full_at) + 1 / self.rate


class Throttle:
    """Back-pressure. Production says only that 429 and 503 slow the whole queue; our rule, which is a plain one:

    - An answer of 429 or 503 halves the pace: half of what was dispatched in the last second, or half of the throttled
      rate already in force, whichever is lower; at least one a second, and at most one halving a second (the answers
      to what was sent before the halving say nothing about it).
    - Retry-After (seconds) with it holds the whole queue that long, at most an hour.
    - Each success raises the throttled rate by a tenth, until the queue's own rate is reached and the throttle is gone:
      from 1/s to 500/s takes 66 successes, about 10 s.
    """

    FLOOR = 1.0
    MAX_HOLD_SECONDS = 3600.0

    def __init__(self, full_rate: float) -> None:
        self.full_rate = full_rate
        self.held_until = float("-inf")
        self._pace: Pace | None = None
        self._cut_at = float("-inf")
        self._recent: deque[float] = deque()

    @property
    def rate(self) -> float:
        """Dispatches a second that it allows now."""
        return self._pace.rate if self._pace else self.full_rate

    def ready_at(self) -> float:
        return max(self.held_until, self._pace.ready_at() if self._pace else float("-inf"))

    def dispatched(self, now: float) -> None:
        self._recent.append(now)
        self._forget(now)
        if self._pace:
            self._pace.spend(now)

    def overloaded(self, now: float, retry_after: float = 0.0) -> None:
        self.held_until = max(self.held_until, now + min(retry_after, self.MAX_HOLD_SECONDS))
        if now - self._cut_at < 1.0:
            return
        self._cut_at = now
        self._forget(now)
        rate = max(min(self.FLOOR, self.full_rate), min(self.rate, len(self._recent)) / 2)
        self._pace = Pace(rate, burst=1)
        self._pace.spend(now)

    def succeeded(self) -> None:
        if self._pace:
            self._pace.rate *= 1.1
            if self._pace.rate >= self.full_rate:
                self._pace = None

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
