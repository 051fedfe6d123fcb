"""Tells a job's webhook of its end: the body of /status, unsigned, three tries 10 s apart, and never again.

What has not been delivered when the local cloud stops never is: a webhook is a hint, /status is the truth.
Faults of `runpod.webhook`: drop, duplicate, delay=S.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.runpod.job import Job

log = logging.getLogger(__name__)

TRIES = 3
SECONDS_BETWEEN_TRIES = 10.0
ANSWER_SECONDS = 10.0


class Webhooks:
    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self._deliveries: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))

    async def stop(self) -> None:
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        if self._session:
            await self._session.close()

    def announce(self, job: Job) -> None:
        if not job.webhook:
            return
        delivery = asyncio.create_task(self._deliver(job.id, job.webhook, job.as_response()))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, job_id: str, url: str, body: dict[str, Any]) -> None:
        fault = self._faults.at("runpod.webhook")
        if fault and fault.action == "drop":
            return
        if fault and fault.action == "delay":
            await self._clock.sleep(fault.seconds)
        if fault and fault.action == "duplicate":
            await self._post(url, body)
        for attempt in range(TRIES):
            if attempt:
                await self._clock.sleep(SECONDS_BETWEEN_TRIES)
            if await self._post(url, body):
                return
        log.warning("The webhook of job %s did not answer 2xx in %d tries.", job_id, TRIES)

    async def _post(self, url: str, body: dict[str, Any]) -> bool:
        if self._session is None:
            raise RuntimeError("The webhooks are not started.")
        try:
            async with self._session.post(url, json=body) as response:
                return response.ok
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
