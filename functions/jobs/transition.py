"""What a transition may read and write inside its transaction, and the ways in which an attempt can end.

`Store` decides whether a transition may happen; a `Transition` knows which documents it touches: the job, its request,
the story, the user's quota. Firestore wants every read of a transaction before its first write, so the methods that end
an attempt read first, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from google.cloud import firestore

from jobs import documents, keys, outbox, quotas
from jobs.config import setting
from jobs.documents import Status
from jobs.errors import NotFound, StoryvoiceError
from jobs.model import HEAD_FIELDS, Job, Kind, State
from jobs.transactions import ONE_CALL, read_within

Fields = dict[str, Any]
DELETE = firestore.DELETE_FIELD
# What an attempt showed of itself while it ran, and what nobody keeps when it ends otherwise than well.
_UNHEARD: Fields = {"playlistKey": DELETE, "playlistUrl": DELETE}
SERVER_TIME = firestore.SERVER_TIMESTAMP
# These say that the user asked for something that cannot be had. Every other failure is ours, and is given back.
_NOT_REFUNDED = frozenset({"invalid_argument", "not_found", "permission_denied", "resource_exhausted", "cancelled"})


@dataclass(frozen=True)
class Policy:
    """How long each holder of a job may stay silent, and how often a job is tried."""

    queue_lease: float = setting(
        "QUEUE_LEASE_SECONDS", "Seconds after which a queued job without a task is queued again.", default=120.0
    )
    dispatch_lease: float = setting(
        "DISPATCH_LEASE_SECONDS", "Seconds after which an unclaimed job is looked up at the GPU backend.", default=180.0
    )
    submit_patience: float = setting(
        "SUBMIT_PATIENCE_SECONDS",
        "Seconds that an attempt waits for a GPU backend which is out of order before it counts as failed.",
        default=3600.0,
    )
    run_lease: float = setting(
        "RUN_LEASE_SECONDS", "Seconds that a worker may stay silent before its job is given to another.", default=60.0
    )
    max_attempts: int = setting("MAX_ATTEMPTS", "How often a job is tried before it fails.", default=4)
    longest_lease: float = setting(
        "LONGEST_LEASE_SECONDS",
        "The longest lease of what waits in a queue. The longer it has waited, the less often it is looked at.",
        default=900.0,
    )
    retry_backoff: float = setting(
        "RETRY_BACKOFF_SECONDS", "Seconds before the second attempt; doubles with each further one.", default=5.0
    )
    kept_days: int = setting("JOBS_KEPT_DAYS", "Days after which a finished job's document expires.", default=30)

    def retry_delay(self, attempt: int) -> timedelta:
        """The pause before attempt `attempt` (2 and later): doubling, five minutes at most."""
        return timedelta(seconds=min(300.0, self.retry_backoff * 2.0 ** max(0, attempt - 2)))


class Transition:
    """One transaction on one job, at the moment `now`."""

    def __init__(
        self,
        client: firestore.Client,
        transaction: firestore.Transaction,
        policy: Policy,
        now: datetime,
        *,
        story_is_full: bool = False,
    ) -> None:
        self._client = client
        self._transaction = transaction
        self.policy = policy
        self.now = now
        self._story_is_full = story_is_full
        self._fetched: dict[str, Fields | None] = {}

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, path: str, fields: tuple[str, ...] | None = None) -> Fields | None:
        """The fields of a document (only those named, to spare the wire), or None if there is none."""
        if path in self._fetched:
            return self._fetched[path]
        return read_within(self._transaction, self._client.document(path), fields)

    def fetch_together(self, claimed: Job, *, story: bool = False) -> None:
        """Read the job, its request and, if wanted, its story in one round trip; `read` then finds them here."""
        paths = [f"{documents.JOBS}/{claimed.id}", claimed.request_path]
        if story and claimed.kind is Kind.NARRATE:
            paths.append(self._story_ref(claimed).path)
        references = [self._client.document(path) for path in paths]
        fields = (*HEAD_FIELDS, "status", "audioVersions")
        for snapshot in self._client.get_all(references, field_paths=fields, transaction=self._transaction, **ONE_CALL):
            self._fetched[snapshot.reference.path] = snapshot.to_dict() if snapshot.exists else None

    def job(self, job_id: str, *, whole: bool = False) -> Job:
        """The job without its input, or `whole`. Raises NotFound."""
        found = self.read(f"{documents.JOBS}/{job_id}", None if whole else HEAD_FIELDS)
        if found is None:
            raise NotFound("There is no such job.")
        return Job.from_document(job_id, found)

    def request_status(self, job: Job) -> str:
        """The request's status; `cancelled` when it is no longer this job's, which says the same."""
        request = self._request(job)
        return Status.CANCELLED if request is None else str(request.get("status"))

    def _request(self, job: Job) -> Fields | None:
        """The request of an unfinished job, or None: deleted, or written again under its id by another user, or written
        again and refused. The two end together, so one that has ended without the job never was this job's."""
        request = self.read(job.request_path, ("status", "userId"))
        if request is None or request.get("userId") != job.user_id:
            return None
        return None if request.get("status") in {Status.READY, Status.FAILED} else request

    @staticmethod
    def is_first_audio(job: Job, shown: Fields) -> bool:
        """Whether the request has a narration's sound from now on, and never had any before."""
        heard = job.kind is Kind.NARRATE and bool({"playlistKey", "audioKey"} & set(shown))
        return heard and "firstAudioAt" not in job.timeline

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, path: str, fields: Fields) -> None:
        self._transaction.create(self._client.document(path), fields)

    def create_job(self, job: Job) -> None:
        self._transaction.create(self._job_ref(job.id), {**job.to_document(), "updatedAt": SERVER_TIME})

    def update_job(self, job_id: str, changes: Fields) -> None:
        self._transaction.update(self._job_ref(job_id), {**changes, "updatedAt": SERVER_TIME})

    def update_request(self, path: str, changes: Fields) -> None:
        self._transaction.update(self._client.document(path), {**changes, "updatedAt": SERVER_TIME})

    def write_quota(self, user_id: str, after: Fields) -> None:
        self._transaction.set(self._client.document(f"{documents.QUOTAS}/{user_id}"), after)

    def open_request(self, path: str, job_id: str) -> None:
        self.update_request(path, _with_job(job_id))

    def create_open_request(self, path: str, fields: Fields, job_id: str) -> None:
        """`create` and `open_request` in one write."""
        self.create(path, {**fields, **_with_job(job_id), "updatedAt": SERVER_TIME})

    def refuse_request(self, path: str, error: StoryvoiceError) -> None:
        self.update_request(path, {"status": Status.FAILED, "error": error.as_document()})

    def lease_for(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def lease_after(self, seconds: float, since: datetime) -> datetime:
        """For what waits since then: `seconds`, or as long again as it has waited already, within the longest lease.

        So a backlog of an hour costs each job that waits in it a few looks, and not one a minute.
        """
        waited = (self.now - since).total_seconds()
        return self.lease_for(max(seconds, min(waited, self.policy.longest_lease)))

    # ── ending an attempt ────────────────────────────────────────────────────────────────────────────────────────────

    def end_attempt(self, job: Job, error: StoryvoiceError) -> Job:
        """queued again, failed, or cancelled if that is what the user wanted meanwhile. Returns the job afterwards."""
        if self.request_status(job) == Status.CANCELLED:
            return self.cancel(job)
        if error.retryable and job.attempt < self.policy.max_attempts:
            return self._requeue(job, error)
        return self._fail(job, error)

    def cancel(self, job: Job) -> Job:
        request = self._request(job)
        if job.state is not State.RUNNING:
            self._refund(job, token=False)  # no GPU second was spent; the call itself still counts
        self._finish(job, State.CANCELLED, {})
        if request is not None:
            self.update_request(job.request_path, {**_UNHEARD, "status": Status.CANCELLED, "jobActive": DELETE})
        return msgspec.structs.replace(job, state=State.CANCELLED)

    def succeed(self, job: Job, request: Fields, version: Fields | None, usage: dict[str, float]) -> Job:
        if version is not None:
            self._append_version(job, version)
        heard = {"timeline.firstAudioAt": self.now} if self.is_first_audio(job, request) else {}
        self._finish(job, State.SUCCEEDED, {"usage": {**job.usage, **usage}, **heard})
        self.update_request(job.request_path, {**request, "status": Status.READY, "jobActive": DELETE})
        return msgspec.structs.replace(job, state=State.SUCCEEDED)

    def _requeue(self, job: Job, error: StoryvoiceError) -> Job:
        attempt = job.attempt + 1
        start = self.now + self.policy.retry_delay(attempt)
        changes = {
            "state": State.QUEUED.value,
            "attempt": attempt,
            "worker": DELETE,
            "backend": DELETE,
            "notBefore": start,
            "leaseExpiresAt": start + timedelta(seconds=self.policy.queue_lease),
            "error": error.as_document(),
            "timeline.queuedAt": self.now,
            **{f"timeline.{name}": DELETE for name in ("submittedAt", "startedAt", "claimedAt")},
            "unpublished": firestore.ArrayUnion([outbox.event_name(State.QUEUED, attempt)]),
        }
        self.update_job(job.id, changes)
        self.update_request(job.request_path, {**_UNHEARD, "status": Status.QUEUED})
        return msgspec.structs.replace(job, state=State.QUEUED, attempt=attempt, not_before=start)

    def _fail(self, job: Job, error: StoryvoiceError) -> Job:
        story = self._story(job)
        if error.code not in _NOT_REFUNDED:
            self._refund(job, token=True)
        shown = error.as_document()
        self._finish(job, State.FAILED, {"error": shown})
        ended = {"status": Status.FAILED, "error": shown, "jobActive": DELETE}
        self.update_request(job.request_path, {**_UNHEARD, **ended})
        if story is not None:
            patch: Fields = {"audioError": shown}
            if not story.get("audioVersions"):
                patch["audioStatus"] = Status.FAILED
            self._transaction.update(self._story_ref(job), patch)
        return msgspec.structs.replace(job, state=State.FAILED)

    def _finish(self, job: Job, state: State, changes: Fields) -> None:
        finished = {
            "state": state.value,
            "leaseExpiresAt": DELETE,
            "timeline.finishedAt": self.now,
            "expireAt": self.now + timedelta(days=self.policy.kept_days),
            "unpublished": firestore.ArrayUnion([outbox.event_name(state, job.attempt)]),
        }
        self.update_job(job.id, {**finished, **changes})

    def _refund(self, job: Job, *, token: bool) -> None:
        after = quotas.refund(self.read(f"{documents.QUOTAS}/{job.user_id}"), job.charge, token=token)
        if after is not None:
            self.write_quota(job.user_id, after)

    def _append_version(self, job: Job, version: Fields) -> None:
        story = self._story(job)
        if story is None:
            return  # deleted while it was being told, or full: the request still has its audio
        versions = [known for known in story.get("audioVersions") or [] if known.get("id") != version["id"]]
        patch = {"audioStatus": Status.READY, "audioVersions": [*versions, version], "audioError": DELETE}
        if version.get("audioUrl"):
            patch["audioUrl"] = version["audioUrl"]
        self._transaction.update(self._story_ref(job), patch)

    def erase(self, path: str, user_id: str, erasure: Fields) -> Job | None:
        """Delete this user's request, cancel its job if that is unfinished, take its version out of its story, and
        remember by `erasure` what is left to be deleted. Returns the job if it was cancelled here. Raises NotFound."""
        remembered = f"{documents.ERASURES}/{keys.erasure_id(path)}"
        request = self.read(path, ("userId", "storyId", "jobId"))
        if request is None and (self.read(remembered, ("userId",)) or {}).get("userId") == user_id:
            return None  # done before
        if request is None or request.get("userId") != user_id:
            raise NotFound("There is no such document of yours.")
        job_id = keys.job_id(path)
        found = self.read(f"{documents.JOBS}/{job_id}", HEAD_FIELDS)
        job = None if found is None else Job.from_document(job_id, found)
        story_path = _story_path(request)
        story = self.read(story_path, ("audioVersions",)) if story_path else None
        cancelled = self.cancel(job) if job is not None and not job.finished and job.user_id == user_id else None
        if story_path and (patch := _without_version(story or {}, job_id)):
            self._transaction.update(self._client.document(story_path), patch)
        self._transaction.delete(self._client.document(path))
        if story_path is None or "jobId" in request:  # a narration that was never admitted has made nothing
            self._transaction.set(self._client.document(remembered), erasure)
        return cancelled

    def _story(self, job: Job) -> Fields | None:
        """What the story has been told of so far. None where there is no story (any more) that could be told."""
        if job.kind is not Kind.NARRATE or self._story_is_full:
            return None
        return self.read(self._story_ref(job).path, ("audioVersions",))

    def _story_ref(self, job: Job) -> firestore.DocumentReference:
        return self._client.document(f"{documents.STORIES}/{job.input['storyId']}")

    def _job_ref(self, job_id: str) -> firestore.DocumentReference:
        return self._client.document(f"{documents.JOBS}/{job_id}")


def _with_job(job_id: str) -> Fields:
    """Of a request that has a job. `jobActive` lets the reconciler find cancelled requests whose job still runs."""
    return {"status": Status.QUEUED, "jobId": job_id, "jobActive": True}


def _story_path(request: Fields) -> str | None:
    return f"{documents.STORIES}/{request['storyId']}" if keys.is_id(str(request.get("storyId", ""))) else None


def _without_version(story: Fields, version_id: str) -> Fields:
    """What changes in a story when one of its versions goes; nothing where it has no such version."""
    versions: list[Fields] = story.get("audioVersions") or []
    left = [version for version in versions if version.get("id") != version_id]
    if len(left) == len(versions):
        return {}
    url = next((version["audioUrl"] for version in reversed(left) if version.get("audioUrl")), DELETE)
    if not left:
        return {"audioVersions": DELETE, "audioStatus": DELETE, "audioUrl": DELETE}
    return {"audioVersions": left, "audioUrl": url}
