"""One attempt with its fault, and the life of an event: tried, tried again where its trigger asks for it, given up.

arrives ─▶ attempt ── 2xx ─▶ delivered
             ▲  │
             │  └─ else ─ no retry asked for ─▶ dropped
             │       └── retry ─ 24 h since it arrived ─▶ expired
             └── 10 s, 20 s, 40 s … 600 s ──┘
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.functions.activity import Activity, Work
from localcloud.functions.manifest import FunctionSpec

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 600.0
RETRY_WINDOW_SECONDS = 24 * 3600.0

_CRASH_AFTER_SECONDS = 0.05  # real ones: the request is with the function by then
_REORDER_SECONDS = 1.0  # where no other event comes to overtake it

Send = Callable[[], Awaitable[int]]


@dataclass(frozen=True)
class Outcome:
    """`status` is the function's answer or what stands for it. `lost`: nobody was asked and nobody will be told.

    `ack_lost`: the function has run, but whoever delivers does not know and will deliver again.
    """

    status: int
    lost: bool = False
    ack_lost: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Attempts:
    """Sends, with whatever the fault point says goes wrong this time."""

    def __init__(self, activity: Activity, faults: Faults, crash: Callable[[], Awaitable[None]]) -> None:
        self._activity = activity
        self._faults = faults
        self._crash = crash
        self._held: list[asyncio.Event] = []

    async def one(
        self, point: str, work: Work, send: Send, timeout_seconds: float, *, unheard: Send | None = None
    ) -> Outcome:
        """`unheard` is for a `send` that answers somebody, and so cannot be repeated: the same without the answer.

        Raises NotImplementedError for a fault that makes no sense here.
        """
        fault = self._faults.at(point)
        if fault is not None and fault.action == "duplicate" and unheard:
            raise NotImplementedError(f"the fault {fault.action} is not implemented at {point}")
        if fault is not None and fault.action == "reorder":
            await self._hold(work, fault)
            return Outcome(await send())
        if fault is not None and fault.action == "drop":
            return Outcome(200, lost=True)
        if fault is not None and fault.action == "reset":
            return Outcome(await (unheard or send)(), ack_lost=True)
        outcome = Outcome(await self._status(fault, work, send, timeout_seconds))
        self._release_held()
        return outcome

    async def _status(self, fault: Fault | None, work: Work, send: Send, timeout_seconds: float) -> int:
        if fault is not None and fault.status is not None:
            return fault.status
        match fault.action if fault else "none":
            case "hang":
                await self._activity.sleep(work, timeout_seconds)
                return 504
            case "duplicate":
                return max(await asyncio.gather(send(), send()))
            case "crash":
                return await self._crash_during(send)
            case "delay" if fault:
                await self._activity.sleep(work, fault.seconds)
        return await send()

    async def _crash_during(self, send: Send) -> int:
        sending = asyncio.ensure_future(send())
        await asyncio.wait({sending}, timeout=_CRASH_AFTER_SECONDS)
        await self._crash()
        return await sending

    async def _hold(self, work: Work, fault: Fault) -> None:
        overtaken = asyncio.Event()
        self._held.append(overtaken)
        await self._activity.sleep(work, fault.seconds or _REORDER_SECONDS, overtaken)

    def _release_held(self) -> None:
        for overtaken in self._held:
            overtaken.set()
        self._held.clear()


class EventDelivery:
    """Events on their way to functions, in the background, a bounded number of them at a time."""

    def __init__(self, clock: Clock, activity: Activity, attempts: Attempts, concurrency: int) -> None:
        self._clock = clock
        self._activity = activity
        self._attempts = attempts
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    def submit(self, function: FunctionSpec, send: Send) -> None:
        """Returns at once. `counts` tells how it went: `{name}:delivered|redelivered|failed|dropped|expired|lost`."""

        async def in_a_slot() -> int:
            async with self._slots:
                return await send()

        work = self._activity.begin()
        task = asyncio.create_task(self._deliver(function, work, in_a_slot), name=f"deliver to {function.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._activity.end(work))

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, function: FunctionSpec, work: Work, send: Send) -> None:
        expires = self._clock.now() + RETRY_WINDOW_SECONDS
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            outcome = await self._attempts.one("events.deliver", work, send, function.timeout_seconds)
            if outcome.ack_lost:
                self._count(function, "redelivered")
                outcome = Outcome(await send())
            if outcome.lost:
                return self._count(function, "lost")
            if outcome.ok:
                return self._count(function, "delivered")
            self._count(function, "failed")
            if not function.retry:
                log.warning("%s answered %d and asks for no retry: event dropped.", function.name, outcome.status)
                return self._count(function, "dropped")
            if self._clock.now() + backoff > expires:
                log.warning("%s has failed for 24 h: event dropped.", function.name)
                return self._count(function, "expired")
            await self._activity.sleep(work, backoff)
            backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    def _count(self, function: FunctionSpec, what: str) -> None:
        self.counts[f"{function.name}:{what}"] += 1
