"""One task: lease the attempt, submit it to the GPU backend, remember under which id.

lease ──▶ submit ──▶ record
      ▲          ▲
      │          └ died here: the task comes again, submits again; the worker's claim lets one GPU job in
      └ died here: the task comes again and finds the attempt leased and not submitted
"""

from __future__ import annotations

import logging

from backend.services import Services
from jobs.errors import Conflict, NotFound, PermanentError
from jobs.logs import job_fields
from jobs.model import Job, State

log = logging.getLogger(__name__)


def dispatch(services: Services, job_id: str, attempt: int) -> None:
    """Bring one attempt to the GPU. Returns when nothing is left to do; raises what Cloud Tasks should retry."""
    try:
        job = services.store().lease(job_id, attempt)
    except (Conflict, NotFound) as error:
        log.info("not dispatched: %s", type(error).__name__, extra={"jobId": job_id, "attempt": attempt})
        return
    if job.state is State.RUNNING or job.submitted:
        return
    try:
        backend = services.gpu().submit(job)
    except PermanentError as error:
        log.exception("refused by the GPU backend", extra=job_fields(job))
        end(services, job, error)
        return
    services.store().record_submission(job_id, backend)
    log.info("dispatched", extra={**job_fields(job), "backend": backend.id})


def end(services: Services, job: Job, error: PermanentError) -> None:
    """Fail an attempt that no worker will take, and tell."""
    try:
        failed = services.store().fail(job.id, job.attempt, error)
    except Conflict:
        return  # somebody was quicker
    services.outbox().announce(failed)
