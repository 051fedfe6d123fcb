"""One queue: which of its tasks may be dispatched now, and what an attempt's outcome means for a task. No I/O.

add ─▶ waiting ── take(now) ──▶ running ── finish(2xx) ────▶ gone
          ▲                        │
          └──── schedule_at + ─────┴─ finish(else) ─▶ gone, once the retry policy is exhausted
                  backoff
"""

from __future__ import annotations

import enum
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from localcloud.tasks.pacing import Pace, Throttle
from localcloud.tasks.retry import RetryPolicy

OVERLOADED = frozenset({429, 503})


@dataclass
class Task:
    """A task as it is kept. Times are Unix seconds; `message` is the Task that the client sent, serialized."""

    name: str
    queue: str
    message: bytes
    named: bool  # by the client, so its name stays taken for a while
    created_at: float
    schedule_at: float
    deadline: float  # seconds that the handler has to answer
    dispatch_count: int = 0
    response_count: int = 0  # attempts that the handler answered
    execution_count: int = 0  # … with anything but a 5xx
    first_dispatch_at: float | None = None
    last_schedule_at: float | None = None
    last_dispatch_at: float | None = None
    last_response_at: float | None = None
    last_status: int | None = None  # HTTP; None where no answer came
    last_reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `status` is the handler's HTTP answer, None if none came; then `reason` says why."""

    status: int | None
    reason: str = ""
    retry_after: float = 0.0

    @property
    def success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Verdict(enum.Enum):
    DONE = "done"
    RETRY = "retry"
    EXHAUSTED = "exhausted"
    GONE = "gone"  # deleted or purged while the attempt ran: nothing to do


@dataclass(frozen=True)
class QueueLimits:
    """The defaults are those that a new production queue gets."""

    max_dispatches_per_second: float = 500.0
    max_concurrent_dispatches: int = 1000

    @property
    def max_burst_size(self) -> int:
        """Production computes it and promises only that it is about the rate or more."""
        return max(10, int(self.max_dispatches_per_second))


@dataclass
class TaskQueue:
    """`retry_policies` holds the policies of tasks that brought their own; the others follow `retry`."""

    name: str
    limits: QueueLimits = field(default_factory=QueueLimits)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    paused: bool = False
    tasks: dict[str, Task] = field(default_factory=dict)
    retry_policies: dict[str, RetryPolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Entries of the heap are left in place when a task moves or goes, and skipped when they surface.
        self._heap: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._running: set[str] = set()
        self._forced: dict[str, None] = {}
        self.configure(self.limits, self.retry)

    def configure(self, limits: QueueLimits, retry: RetryPolicy) -> None:
        """Take new settings; the bucket starts full and a throttle is forgotten."""
        self.limits, self.retry = limits, retry
        self._pace = Pace(limits.max_dispatches_per_second, limits.max_burst_size)
        self.throttle = Throttle(limits.max_dispatches_per_second)

    @property
    def running(self) -> int:
        return len(self._running)

    def is_running(self, name: str) -> bool:
        return name in self._running

    def add(self, task: Task, retry: RetryPolicy | None = None) -> None:
        self.tasks[task.name] = task
        if retry is not None:
            self.retry_policies[task.name] = retry
        self._schedule(task)

    def remove(self, name: str) -> None:
        """Forget a task. An attempt that runs is not stopped, but its outcome will mean nothing."""
        del self.tasks[name]
        self.retry_policies.pop(name, None)
        self._running.discard(name)
        self._forced.pop(name, None)

    def force(self, name: str, now: float) -> None:
        """RunTask: dispatch it next, whatever the limits and even if paused. One that runs already just runs on."""
        if name not in self._running:
            self.tasks[name].schedule_at = now
            self._schedule(self.tasks[name])
            self._forced[name] = None

    def take(self, now: float) -> list[Task]:
        """What is to be dispatched now, in order of schedule time; each counts as running until `finish`."""
        forced = [self._start(self.tasks[name], now) for name in self._forced]
        self._forced.clear()
        return forced + list(self._take_due(now))

    def _take_due(self, now: float) -> Iterator[Task]:
        while (due := self.next_due()) is not None and due <= now:
            task = self.tasks[heapq.heappop(self._heap)[2]]
            self._pace.spend(now)
            yield self._start(task, now)

    def next_due(self) -> float | None:
        """When `take` will next have something; None: not before something else happens."""
        if self._forced:
            return float("-inf")
        if self.paused or len(self._running) >= self.limits.max_concurrent_dispatches:
            return None
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        return max(self._heap[0][0], self._pace.ready_at(), self.throttle.ready_at())

    def finish(self, name: str, dispatched_at: float, outcome: Outcome, now: float) -> Verdict:
        """Take note of an outcome. DONE and EXHAUSTED tasks are still here; the caller removes them."""
        task = self.tasks.get(name)
        # A task deleted and made anew under its old name is another one: its dispatch time tells them apart.
        if task is None or name not in self._running or task.last_dispatch_at != dispatched_at:
            return Verdict.GONE
        self._running.discard(name)
        task.last_response_at = now
        task.last_status, task.last_reason = outcome.status, outcome.reason
        if outcome.status is not None:
            task.response_count += 1
            task.execution_count += outcome.status < 500
        if outcome.success:
            self.throttle.succeeded()
            return Verdict.DONE
        if outcome.status in OVERLOADED:
            self.throttle.overloaded(now, outcome.retry_after)
        policy = self.retry_policies.get(name, self.retry)
        if policy.exhausted(
            attempts=task.dispatch_count,
            first_attempt_at=task.first_dispatch_at or now,
            created_at=task.created_at,
            now=now,
        ):
            return Verdict.EXHAUSTED
        task.schedule_at = now + policy.backoff(task.dispatch_count)
        self._schedule(task)
        return Verdict.RETRY

    def _start(self, task: Task, now: float) -> Task:
        self._running.add(task.name)
        self.throttle.dispatched(now)
        task.dispatch_count += 1
        task.last_schedule_at, task.last_dispatch_at = task.schedule_at, now
        task.last_response_at, task.first_dispatch_at = None, task.first_dispatch_at or now
        return task

    def _schedule(self, task: Task) -> None:
        heapq.heappush(self._heap, (task.schedule_at, next(self._order), task.name))

    def _is_stale(self, entry: tuple[float, int, str]) -> bool:
        schedule_at, _, name = entry
        task = self.tasks.get(name)
        return task is None or name in self._running or task.schedule_at != schedule_at
