"""What follows from a job's event: a retry is enqueued; of the end trace, webhook and the user's devices are told."""

from __future__ import annotations

import logging

from backend import push, tracing, webhooks
from backend.services import Services
from jobs.errors import Conflict, NotFound
from jobs.model import State
from jobs.outbox import JobEvent

log = logging.getLogger(__name__)


def handle(services: Services, event: JobEvent) -> None:
    """Handle one event; at least once, in any order. Raises what Pub/Sub should deliver again."""
    fields = {"jobId": event.job_id, "requestPath": event.request_path, "userId": event.user_id}
    log.info("job event: %s", event.state.value, extra={**fields, "attempt": event.attempt, "state": event.state.value})
    if event.state is State.QUEUED:
        _enqueue(services, event)
    else:
        webhooks.job_is_over(services, event)
        tracing.job_is_over(services, event)
        push.job_is_over(services, event)


def _enqueue(services: Services, event: JobEvent) -> None:
    """A worker put its job back: it may not create tasks, so the task is created here."""
    try:
        job = services.store().find(event.job_id)
    except (NotFound, Conflict):
        return
    if job.state is State.QUEUED and job.attempt == event.attempt:
        services.queues().enqueue(job)
