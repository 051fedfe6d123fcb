"""Cloud Tasks: one task per (job, attempt), named by a hash of both, so that enqueuing twice is enqueuing once.

A task carries the job's id and the attempt and nothing else: what it means is in Firestore, and 100 KB is the limit.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import grpc
from google.api_core import exceptions as google_errors
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf import duration_pb2

from backend.settings import Settings
from jobs import keys, trace
from jobs.errors import FailedPrecondition, NotFound, Unavailable
from jobs.model import Job

_CALL_SECONDS = 10
_TRANSIENT = (
    google_errors.ServiceUnavailable,
    google_errors.DeadlineExceeded,
    google_errors.TooManyRequests,
    google_errors.InternalServerError,
    google_errors.RetryError,
    google_errors.Aborted,
)
_MISSING = (google_errors.NotFound, google_errors.FailedPrecondition, google_errors.PermissionDenied)


class TaskQueues:
    """The queues of this project. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = client_at(settings.tasks_endpoint)

    def enqueue(self, job: Job) -> None:
        """Have dispatchJob called for the job's present attempt, not before `job.not_before`."""
        body = {"data": {"jobId": job.id, "attempt": job.attempt}}
        self.create(self._settings.dispatch_queue, self._settings.dispatch_target, job, body)

    def has_task_of(self, job: Job) -> bool:
        """Whether the dispatch of the job's present attempt is still to come. Raises Unavailable."""
        return self.exists(self._name(self._settings.dispatch_queue, job))

    def create(self, queue: str, url: str, job: Job, body: dict[str, Any], deadline_seconds: int = 600) -> str:
        """Create the task of (job, attempt) on a queue and return its name. That it exists already is success.

        Raises Unavailable when Cloud Tasks does not answer, FailedPrecondition when the queue is not there.
        """
        return self._create(
            self._name(queue, job), url, body, job.id, not_before=job.not_before, deadline_seconds=deadline_seconds
        )

    def enqueue_webhook(self, job_id: str) -> None:
        """Have deliverWebhook called for a job that is over, once. Raises as `create` does."""
        queue, url = self._settings.webhook_queue, self._settings.webhook_target
        name = f"{self._settings.queue_path(queue)}/tasks/{keys.task_name(job_id, 0)}"
        self._create(name, url, {"data": {"jobId": job_id}}, job_id)

    def _create(
        self,
        name: str,
        url: str,
        body: dict[str, Any],
        job_id: str,
        *,
        not_before: datetime | None = None,
        deadline_seconds: int = 60,
    ) -> str:
        task = tasks_v2.Task(
            name=name,
            http_request=tasks_v2.HttpRequest(
                url=url,
                http_method=tasks_v2.HttpMethod.POST,
                headers={"Content-Type": "application/json", "traceparent": trace.traceparent(job_id)},
                body=json.dumps(body).encode(),
                oidc_token=self._oidc(url),
            ),
            schedule_time=not_before,
            dispatch_deadline=duration_pb2.Duration(seconds=deadline_seconds),
        )
        parent, _, _ = name.rpartition("/tasks/")
        try:
            self._client.create_task(parent=parent, task=task, retry=None, timeout=_CALL_SECONDS)
        except google_errors.AlreadyExists:
            return name
        except _TRANSIENT as error:
            raise Unavailable("The task queue cannot be reached at the moment.") from error
        except _MISSING as error:
            queue = parent.rpartition("/")[2]
            raise FailedPrecondition(f"The queue {queue} is missing or may not be used; deploy it first.") from error
        return name

    def exists(self, name: str) -> bool:
        """Whether a task is still to be done: it is gone once it succeeded, was deleted, or used up its retries."""
        try:
            self._client.get_task(name=name, retry=None, timeout=_CALL_SECONDS)
        except google_errors.NotFound:
            return False
        except _TRANSIENT as error:
            raise Unavailable("The task queue cannot be reached at the moment.") from error
        return True

    def delete(self, name: str) -> None:
        """Raises NotFound when there is no such task (any more)."""
        try:
            self._client.delete_task(name=name, retry=None, timeout=_CALL_SECONDS)
        except google_errors.NotFound as error:
            raise NotFound("There is no such task.") from error
        except _TRANSIENT as error:
            raise Unavailable("The task queue cannot be reached at the moment.") from error

    def pause(self, queue: str) -> None:
        """Nothing of this queue is dispatched any more, until `resume`; what is added waits. Raises as `create`."""
        self._switch(self._client.pause_queue, queue)

    def resume(self, queue: str) -> None:
        """Go on with a queue that was paused. Raises as `create`."""
        self._switch(self._client.resume_queue, queue)

    def is_paused(self, queue: str) -> bool:
        """Raises as `create`."""
        found = self._switch(self._client.get_queue, queue)
        return bool(found.state == tasks_v2.Queue.State.PAUSED)

    def waiting(self, queue: str, most: int = 1000) -> int:
        """How many tasks are still to be done, counted up to `most`. Raises as `create`."""
        request = {"parent": self._settings.queue_path(queue), "page_size": min(most, 1000)}
        with _our_errors(queue):
            tasks = self._client.list_tasks(request=request, retry=None, timeout=_CALL_SECONDS)
            return sum(1 for _ in itertools.islice(tasks, most))

    def _switch(self, call: Callable[..., Any], queue: str) -> Any:
        with _our_errors(queue):
            return call(name=self._settings.queue_path(queue), retry=None, timeout=_CALL_SECONDS)

    def _name(self, queue: str, job: Job) -> str:
        return f"{self._settings.queue_path(queue)}/tasks/{keys.task_name(job.id, job.attempt)}"

    def _oidc(self, audience: str) -> tasks_v2.OidcToken | None:
        account = self._settings.tasks_service_account
        return tasks_v2.OidcToken(service_account_email=account, audience=audience) if account else None


@contextlib.contextmanager
def _our_errors(queue: str) -> Iterator[None]:
    try:
        yield
    except _TRANSIENT as error:
        raise Unavailable("The task queue cannot be reached at the moment.") from error
    except _MISSING as error:
        raise FailedPrecondition(f"The queue {queue} is missing or may not be used; deploy it first.") from error


def client_at(endpoint: str) -> tasks_v2.CloudTasksClient:
    """Google's where `endpoint` is empty; without TLS where it begins with http://."""
    if not endpoint:
        return tasks_v2.CloudTasksClient()
    scheme, _, address = endpoint.rpartition("://")
    if scheme == "http":
        return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))
    return tasks_v2.CloudTasksClient(client_options={"api_endpoint": address})
