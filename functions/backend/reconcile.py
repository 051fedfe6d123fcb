"""Every minute: find what got stuck because something died or was lost, and move it on by the ordinary transitions.

    what is found                                by                   what happens
    a request pending for two minutes            status, createdAt    admitted (its event was dropped)
    a cancelled request whose job is still open  status, jobActive    job and GPU job cancelled
    a lapsed lease, queued                       leaseExpiresAt       kept if its task is there, else dispatched here
    a lapsed lease, dispatched                   leaseExpiresAt       kept while it may still come, else next attempt
    a lapsed lease, running                      leaseExpiresAt       next attempt (its worker is gone)
    an event in the outbox                       unpublished          published
    an erasure that is due                       dueAt                carried out: it was left half done, or it is time
                                                                      to look for what came in late

Each kind is taken in batches, oldest first, so that one run stays within its minute; what is left waits for the next.
One that fails is logged and does not stop the others.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from backend import admission, dispatch, erasing
from backend.cancelling import cancel
from backend.gpu import BackendState
from backend.services import Services
from jobs import transactions
from jobs.documents import AUDIO_REQUESTS, ERASURES, JOBS, VOICE_PROFILES, Status
from jobs.errors import Conflict, StoryvoiceError
from jobs.logs import job_fields
from jobs.model import HEAD_FIELDS, Job, State

log = logging.getLogger(__name__)
T = TypeVar("T")
BATCH = 100
BATCHES = 10
PENDING_AFTER = timedelta(minutes=2)
ERASING_SECONDS = 60.0  # of a round: what else is stuck shall not wait for a user with a thousand stories
REQUESTS = (VOICE_PROFILES, AUDIO_REQUESTS)


def reconcile(services: Services) -> dict[str, int]:
    """One round. Returns how many of each kind were found, for the log and for tests."""
    client = services.firestore()
    now = services.store().clock()
    found = {
        "pending": _each(_pending(client, now - PENDING_AFTER), lambda path: admission.admit(services, path)),
        "cancelled": _each(_cancelled(client), lambda job_id: cancel(services, job_id)),
        "lapsed": _each(_lapsed(client, now), lambda job: _revive(services, job)),
        "unpublished": _each(_unpublished(client), lambda job: _publish(services, job)),
        "erasures": _each(_within(ERASING_SECONDS, _due(client, now)), lambda known: erasing.carry_on(services, known)),
    }
    if any(found.values()):
        log.info("reconciled: %s", ", ".join(f"{count} {kind}" for kind, count in found.items() if count))
    return found


def _revive(services: Services, job: Job) -> None:
    if job.state is State.QUEUED:
        waits = services.queues().has_task_of(job)
        services.store().requeue_lapsed(job.id, job.attempt, waits=waits)
        if not waits:
            _dispatch_lost(services, job)
        return
    if job.state is State.DISPATCHED and _may_still_come(services, job):
        return
    after = services.store().requeue_lapsed(job.id, job.attempt)
    if after.state is State.QUEUED:
        services.queues().enqueue(after)
    log.warning("lease lapsed while %s", job.state.value, extra=job_fields(job))
    services.outbox().announce(after)
    if job.backend is not None:
        services.gpu().cancel(job.backend, job.kind)


def _dispatch_lost(services: Services, job: Job) -> None:
    """What the task of an attempt would do, now that there is none (any more).

    Not another task: the name of one that was lost or has used up its retries stays taken for an hour or more, and
    under a new name two would compete wherever the first one is only late.
    """
    log.warning("%s without a task", job.state.value, extra=job_fields(job))
    dispatch.dispatch(services, job.id, job.attempt)


def _may_still_come(services: Services, job: Job) -> bool:
    """Give a dispatched attempt another lease if there is hope for it: it waits for a GPU, or for the GPU service.

    What a worker has taken is claimed within seconds, so one lease is enough of that: after it the job was lost on the
    way. And a GPU service that is out of order costs no attempt: the task goes on trying to submit, or, when there is
    none any more, this does.
    """
    store = services.store()
    if job.backend is not None and job.submitted:
        state = services.gpu().state(job.backend, job.kind)
        if state is BackendState.OVER or (state is BackendState.RUNNING and "startedAt" in job.timeline):
            return False
        waits = state is BackendState.WAITING
        if waits:
            log.info("waits for a GPU", extra=job_fields(job))
        store.keep_dispatched(job.id, job.attempt, waits=waits, started=not waits)
        return True
    if job.timeline["dispatchedAt"] + timedelta(seconds=store.policy.submit_patience) < store.clock():
        return False
    store.keep_dispatched(job.id, job.attempt)
    if not services.queues().has_task_of(job):
        _dispatch_lost(services, job)
    return True


def _publish(services: Services, job: Job) -> None:
    for name in job.unpublished:
        services.outbox().publish(job, name)


def _each(items: Iterable[T], repair: Callable[[T], object]) -> int:
    count = 0
    for item in items:
        count += 1
        try:
            repair(item)
        except Conflict:
            continue  # it moved on by itself between the query and here
        except StoryvoiceError as error:
            log.warning("not repaired: %s", error.code, exc_info=True)
        except Exception:
            log.exception("not repaired")
    return count


def _pending(client: firestore.Client, before: Any) -> list[str]:
    return [
        f"{collection}/{snapshot.id}"
        for collection in REQUESTS
        for snapshot in _query(
            client.collection(collection)
            .where(filter=FieldFilter("status", "==", Status.PENDING))
            .where(filter=FieldFilter("createdAt", "<", before))
            .order_by("createdAt")
            .select(["createdAt"])
        )
    ]


def _cancelled(client: firestore.Client) -> list[str]:
    return [
        snapshot.get("jobId")
        for collection in REQUESTS
        for snapshot in _query(
            client.collection(collection)
            .where(filter=FieldFilter("status", "==", Status.CANCELLED))
            .where(filter=FieldFilter("jobActive", "==", True))
            .select(["jobId"])
        )
    ]


def _lapsed(client: firestore.Client, now: Any) -> list[Job]:
    lapsed = FieldFilter("leaseExpiresAt", "<", now)
    return _jobs(client.collection(JOBS).where(filter=lapsed).order_by("leaseExpiresAt"))


def _unpublished(client: firestore.Client) -> list[Job]:
    return _jobs(client.collection(JOBS).where(filter=FieldFilter("unpublished", ">", [])))


def _due(client: firestore.Client, now: Any) -> list[str]:
    due = FieldFilter("dueAt", "<", now)
    query = client.collection(ERASURES).where(filter=due).order_by("dueAt").select(["dueAt"])
    return [snapshot.id for snapshot in _query(query)]


def _within(seconds: float, items: Iterable[T]) -> Iterator[T]:
    """As many as can be begun in that time."""
    over = time.monotonic() + seconds
    return itertools.takewhile(lambda _: time.monotonic() < over, items)


def _jobs(query: firestore.Query) -> list[Job]:
    jobs = []
    for snapshot in _query(query.select(HEAD_FIELDS)):
        try:
            jobs.append(Job.from_document(snapshot.id, snapshot.to_dict() or {}))
        except msgspec.ValidationError:
            log.exception("a document that is no job", extra={"jobId": snapshot.id})
    return jobs


def _query(query: firestore.Query) -> Iterator[Any]:
    """The results in batches. More than one, so that a batch of what cannot be repaired does not hide the rest."""
    for _ in range(BATCHES):
        batch: list[Any] = transactions.call(list, query.limit(BATCH).stream())
        yield from batch
        if len(batch) < BATCH:
            return
        query = query.start_after(batch[-1])
