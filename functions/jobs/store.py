"""The Firestore transactions that move a job: each is one transition, named after what happens to the job.

    admit | submit ─▶ lease ─▶ claim ─▶ report_progress … ─▶ succeed | fail | cancel | erase
    requeue_lapsed, keep_dispatched

What every one of them keeps to:
- It reads, then refuses (a typed error of jobs.errors) or finds its own work done already or writes; nothing else
  happens inside. So it may be repeated: by the retry of a lost commit, a redelivered event, a task that comes twice.
- It names the attempt that it belongs to; once a worker has claimed, also the worker. A newer attempt fences it out.
- Job, request and story change together, so a client never sees a request whose job says otherwise.
- What has to be told to others goes into `unpublished` in the same commit (jobs.outbox); publishing comes after.

    worker A  claim(1) ───────── hangs ──────────────────────────────── succeed(1) ✗ StaleAttempt
    reconcile                    lease lapses ▸ requeue_lapsed(1)
    worker B                                        lease(2) claim(2) ────── succeed(2) ✓
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from google.api_core import exceptions as google_errors
from google.cloud import firestore

from jobs import documents, keys, transactions
from jobs.documents import Status
from jobs.errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    DocumentFull,
    LeaseHeld,
    StoryvoiceError,
)
from jobs.model import Backend, Charge, Job, Kind, State
from jobs.transition import SERVER_TIME, Fields, Policy, Transition
from jobs.turns import Turns
from jobs.values import plain

log = logging.getLogger(__name__)
T = TypeVar("T")
Read = Callable[[str], Fields | None]


@dataclass(frozen=True)
class NewJob:
    """What admission decides: the work, and the quota document as it is after paying for it."""

    kind: Kind
    user_id: str
    input: Fields
    charge: Charge
    quota_after: Fields


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pieces; `stage` is a word for people: fetching, speaking, uploading.

    `shows`: fields that the request has from now on, such as `playlistKey` once a beginning can be heard.
    """

    done: int
    total: int
    stage: str
    shows: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a worker made: fields for the request, for a narration the story's new audio version, what it used."""

    request: Fields
    version: Fields | None = None
    usage: dict[str, float] = field(default_factory=dict)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """The jobs in one Firestore database. Thread-safe, as the client is."""

    def __init__(
        self, client: firestore.Client, policy: Policy | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.client = client
        self.policy = policy or Policy()
        self.clock = clock
        self.turns = Turns()

    # ── admission ────────────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, request_path: str, judge: Callable[[Fields, Read], NewJob], user_id: str = "") -> Job | None:
        """Turn a pending request into a queued job, or fail it with the error that `judge` raises.

        `user_id`: whose turn to wait for, where it is known whose the request is.

        `judge(request, read)` sees the request's fields, may `read(path)` other documents in the same transaction, and
        returns the job to make. Returns the job (the existing one when the request was admitted before), or None when
        there is nothing to do: the request is gone, was cancelled, or has been refused.
        """
        job_id = keys.job_id(request_path)

        def transition(t: Transition) -> Job | None:
            request = t.read(request_path)
            if request is None or request.get("status") in Status.TERMINAL:
                return None
            if request.get("status") != Status.PENDING:
                return t.job(job_id)
            try:
                new = judge(request, t.read)
            except StoryvoiceError as error:
                if error.retryable:
                    raise
                t.refuse_request(request_path, error)
                log.info("refused: %s", error.code, extra={"requestPath": request_path})
                return None
            job = _queued(job_id, request_path, new, t, created_at=request.get("createdAt"))
            t.create_job(job)
            t.write_quota(new.user_id, new.quota_after)
            t.open_request(request_path, job_id)
            return job

        try:
            with self.turns.of(user_id):
                return self._run(transition)
        except google_errors.AlreadyExists:
            return self._readmit(request_path, job_id)

    def refuse(self, request_path: str, user_id: str, error: StoryvoiceError) -> None:
        """Fail this user's request, if it is still pending, with what was found wrong without judging it."""

        def transition(t: Transition) -> None:
            request = t.read(request_path, ("status", "userId")) or {}
            if request.get("status") == Status.PENDING and request.get("userId") == user_id:
                t.refuse_request(request_path, error)
                log.info("refused: %s", error.code, extra={"requestPath": request_path})

        self._run(transition)

    def _readmit(self, request_path: str, job_id: str) -> Job | None:
        """A request was deleted and written again under its old id: the job of the first one answers for both."""

        def transition(t: Transition) -> Job | None:
            request = t.read(request_path, ("status", "userId"))
            if request is None or request.get("status") != Status.PENDING:
                return None
            job = t.job(job_id)
            if job.finished or job.user_id != request.get("userId"):
                t.refuse_request(request_path, Conflict("This request id has been used before; please use a new one."))
                return None
            t.open_request(request_path, job_id)
            return job

        return self._run(transition)

    def submit(
        self, request_path: str, request: Fields, judge: Callable[[Read], NewJob], beside: Mapping[str, Fields]
    ) -> bool:
        """Create a request and its job in one commit, for a caller who waits for the answer: or nothing, and what
        `judge` raises reaches the caller.

        `beside`: further documents of the same commit, which `judge` can `read` already. True when there is a job now;
        False when the same user's request was there before, so that the call is a repeated one. Raises AlreadyExists
        when the id has been used for anything else.
        """
        job_id = keys.job_id(request_path)

        def transition(t: Transition) -> bool:
            found = t.read(request_path, ("userId",))
            if found is not None:
                if found.get("userId") != request["userId"]:
                    raise _used_before()
                return False

            def read(path: str) -> Fields | None:
                return beside[path] if path in beside else t.read(path)

            new = judge(read)
            for path, fields in beside.items():
                t.create(path, fields)
            t.create_open_request(request_path, request, job_id)
            t.create_job(_queued(job_id, request_path, new, t))
            t.write_quota(new.user_id, new.quota_after)
            return True

        try:
            with self.turns.of(str(request["userId"])):
                return self._run(transition)
        except google_errors.AlreadyExists as error:
            raise _used_before() from error

    def find(self, job_id: str) -> Job:
        """The job as it is now, without its input. Raises NotFound, Unavailable."""
        return self._run(lambda t: t.job(job_id))

    # ── from the queue to a worker ───────────────────────────────────────────────────────────────────────────────────

    def lease(self, job_id: str, attempt: int) -> Job:
        """queued → dispatched: this attempt may be submitted to the GPU backend now.

        Repeated, it returns the job as it is: with `backend` of this attempt if it was submitted, `running` if a worker
        has it already. Raises StaleAttempt, JobFinished.
        """

        def transition(t: Transition) -> Job:
            job = t.job(job_id)
            job.require_unfinished()
            job.require_attempt(attempt)
            if job.state is not State.QUEUED:
                return job
            lease = t.lease_for(t.policy.dispatch_lease)
            changes = {"state": State.DISPATCHED.value, "leaseExpiresAt": lease, "timeline.dispatchedAt": t.now}
            t.update_job(job_id, changes)
            return msgspec.structs.replace(job, state=State.DISPATCHED, lease_expires_at=lease)

        return self._run(transition)

    def record_submission(self, job_id: str, backend: Backend) -> None:
        """Remember the GPU job of an attempt. One blind write: it carries its attempt, so a late one does no harm."""
        at = {"timeline.submittedAt": self.clock(), "updatedAt": SERVER_TIME}
        changes = {"backend": msgspec.to_builtins(backend), **at}
        transactions.call(self.client.document(f"{documents.JOBS}/{job_id}").update, changes)

    def keep_dispatched(self, job_id: str, attempt: int, *, waits: bool = False, started: bool = False) -> None:
        """There is hope that a worker claims it: give it another lease. Raises StaleAttempt.

        `waits`: it is in the backend's queue, so the longer it has waited, the longer the lease. `started`: a worker
        has taken it, and claims it at once or never.
        """

        def transition(t: Transition) -> None:
            job = t.job(job_id)
            job.require_attempt(attempt)
            if job.state is State.DISPATCHED:
                seen = {"timeline.startedAt": t.now} if started else {}
                since = job.timeline["dispatchedAt"] if waits else t.now
                t.update_job(job_id, {"leaseExpiresAt": t.lease_after(t.policy.dispatch_lease, since), **seen})

        self._run(transition)

    def claim(self, job_id: str, attempt: int, worker: str) -> Job:
        """dispatched → running: from here on only this worker (a token drawn for this run) may report and finish.

        Returns the job with its input. Raises StaleAttempt, JobFinished, LeaseHeld when another worker runs it, and
        Cancelled, after the job has been cancelled, when the user has taken the request back.
        """

        def transition(t: Transition) -> Job | None:
            job = t.job(job_id, whole=True)
            job.require_unfinished()
            job.require_attempt(attempt)
            if job.state is State.RUNNING:
                job.require_worker(attempt, worker)
                return job
            job.require_allowed(State.RUNNING)
            if t.request_status(job) == Status.CANCELLED:
                t.cancel(job)
                return None
            lease = t.lease_for(t.policy.run_lease)
            changes = {"state": State.RUNNING.value, "worker": worker, "leaseExpiresAt": lease}
            t.update_job(job_id, {**changes, "timeline.claimedAt": t.now})
            return msgspec.structs.replace(job, state=State.RUNNING, worker=worker, lease_expires_at=lease)

        return _unless_cancelled(self._run(transition))

    def report_progress(
        self, job_id: str, attempt: int, worker: str, progress: Progress, claimed: Job | None = None
    ) -> None:
        """Renew the worker's lease and show the user how far it is. Raises as `claim` does: stop working then.

        `claimed`, what `claim` returned, says which documents belong together, so that one round trip reads them all.
        """

        def transition(t: Transition) -> Job | None:
            if claimed is not None:
                t.fetch_together(claimed)
            job = t.job(job_id)
            job.require_worker(attempt, worker)
            if t.request_status(job) == Status.CANCELLED:
                t.cancel(job)
                return None
            heard = {"timeline.firstAudioAt": t.now} if t.is_first_audio(job, progress.shows) else {}
            t.update_job(job_id, {"leaseExpiresAt": t.lease_for(t.policy.run_lease), **heard})
            shown = {"done": progress.done, "total": progress.total, "stage": progress.stage}
            t.update_request(job.request_path, {**progress.shows, "status": Status.RUNNING, "progress": shown})
            return job

        _unless_cancelled(self._run(transition))

    # ── to the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def succeed(self, job_id: str, attempt: int, worker: str, result: Result, claimed: Job | None = None) -> Job:
        """running → succeeded: the job, its request and the story, together and once. Raises as `claim` does.

        `claimed` as for `report_progress`.
        """

        def transition(t: Transition) -> Job | None:
            if claimed is not None:
                t.fetch_together(claimed, story=True)
            job = t.job(job_id)
            if job.state is State.SUCCEEDED and (job.attempt, job.worker) == (attempt, worker):
                return job
            job.require_worker(attempt, worker)
            if t.request_status(job) == Status.CANCELLED:
                t.cancel(job)
                return None
            return t.succeed(job, result.request, result.version, result.usage)

        with self.turns.of(claimed.user_id if claimed else ""):  # narrations of one story end in one document
            return _unless_cancelled(self._run(transition))

    def fail(self, job_id: str, attempt: int, error: StoryvoiceError, worker: str | None = None) -> Job:
        """End the attempt: back to queued if `error` is retryable and an attempt is left, else failed.

        With `worker` the caller must hold the lease; without (a submission was refused, a backend job died) it must be
        the attempt's. Returns the job afterwards. Repeated, it changes nothing. Raises StaleAttempt, JobFinished,
        LeaseHeld.
        """

        def transition(t: Transition) -> Job:
            job = t.job(job_id)
            if job.state is State.FAILED and job.attempt == attempt:
                return job
            job.require_unfinished()
            if worker is not None:
                job.require_worker(attempt, worker)
            job.require_attempt(attempt)
            return t.end_attempt(job, error)

        return self._run(transition)

    def cancel(self, job_id: str) -> Job:
        """Any unfinished state → cancelled, whatever the attempt: the user's word counts over every worker's.

        Returns the job; its `backend` is what has to be cancelled next. Repeated, it changes nothing.
        Raises JobFinished when the job succeeded or failed first.
        """

        def transition(t: Transition) -> Job:
            job = t.job(job_id)
            if job.state is State.CANCELLED:
                return job
            job.require_unfinished()
            return t.cancel(job)

        return self._run(transition)

    def erase(self, request_path: str, user_id: str, erasure: Fields) -> Job | None:
        """Any state → gone: the request is deleted, an unfinished job cancelled, a narration's version taken out of its
        story, and `erasures/{id}` says what is left to be deleted: all at once, so nothing half deleted can be used.

        Returns the job if it was cancelled here. Repeated, it changes nothing. Raises NotFound when this user has no
        such request.
        """
        return self._run(lambda t: t.erase(request_path, user_id, erasure))

    def requeue_lapsed(self, job_id: str, attempt: int, *, waits: bool = False) -> Job:
        """End an attempt whose lease has lapsed, as `fail` with DeadlineExceeded would. Returns the job afterwards.

        A lapsed queued attempt stays the same attempt and gets another lease: a longer one if it `waits` (its task is
        there, and has to wait for its turn), else time for whoever dispatches it now.
        Raises LeaseHeld when the holder was heard from in the meantime, StaleAttempt, JobFinished.
        """

        def transition(t: Transition) -> Job:
            job = t.job(job_id)
            job.require_unfinished()
            job.require_attempt(attempt)
            if job.lease_expires_at is not None and job.lease_expires_at > t.now:
                raise LeaseHeld(f"Attempt {attempt} of job {job_id} is not overdue.")
            if job.state is State.QUEUED:
                since = job.timeline["queuedAt"] if waits else t.now
                t.update_job(job_id, {"leaseExpiresAt": t.lease_after(t.policy.queue_lease, since)})
                return job
            return t.end_attempt(job, DeadlineExceeded("This took too long and was stopped. Please try again."))

        return self._run(transition)

    def _run(self, transition: Callable[[Transition], T]) -> T:
        """The story belongs to the app, and may have no room for what we would add: the job ends without it then."""

        def function(transaction: firestore.Transaction, *, story_is_full: bool = False) -> T:
            return transition(
                Transition(self.client, transaction, self.policy, self.clock(), story_is_full=story_is_full)
            )

        try:
            return transactions.run(self.client, function)
        except DocumentFull:
            log.warning("a story is full", exc_info=True)
            return transactions.run(self.client, functools.partial(function, story_is_full=True))


def _used_before() -> AlreadyExists:
    return AlreadyExists("This id has been used before for something else; please use a new one.")


def _unless_cancelled(job: Job | None) -> Job:
    if job is None:
        raise Cancelled("The request was cancelled.")
    return job


def _queued(job_id: str, request_path: str, new: NewJob, t: Transition, created_at: object = None) -> Job:
    created = {"createdAt": plain(created_at)} if isinstance(created_at, datetime) else {}
    return Job(
        id=job_id,
        kind=new.kind,
        request_path=request_path,
        user_id=new.user_id,
        state=State.QUEUED,
        attempt=1,
        charge=new.charge,
        input=new.input,
        lease_expires_at=t.lease_for(t.policy.queue_lease),
        timeline={**created, "admittedAt": t.now, "queuedAt": t.now},
        usage={"characters": float(new.charge.characters)},
    )
