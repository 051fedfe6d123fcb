"""The suite's functions emulator, with what it leaves to others: schedules, and saying when it is idle.

`on_schedule` functions of the 2nd generation are loaded but never run by firebase-tools (its Pub/Sub trigger for them
has a signature that it then refuses). Cloud Scheduler's part is done here: a plain request to the function.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from localcloud.clock import Clock
from localcloud.firebase_suite.debug_log import DebugLog
from localcloud.firebase_suite.suite import FirebaseSuite
from localcloud.functions.activity import Activity
from localcloud.functions.manifest import FunctionSpec, parse_manifest
from localcloud.functions.scheduler import Scheduler

_READ_SECONDS = 0.1
_COLD_START_SECONDS = 60  # the emulator starts a process for the first request, and one for each that comes meanwhile


class SuiteFunctions:
    """Has of FunctionsHost what does not depend on bringing the events oneself."""

    def __init__(
        self,
        suite: FirebaseSuite,
        *,
        variables: Mapping[str, str],
        secrets: Mapping[str, str],
        region: str,
        clock: Clock,
        run_dir: Path,
        schedules: bool,
    ) -> None:
        self.functions: dict[str, FunctionSpec] = {}
        self._suite = suite
        self._variables = variables
        self._secrets = secrets
        self._region = region
        self._activity = Activity(clock)
        self._scheduler = Scheduler(clock, self._activity, self._invoke)
        self._with_schedules = schedules
        self._log = DebugLog(suite.debug_log, run_dir / "functions.log")
        self._reading: asyncio.Task[None] | None = None

    @property
    def counts(self) -> Counter[str]:
        """`{function}:delivered`: requests that have ended."""
        self._log.read()
        return self._log.counts

    async def start(self) -> None:
        await self._suite.start(self._variables, self._secrets)
        self._reading = asyncio.create_task(self._keep_reading(), name="read firebase-tools' log")
        self.functions = parse_manifest(manifest_of(await self._suite.triggers()), self._region)
        schedules = [function for function in self.functions.values() if function.kind == "schedule"]
        self._scheduler.check(schedules)
        if self._with_schedules:
            self._scheduler.start(schedules)

    async def stop(self) -> None:
        await self._scheduler.stop()
        await self._suite.stop()
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def run_schedule(self, name: str) -> int:
        """Run a scheduled function now; its HTTP status."""
        return await self._scheduler.run(self.functions[name])

    def depth(self) -> int:
        """Requests to functions that wait or run, whoever sent them."""
        self._log.read()
        return self._log.depth + self._activity.depth()

    async def _keep_reading(self) -> None:
        while True:
            self._log.read()
            await asyncio.sleep(_READ_SECONDS)

    async def _invoke(self, function: FunctionSpec, headers: Mapping[str, str], body: bytes) -> int:
        # `-0` is what firebase-tools adds to the names of functions that are triggered by events.
        trigger = f"functions/projects/{self._suite.project}/triggers/{function.region}-{function.name}-0"
        timeout = aiohttp.ClientTimeout(total=function.timeout_seconds + _COLD_START_SECONDS)
        url = f"http://{self._suite.address('functions')}/{trigger}"
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, headers=headers, data=body) as response,
            ):
                await response.read()
                return response.status
        except TimeoutError:
            return 504
        except aiohttp.ClientError:
            return 503


def manifest_of(triggers: list[dict[str, Any]]) -> dict[str, Any]:
    """The functions that need somebody else to call them, out of what firebase-tools has loaded: queues, schedules."""
    endpoints = {}
    for trigger in triggers:
        endpoint = {key: trigger.get(key) for key in ("entryPoint", "region", "timeoutSeconds")}
        if "schedule" in trigger:
            endpoints[trigger["id"]] = {**endpoint, "scheduleTrigger": trigger["schedule"]}
        elif "taskQueueTrigger" in trigger:
            endpoints[trigger["id"]] = {**endpoint, "taskQueueTrigger": trigger["taskQueueTrigger"]}
    return {"endpoints": endpoints}
