"""What functions/jobs/store.py should do, on plain dictionaries: no transactions, no retries, one thing after another.

`StoreModel` has the store's methods and holds the documents as Firestore should hold them, except that an `error` is
only its code and `updatedAt` is left out. tests/unit/test_store_machine.py drives both and compares them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from jobs import keys
from jobs.errors import Cancelled, Conflict, JobFinished, LeaseHeld, NotFound, StaleAttempt, StoryvoiceError
from jobs.model import Backend
from jobs.quotas import Limit
from jobs.store import Progress, Result
from jobs.transition import Policy
from tests.unit.story_time import START, TEXT, Fields

UNFINISHED = ("queued", "dispatched", "running")
ENDED = ("ready", "failed", "cancelled")
# Of the errors that the machine lets an attempt end with: those that give the charge back.
GIVEN_BACK = ("unavailable", "deadline_exceeded")


class StoreModel:
    def __init__(self, policy: Policy, limit: Limit) -> None:
        self.policy = policy
        self.limit = limit
        self.now = START
        self.documents: dict[str, Fields] = {}

    # ── admission and quota ──────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, path: str) -> Fields | None:
        request, job_id = self.documents.get(path), keys.job_id(path)
        if request is None or request["status"] in ENDED:
            return None
        if request["status"] != "pending":
            return self._job(job_id)
        user, job = request["userId"], self.documents.get(f"jobs/{job_id}")
        quota = self._quota_after_charge(user)
        if quota is None:
            request.update(status="failed", error="resource_exhausted")
            return None
        if job and (job["state"] not in UNFINISHED or job["userId"] != user):
            request.update(status="failed", error="aborted")
            return None
        request.update(status="queued", jobId=job_id, jobActive=True)
        if job:
            return job
        self.documents[f"quotas/{user}"] = quota
        job = {
            "kind": "narrate",
            "requestPath": path,
            "userId": user,
            "state": "queued",
            "attempt": 1,
            "charge": {"action": "narrate", "characters": len(TEXT), "day": quota["day"]},
            "input": {"storyId": request["storyId"], "text": TEXT},
            "leaseExpiresAt": self._in(self.policy.queue_lease),
            "timeline": {"admittedAt": self.now, "queuedAt": self.now},
            "usage": {"characters": len(TEXT)},
            "unpublished": [],
        }
        self.documents[f"jobs/{job_id}"] = job
        return job

    def _quota_after_charge(self, user: str) -> Fields | None:
        """None if there is no token, or not enough characters."""
        quota = self.documents.get(f"quotas/{user}", {"day": "", "characters": 0})
        full, bucket, today = self.limit.per_minute, quota.get("buckets", {}).get("narrate"), f"{self.now:%Y-%m-%d}"
        minutes = (self.now - bucket["at"]) / timedelta(minutes=1) if bucket else 0
        tokens = min(full, bucket["tokens"] + minutes * full) if bucket else full
        used = len(TEXT) + (quota["characters"] if quota["day"] == today else 0)
        if tokens < 1 or used > (self.limit.characters_per_day or 0):
            return None
        buckets = {"narrate": {"tokens": tokens - 1, "at": self.now}}
        return {"buckets": buckets, "day": today, "characters": used, "expireAt": self._in(2 * 86400)}

    def _give_back(self, job: Fields, *, token: bool) -> None:
        quota = self.documents[f"quotas/{job['userId']}"]
        if quota["day"] == job["charge"]["day"]:
            quota["characters"] -= len(TEXT)
        if token:
            quota["buckets"]["narrate"]["tokens"] += 1

    # ── from the queue to a worker ───────────────────────────────────────────────────────────────────────────────────

    def lease(self, job_id: str, attempt: int) -> Fields:
        job = self._unfinished(job_id, attempt)
        if job["state"] == "queued":
            job.update(state="dispatched", leaseExpiresAt=self._in(self.policy.dispatch_lease))
            job["timeline"]["dispatchedAt"] = self.now
        return job

    def record_submission(self, job_id: str, backend: Backend) -> None:
        job = self._job(job_id)
        job["backend"] = {"name": backend.name, "id": backend.id, "attempt": backend.attempt}
        job["timeline"]["submittedAt"] = self.now

    def keep_dispatched(self, job_id: str, attempt: int, *, started: bool = False) -> None:
        job = self._job(job_id)
        if job["attempt"] != attempt:
            raise StaleAttempt("")
        if job["state"] == "dispatched":
            job["leaseExpiresAt"] = self._in(self.policy.dispatch_lease)
            if started:
                job["timeline"]["startedAt"] = self.now

    def claim(self, job_id: str, attempt: int, worker: str) -> Fields:
        job = self._unfinished(job_id, attempt)
        if job["state"] == "running":
            return self._held(job_id, attempt, worker)
        if job["state"] == "queued":
            raise Conflict("")
        if self._taken_back(job):
            self._cancel(job)
            raise Cancelled("")
        job.update(state="running", worker=worker, leaseExpiresAt=self._in(self.policy.run_lease))
        job["timeline"]["claimedAt"] = self.now
        return job

    def report_progress(self, job_id: str, attempt: int, worker: str, progress: Progress) -> None:
        job = self._held(job_id, attempt, worker)
        if self._taken_back(job):
            self._cancel(job)
            raise Cancelled("")
        job["leaseExpiresAt"] = self._in(self.policy.run_lease)
        shown = {"done": progress.done, "total": progress.total, "stage": progress.stage}
        self.documents[job["requestPath"]].update(status="running", progress=shown)

    # ── to the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def succeed(self, job_id: str, attempt: int, worker: str, result: Result) -> Fields:
        job = self._job(job_id)
        if (job["state"], job["attempt"], job.get("worker")) == ("succeeded", attempt, worker):
            return job
        job = self._held(job_id, attempt, worker)
        if self._taken_back(job):
            self._cancel(job)
            raise Cancelled("")
        story, version = self.documents[f"stories/{job['input']['storyId']}"], result.version or {}
        story.update(audioStatus="ready", audioUrl=version["audioUrl"])
        story["audioVersions"] = [*story.get("audioVersions", []), version]
        story.pop("audioError", None)
        job["usage"].update(result.usage)
        job["timeline"]["firstAudioAt"] = self.now
        self._end(job, "succeeded", "ready", **result.request)
        return job

    def fail(self, job_id: str, attempt: int, error: StoryvoiceError, worker: str | None = None) -> Fields:
        job = self._job(job_id)
        if (job["state"], job["attempt"]) == ("failed", attempt):
            return job
        job = self._unfinished(job_id, attempt) if worker is None else self._held(job_id, attempt, worker)
        return self._end_attempt(job, error.code, retryable=error.retryable)

    def cancel(self, job_id: str) -> Fields:
        job = self._job(job_id)
        if job["state"] in ("succeeded", "failed"):
            raise JobFinished("")
        if job["state"] != "cancelled":
            self._cancel(job)
        return job

    def requeue_lapsed(self, job_id: str, attempt: int) -> Fields:
        job = self._unfinished(job_id, attempt)
        if self.now < job["leaseExpiresAt"]:
            raise LeaseHeld("")
        if job["state"] == "queued":
            job["leaseExpiresAt"] = self._in(self.policy.queue_lease)
            return job
        return self._end_attempt(job, "deadline_exceeded", retryable=True)

    def _end_attempt(self, job: Fields, code: str, *, retryable: bool) -> Fields:
        if self._taken_back(job):
            self._cancel(job)
        elif retryable and job["attempt"] < self.policy.max_attempts:
            job.update(state="queued", attempt=job["attempt"] + 1, error=code)
            for gone in ("worker", "backend"):
                job.pop(gone, None)
            job["notBefore"] = self._in(self.policy.retry_backoff * 2 ** (job["attempt"] - 2))
            job["leaseExpiresAt"] = job["notBefore"] + timedelta(seconds=self.policy.queue_lease)
            job["timeline"]["queuedAt"] = self.now
            for gone in ("submittedAt", "startedAt", "claimedAt"):
                job["timeline"].pop(gone, None)
            job["unpublished"].append(f"queued.{job['attempt']}")
            self.documents[job["requestPath"]]["status"] = "queued"
        else:
            if code in GIVEN_BACK:
                self._give_back(job, token=True)
            job["error"] = code
            self._end(job, "failed", "failed", error=code)
            story = self.documents[f"stories/{job['input']['storyId']}"]
            story["audioError"] = code
            if not story.get("audioVersions"):
                story["audioStatus"] = "failed"
        return job

    def _cancel(self, job: Fields) -> None:
        if job["state"] != "running":
            self._give_back(job, token=False)
        self._end(job, "cancelled", "cancelled")

    def _end(self, job: Fields, state: str, status: str, **told: Any) -> None:
        job.update(state=state, expireAt=self._in(self.policy.kept_days * 86400))
        job["timeline"]["finishedAt"] = self.now
        job["unpublished"].append(f"{state}.{job['attempt']}")
        del job["leaseExpiresAt"]
        request = self.documents.get(job["requestPath"])
        if request and request["userId"] == job["userId"] and request["status"] not in ("ready", "failed"):
            request.update(status=status, **told)
            request.pop("jobActive", None)

    # ── who may, and whether it is still wanted ──────────────────────────────────────────────────────────────────────

    def _job(self, job_id: str) -> Fields:
        if f"jobs/{job_id}" not in self.documents:
            raise NotFound("")
        return self.documents[f"jobs/{job_id}"]

    def _unfinished(self, job_id: str, attempt: int) -> Fields:
        job = self._job(job_id)
        if job["state"] not in UNFINISHED:
            raise JobFinished("")
        if job["attempt"] != attempt:
            raise StaleAttempt("")
        return job

    def _held(self, job_id: str, attempt: int, worker: str) -> Fields:
        job = self._unfinished(job_id, attempt)
        if job["state"] != "running":
            raise Conflict("")
        if job["worker"] != worker:
            raise LeaseHeld("")
        return job

    def _taken_back(self, job: Fields) -> bool:
        """Cancelled or deleted; or written again under the same id, by another user or to be refused."""
        request = self.documents.get(job["requestPath"])
        return request is None or request["userId"] != job["userId"] or request["status"] in ENDED

    def _in(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)
