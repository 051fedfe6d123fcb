"""Stop a job, and whatever runs for it on the GPU."""

from __future__ import annotations

from backend.services import Services
from jobs.model import Job


def cancel(services: Services, job_id: str) -> None:
    """Cancel a job and its GPU job. Raises JobFinished when it succeeded or failed first, Unavailable."""
    stop(services, services.store().cancel(job_id))


def stop(services: Services, job: Job) -> None:
    """What follows for others from a job's having been cancelled. Raises Unavailable."""
    services.outbox().announce(job)
    if job.backend is not None:
        services.gpu().cancel(job.backend, job.kind)
