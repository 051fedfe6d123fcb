"""Runs scheduled functions by the clock, with the headers of Cloud Scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from localcloud.clock import Clock
from localcloud.functions.activity import Activity, Work
from localcloud.functions.manifest import FunctionSpec
from localcloud.functions.schedules import parse_schedule

log = logging.getLogger(__name__)

Invoke = Callable[[FunctionSpec, Mapping[str, str], bytes], Awaitable[int]]


class Scheduler:
    """A run never overlaps another of the same function.

    Times that pass during a run, or in a leap of the clock, are made up for by one run.
    """

    def __init__(self, clock: Clock, activity: Activity, invoke: Invoke) -> None:
        self._clock = clock
        self._activity = activity
        self._invoke = invoke
        self._tasks: list[asyncio.Task[None]] = []
        self._running: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @staticmethod
    def check(functions: Sequence[FunctionSpec]) -> None:
        """Raises ScheduleError for the first schedule that is not implemented."""
        for function in functions:
            parse_schedule(function.schedule, function.time_zone)

    def start(self, functions: Sequence[FunctionSpec]) -> None:
        for function in functions:
            timer = self._activity.begin(is_timer=True)  # here and not in the task, which runs only later
            self._tasks.append(asyncio.create_task(self._keep(function, timer), name=f"schedule {function.name}"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, function: FunctionSpec) -> int:
        """Now; the HTTP status. Raises ValueError for a function without a schedule."""
        if function.kind != "schedule":
            raise ValueError(f"{function.name} is not a scheduled function.")
        with self._activity.work():
            async with self._running[function.name]:
                when = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="microseconds")
                headers = {
                    "User-Agent": "Google-Cloud-Scheduler",
                    "X-CloudScheduler": "true",
                    "X-CloudScheduler-JobName": f"firebase-schedule-{function.name}-{function.region}",
                    "X-CloudScheduler-ScheduleTime": when.replace("+00:00", "Z"),
                }
                status = await self._invoke(function, headers, b"")
        if status >= 300:
            log.warning("The scheduled function %s answered %d.", function.name, status)
        return status

    async def _keep(self, function: FunctionSpec, timer: Work) -> None:
        schedule = parse_schedule(function.schedule, function.time_zone)
        try:
            while True:
                now = self._clock.now()
                await self._activity.sleep(timer, schedule.next_after(now) - now)
                await self.run(function)
        finally:
            self._activity.end(timer)
