"""GPU backends: where an attempt is handed over to be spoken.

Both take a job's id and attempt; the worker finds everything else in Firestore. Submitting twice is possible with
either (an answer can be lost), and harmless: the worker's claim lets one of them in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import httpx
import msgspec

from backend.settings import Settings
from backend.tasks import TaskQueues
from jobs.errors import Busy, FailedPrecondition, NotFound, Unavailable
from jobs.model import Backend, Job, Kind

log = logging.getLogger(__name__)
_NOT_SET_UP = "Stories cannot be told at the moment: the service is not set up correctly. Please tell its operators."
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
RUN_DEADLINE_SECONDS = 1800  # the longest that Cloud Tasks waits for an answer


class BackendState(Enum):
    """What has become of a GPU job."""

    WAITING = "waiting"  # for a worker
    RUNNING = "running"  # a worker has taken it, and should have claimed it within seconds
    OVER = "over"  # ended one way or another, or unknown to the backend by now


_RUNPOD_STATES = {"IN_QUEUE": BackendState.WAITING, "IN_PROGRESS": BackendState.RUNNING}


class GpuBackend(Protocol):
    def submit(self, job: Job) -> Backend:
        """Hand the job's attempt over. Raises Unavailable (try again) or FailedPrecondition (it never will)."""
        ...

    def state(self, backend: Backend, kind: Kind) -> BackendState:
        """Raises Unavailable."""
        ...

    def cancel(self, backend: Backend, kind: Kind) -> None:
        """Stop it if it is still there. Raises Unavailable."""
        ...


def make(settings: Settings, queues: Callable[[], TaskQueues]) -> GpuBackend:
    return RunPod(settings) if settings.gpu_backend == "runpod" else CloudRun(settings, queues())


class RunPod:
    """RunPod serverless over HTTPS. Source: RunPod's serverless endpoint reference (run, status, cancel)."""

    name = "runpod"

    def __init__(self, settings: Settings) -> None:
        self._endpoints = {Kind.CLONE: settings.clone_endpoint, Kind.NARRATE: settings.narrate_endpoint}
        self._policy = {"executionTimeout": settings.runpod_execution_seconds * 1000}
        self._http = httpx.Client(
            base_url=settings.runpod_api_base,
            headers={"Authorization": f"Bearer {settings.runpod_api_key}"},
            timeout=_TIMEOUT,
        )

    def submit(self, job: Job) -> Backend:
        body = {"input": {"job_id": job.id, "attempt": job.attempt}, "policy": self._policy}
        try:
            answer = self._call("POST", f"/{self._endpoints[job.kind]}/run", body)
        except NotFound as error:  # the endpoint is not there; to the user that is no mistake of theirs
            raise FailedPrecondition(_NOT_SET_UP) from error
        if not isinstance(answer.get("id"), str):
            raise Unavailable("The GPU service gave an answer that cannot be read.")
        return Backend(name=self.name, id=answer["id"], attempt=job.attempt)

    def state(self, backend: Backend, kind: Kind) -> BackendState:
        try:
            answer = self._call("GET", f"/{self._endpoints[kind]}/status/{backend.id}")
        except NotFound:
            return BackendState.OVER
        return _RUNPOD_STATES.get(str(answer.get("status")), BackendState.OVER)

    def cancel(self, backend: Backend, kind: Kind) -> None:
        try:
            self._call("POST", f"/{self._endpoints[kind]}/cancel/{backend.id}")
        except (NotFound, FailedPrecondition):
            return  # over already

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable("The GPU service cannot be reached at the moment.") from error
        if response.status_code in {429, 503}:
            raise Busy("The GPU service is busy at the moment.")
        if response.status_code >= 500:
            raise Unavailable("The GPU service is out of order at the moment.")
        if response.status_code == 404:
            raise NotFound("The GPU service does not know this job or endpoint.")
        if response.status_code >= 400:
            log.error("the GPU service refuses us: check its key and endpoints", extra={"status": response.status_code})
            raise FailedPrecondition(_NOT_SET_UP)
        try:
            answer = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Unavailable("The GPU service gave an answer that cannot be read.") from error
        return answer


class CloudRun:
    """A GPU service over HTTP (Cloud Run), with a Cloud Tasks queue in front of it.

    The queue holds the jobs while every GPU is busy, wakes the service, sends the OIDC token and waits for the answer,
    up to half an hour: no function has to. Its concurrency limit is the number of GPUs.
    """

    name = "http"

    def __init__(self, settings: Settings, queues: TaskQueues) -> None:
        self._url = settings.gpu_http_url
        self._queue = settings.gpu_http_queue
        self._queues = queues

    def submit(self, job: Job) -> Backend:
        body = {"input": {"job_id": job.id, "attempt": job.attempt}}
        name = self._queues.create(self._queue, self._url, job, body, deadline_seconds=RUN_DEADLINE_SECONDS)
        return Backend(name=self.name, id=name, attempt=job.attempt)

    def state(self, backend: Backend, kind: Kind) -> BackendState:
        del kind
        return BackendState.WAITING if self._queues.exists(backend.id) else BackendState.OVER

    def cancel(self, backend: Backend, kind: Kind) -> None:
        del kind
        try:
            self._queues.delete(backend.id)
        except NotFound:
            return  # over already
