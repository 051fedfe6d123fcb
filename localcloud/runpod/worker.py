"""The worker's face: the protocol of the runpod SDK (runpod/serverless/modules: rp_job, rp_http, rp_ping, rp_scale).

    GET  job-take/W?…&job_in_progress=            one job {id, input}; 204 after a while if there is none
    GET  job-take-batch/W?…&batch_size=N&…        a list of jobs
    GET  job-stop/W?…                             {"jobsToStop": [id, …]}; 204 likewise
    POST job-done/W/ID?…&isStream=                {output, error?}; with status IN_PROGRESS it is progress only
    GET  ping/W?job_id=ID,ID

The SDK replaces /job-take/ in the URL that it is given to get at the others, and appends with "&", so that URL carries
a query. There is no key on this face: the SDK prefers the one in the user's own ~/.runpod over the one in its
environment, and we listen on the loopback only.

A busy SDK looks only once a second whether it has room for more (rp_scale.get_jobs), so one worker process takes at
most `concurrency` jobs a second, however quick they are.

Faults: `runpod.take` (drawn for each job that is handed out) duplicate (the job is handed to a second worker as well),
STATUS (the worker gets none), reset or drop (handed out, but the connection is cut before the worker has it);
`runpod.done` drop (answered, but the result is lost), STATUS (refused; the SDK tries three times), delay=S, reset.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.runpod.http import ENDPOINT, RefusedError, cut, strike
from localcloud.runpod.hub import Hub
from localcloud.runpod.job import Job
from localcloud.runpod.queue import PING_INTERVAL_SECONDS

log = logging.getLogger(__name__)

HOLD_SECONDS = 25.0
_WORKER = f"/worker/{ENDPOINT}"
_ID = "{worker_id:[A-Za-z0-9_-]+}"


def worker_environment(base_url: str, endpoint: str, worker_id: str) -> dict[str, str]:
    """What RunPod sets in a worker's container, as far as the SDK reads it."""
    base = f"{base_url}/worker/{endpoint}"
    return {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/{worker_id}?gpu=local",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/{worker_id}/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/{worker_id}/$ID?gpu=local",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/{worker_id}",
        "RUNPOD_PING_INTERVAL": str(PING_INTERVAL_SECONDS * 1000),
        "RUNPOD_AI_API_KEY": "local",  # must be there, or the SDK does not ping
        "RUNPOD_POD_ID": worker_id,
        "RUNPOD_POD_HOSTNAME": worker_id,
        "RUNPOD_ENDPOINT_ID": endpoint,
        "RUNPOD_DEBUG_LEVEL": "INFO",
        # The automatic fitness checks look for a GPU and call out, and kill the worker if that fails.
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
    }


class WorkerApi:
    def __init__(self, hub: Hub, clock: Clock, faults: Faults) -> None:
        self._hub = hub
        self._clock = clock
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{_WORKER}/job-take/{_ID}", self._take),
            web.get(f"{_WORKER}/job-take-batch/{_ID}", self._take_batch),
            web.get(f"{_WORKER}/job-stop/{_ID}", self._stops),
            web.post(f"{_WORKER}/job-done/{_ID}/{{job_id}}", self._done),
            web.get(f"{_WORKER}/ping/{_ID}", self._ping),
        ]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        return await self._hand_out(request, batch_size=1)

    async def _take_batch(self, request: web.Request) -> web.StreamResponse:
        size = request.query.get("batch_size", "1")
        if not size.isdigit() or int(size) < 1:
            raise RefusedError(400, "batch_size must be a positive whole number.")
        return await self._hand_out(request, batch_size=int(size))

    async def _hand_out(self, request: web.Request, batch_size: int) -> web.StreamResponse:
        endpoint, worker_id = request.match_info["endpoint"], request.match_info["worker_id"]
        jobs = await self._hub.take(endpoint, worker_id, batch_size, HOLD_SECONDS)
        if not jobs:
            return web.Response(status=204)
        try:
            reset = [await self._strike(job, worker_id) for job in jobs]
        except (RefusedError, asyncio.CancelledError):
            self._put_back(jobs, endpoint, worker_id)
            raise
        if any(reset):
            return cut(request)
        if request.transport is None or request.transport.is_closing():
            self._put_back(jobs, endpoint, worker_id)
            return web.Response(status=204)
        # Put together as text: the input is kept as JSON and need not be parsed to be passed on.
        texts = [f'{{"id": {json.dumps(job.id)}, "input": {job.input}}}' for job in jobs]
        batch = "job-take-batch" in request.path
        return web.Response(text=f"[{', '.join(texts)}]" if batch else texts[0], content_type="application/json")

    async def _strike(self, job: Job, worker_id: str) -> bool:
        """Carry out what strikes this job as it is handed out; True if the worker shall never see it."""
        fault = await strike("runpod.take", self._faults, self._clock)
        if fault and fault.action == "duplicate":
            with self._hub.changing(job.endpoint) as queue:
                queue.echo(job, worker_id)
        return fault is not None and fault.action in {"drop", "reset"}

    def _put_back(self, jobs: list[Job], endpoint: str, worker_id: str) -> None:
        with self._hub.changing(endpoint) as queue:
            for job in reversed(jobs):
                queue.put_back(job, worker_id)

    async def _stops(self, request: web.Request) -> web.StreamResponse:
        stops = await self._hub.take_stops(
            request.match_info["endpoint"], request.match_info["worker_id"], HOLD_SECONDS
        )
        return web.json_response({"jobsToStop": stops}) if stops else web.Response(status=204)

    async def _done(self, request: web.Request) -> web.StreamResponse:
        endpoint, worker_id = request.match_info["endpoint"], request.match_info["worker_id"]
        job_id = request.match_info["job_id"]
        try:
            result = json.loads(await request.read())  # the SDK calls it a form, but it is JSON
        except ValueError as error:
            raise RefusedError(400, "The result is not JSON.") from error
        if not isinstance(result, dict):
            raise RefusedError(400, "The result is not an object.")
        output = json.dumps(result["output"]) if result.get("output") is not None else None
        if result.get("status") == "IN_PROGRESS":
            with self._hub.changing(endpoint) as queue:
                queue.progress(job_id, worker_id, output or "null")
            return web.json_response({})
        fault = await strike("runpod.done", self._faults, self._clock)
        if fault and fault.action in {"drop", "reset"}:
            return cut(request) if fault.action == "reset" else web.json_response({})
        with self._hub.changing(endpoint) as queue:
            if not queue.finish(job_id, worker_id, output, _error_text(result.get("error")), self._clock.now()):
                log.warning("The result of job %s from worker %s comes too late and is ignored.", job_id, worker_id)
        return web.json_response({})

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        with self._hub.changing(request.match_info["endpoint"]) as queue:
            queue.seen(request.match_info["worker_id"], self._clock.now())
        return web.json_response({})


def _error_text(error: Any) -> str | None:
    if error is None:
        return None
    return error if isinstance(error, str) else json.dumps(error)
