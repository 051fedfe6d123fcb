"""The public API: /v2/{endpoint}/run, runsync, status, cancel, retry, purge-queue, health; the account's key on each.

Faults: `runpod.run` STATUS (not accepted), delay=S, hang, reset (accepted, but the connection is cut before the
answer), duplicate (queued twice, under two ids), drop (answered, but never queued); `runpod.status` STATUS, delay=S,
hang, reset.
"""

from __future__ import annotations

import dataclasses
import hmac
import uuid

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.runpod.http import ENDPOINT, RefusedError, cut, strike
from localcloud.runpod.hub import Hub
from localcloud.runpod.job import Job, Status
from localcloud.runpod.requests import read_job

RUNSYNC_HOLD_SECONDS = 90.0
_V2 = f"/v2/{ENDPOINT}"


class PublicApi:
    def __init__(self, hub: Hub, clock: Clock, faults: Faults, api_key: str) -> None:
        self._hub = hub
        self._clock = clock
        self._faults = faults
        self._authorization = f"Bearer {api_key}".encode()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{_V2}/run", self._run),
            web.post(f"{_V2}/runsync", self._runsync),
            web.get(f"{_V2}/status/{{job_id}}", self._status),
            web.post(f"{_V2}/cancel/{{job_id}}", self._cancel),
            web.post(f"{_V2}/retry/{{job_id}}", self._retry),
            web.post(f"{_V2}/purge-queue", self._purge),
            web.get(f"{_V2}/health", self._health),
            web.route("*", "/{rest:.*}", self._unimplemented),
        ]

    async def _unimplemented(self, request: web.Request) -> web.StreamResponse:
        self._authorize(request)
        raise RefusedError(501, f"{request.method} {request.path} is not implemented by the local RunPod.")

    def _authorize(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            raise RefusedError(401, "The API key is missing or wrong.")

    async def _run(self, request: web.Request) -> web.StreamResponse:
        self._authorize(request)
        job = await read_job(request, sync=False, now=self._clock.now())
        fault = await strike("runpod.run", self._faults, self._clock)
        self._submit(job, fault)
        if fault and fault.action == "reset":
            return cut(request)
        return web.json_response({"id": job.id, "status": Status.IN_QUEUE})

    async def _runsync(self, request: web.Request) -> web.StreamResponse:
        self._authorize(request)
        job = await read_job(request, sync=True, now=self._clock.now())
        fault = await strike("runpod.run", self._faults, self._clock)
        self._submit(job, fault)
        if fault and fault.action == "reset":
            return cut(request)
        now = await self._hub.wait_for_result(job.endpoint, job.id, RUNSYNC_HOLD_SECONDS)
        return web.json_response((now or job).as_response())

    def _submit(self, job: Job, fault: Fault | None) -> None:
        if fault and fault.action == "drop":
            return
        with self._hub.changing(job.endpoint) as queue:
            queue.submit(job)
            if fault and fault.action == "duplicate":
                queue.submit(dataclasses.replace(job, id=f"{uuid.uuid4()}-e1"))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        self._authorize(request)
        fault = await strike("runpod.status", self._faults, self._clock)
        if fault and fault.action == "reset":
            return cut(request)
        return web.json_response(self._job(request).as_response())

    async def _cancel(self, request: web.Request) -> web.Response:
        self._authorize(request)
        job = self._job(request)
        with self._hub.changing(job.endpoint) as queue:
            queue.cancel(job, self._clock.now())
        return web.json_response(job.as_response())

    async def _retry(self, request: web.Request) -> web.Response:
        self._authorize(request)
        job = self._job(request)
        with self._hub.changing(job.endpoint) as queue:
            if not queue.retry(job, self._clock.now()):
                raise RefusedError(400, f"The job is {job.status}; only FAILED and TIMED_OUT can be retried.")
        return web.json_response({"id": job.id, "status": job.status})

    async def _purge(self, request: web.Request) -> web.Response:
        self._authorize(request)
        with self._hub.changing(request.match_info["endpoint"]) as queue:
            removed = queue.purge()
        return web.json_response({"removed": removed, "status": "completed"})

    async def _health(self, request: web.Request) -> web.Response:
        self._authorize(request)
        return web.json_response(self._hub.queue(request.match_info["endpoint"]).health())

    def _job(self, request: web.Request) -> Job:
        job = self._hub.queue(request.match_info["endpoint"]).jobs.get(request.match_info["job_id"])
        if job is None:
            raise RefusedError(404, "There is no such job; results are kept for 30 minutes.")
        return job
