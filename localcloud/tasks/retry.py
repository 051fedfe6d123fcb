"""When a failed task is tried again, and when no more. The rules are those of google.cloud.tasks.v2.RetryConfig."""

from __future__ import annotations

from dataclasses import dataclass

MAX_RETENTION_SECONDS = 31 * 24 * 3600.0  # a task that nothing else ends is deleted after this


@dataclass(frozen=True)
class RetryPolicy:
    """Durations in seconds. The defaults are those that a new production queue gets."""

    max_attempts: int = 100  # the first included; -1: without limit
    max_retry_duration: float = 0.0  # from the first attempt; 0: without limit
    min_backoff: float = 0.1
    max_backoff: float = 3600.0
    max_doublings: int = 16

    def backoff(self, failures: int) -> float:
        """Seconds from the `failures`-th failure (1, 2, …) to the next attempt.

        Doubles max_doublings times, then grows by the last doubled step, up to max_backoff. With min 10, max 300 and
        3 doublings: 10 20 40 80 160 240 300 300 …
        """
        doubled = min(failures - 1, self.max_doublings)
        if doubled > 1000:
            return self.max_backoff  # 2.0**1024 is no float
        step = self.min_backoff * 2.0**doubled
        return min(self.max_backoff, step * max(1, failures - self.max_doublings))

    def exhausted(self, *, attempts: int, first_attempt_at: float, created_at: float, now: float) -> bool:
        """Whether the task is given up. Every limit that is set must have been reached, not just one of them."""
        if now - created_at >= MAX_RETENTION_SECONDS:
            return True
        limits = []
        if self.max_attempts != -1:
            limits.append(attempts >= self.max_attempts)
        if self.max_retry_duration > 0:
            limits.append(now - first_attempt_at >= self.max_retry_duration)
        return bool(limits) and all(limits)
