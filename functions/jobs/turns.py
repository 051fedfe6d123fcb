"""One after the other, for what one user does at the same moment in this process.

Every admission of a user reads and writes the same quota, and every narration of a story ends in the same document.
Left to the database, eight at once read it, and each then waits for the other seven to let go of it, until somebody is
aborted: seconds go by, all threads of the process are in there, and everybody else's requests wait outside.

    without    read ┬ commit … waits for B ──────▶ aborted ─ again …      with    A ── read ─ commit ─▶
               read ┴ commit … waits for A ──────▶ committed                      B    waits   └ read ─ commit ─▶

A courtesy, and no lock that anything relies on: other processes know nothing of it, and whoever has waited long enough
goes on. What is right is decided by the transaction.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

LONGEST_WAIT_SECONDS = 10.0


class _Queue:
    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.people = 0


class Turns:
    """Thread-safe. Keeps nothing of a user of whom nothing is under way."""

    def __init__(self, longest_wait: float = LONGEST_WAIT_SECONDS) -> None:
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    def ahead(self, user_id: str) -> int:
        """How many would be before us."""
        with self._lock:
            queue = self._queues.get(user_id)
            return queue.people if queue else 0

    @contextlib.contextmanager
    def of(self, user_id: str) -> Iterator[None]:
        """Our turn; at once where no user is known."""
        if not user_id:
            yield
            return
        with self._lock:
            queue = self._queues.setdefault(user_id, _Queue())
            queue.people += 1
        is_ours = queue.turn.acquire(timeout=self._longest_wait)
        try:
            yield
        finally:
            if is_ours:
                queue.turn.release()
            with self._lock:
                queue.people -= 1
                if not queue.people:
                    del self._queues[user_id]
