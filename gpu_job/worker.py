"""One attempt of one job, from claim to the end: claim ▸ fetch ▸ speak ▸ master ▸ upload ▸ succeed.

Nothing is begun that has not been claimed, nothing is shown that the lease does not cover, and every way out is one of:

    succeeded   the store has the result
    failed      the store has the error (and has queued the next attempt, if there is to be one)
    refused     it was never ours: claimed by another, fenced out, finished or cancelled before
    stopped     it stopped being ours on the way; what was uploaded is deleted again

Only when the store itself cannot be reached does `run` raise: then the lease lapses and the reconciler takes over.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from gpu_job.engines.protocol import Engine
from gpu_job.lease import Lease, being_stopped
from gpu_job.narration.recognition import Recogniser
from gpu_job.storage import Bucket
from gpu_job.tasks import TASKS, Output, prefix_of
from gpu_job.tools import Tools
from jobs import logs
from jobs.errors import Cancelled, Conflict, Internal, NotFound, StoryvoiceError
from jobs.keys import is_of_attempt_before
from jobs.logs import job_fields
from jobs.model import Job, State
from jobs.outbox import Outbox
from jobs.store import Result, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """What a process needs to work. Thread-safe: several jobs may run at once."""

    store: Store
    outbox: Outbox
    bucket: Bucket
    engine: Engine
    recogniser: Recogniser | None = None
    public_base_url: str = ""
    more_engines: tuple[Engine, ...] = ()
    """Beside `engine`, for jobs that ask for one of these; each is loaded by the first that does."""

    def run(self, job_id: str, attempt: int, stop: threading.Event | None = None) -> str:
        """Work on one attempt; `stop` hands it back. Returns the outcome, as above."""
        with logs.about(job_id):
            return self._run(job_id, attempt, stop or threading.Event())

    def _run(self, job_id: str, attempt: int, stop: threading.Event) -> str:
        token = secrets.token_hex(16)
        try:
            job = self.store.claim(job_id, attempt, token)
        except (Conflict, Cancelled, NotFound) as error:
            log.info("not claimed: %s", type(error).__name__, extra={"jobId": job_id, "attempt": attempt})
            return "refused"
        log.info("claimed", extra=job_fields(job))
        outcome = self._work(job, token, stop)
        log.info("%s", outcome, extra={**job_fields(job), "state": outcome})
        return outcome

    def _work(self, job: Job, token: str, stop: threading.Event) -> str:
        started = time.monotonic()
        uploaded: list[str] = []
        try:
            output = self._make(job, token, stop, uploaded)
        except (Conflict, Cancelled) as error:
            return self._stopped(job, error, uploaded)
        except StoryvoiceError as error:
            return self._failed(job, token, error, uploaded)
        except Exception as error:
            log.exception("unexpected", extra=job_fields(job))
            unexpected = Internal("Something went wrong on our side while speaking. Please try again.")
            unexpected.__cause__ = error
            return self._failed(job, token, unexpected, uploaded)
        try:
            result = _result(output, time.monotonic() - started)
            done = self.store.succeed(job.id, job.attempt, token, result, claimed=job)
        except (Conflict, Cancelled, NotFound) as error:
            return self._stopped(job, error, uploaded)
        self.outbox.announce(done)
        self._sweep(job)
        return "succeeded"

    def _make(self, job: Job, token: str, stop: threading.Event, uploaded: list[str]) -> Output:
        with (
            tempfile.TemporaryDirectory(prefix="storyvoice-") as folder,
            Lease(self.store, job, token, stop, partial(self._hand_back, job, token)) as lease,
        ):
            tools = Tools(
                self._engine_for(job), self.bucket, Path(folder), lease, self.recogniser, self.public_base_url, uploaded
            )
            return TASKS[job.kind](job, tools)

    def _hand_back(self, job: Job, token: str) -> None:
        """The platform stops this process: the next attempt may begin now, and need not wait for the lease to lapse."""
        self.outbox.announce(self.store.fail(job.id, job.attempt, being_stopped(), token))

    def _engine_for(self, job: Job) -> Engine:
        """Of the job's model; where it asks for none, or for one that is not here (which the task then says), ours."""
        wanted = job.input.get("modelType")
        return next((engine for engine in self.more_engines if engine.name == wanted), self.engine)

    def _stopped(self, job: Job, error: StoryvoiceError, uploaded: list[str]) -> str:
        log.info("stopped: %s", type(error).__name__, extra=job_fields(job))
        self._delete(uploaded)
        if isinstance(error, Cancelled):
            self.outbox.announce(msgspec.structs.replace(job, state=State.CANCELLED))
        return "stopped"

    def _failed(self, job: Job, token: str, error: StoryvoiceError, uploaded: list[str]) -> str:
        log.warning("failed: %s", error.code, exc_info=error, extra={**job_fields(job), "code": error.code})
        self._delete(uploaded)
        try:
            after = self.store.fail(job.id, job.attempt, error, token)
        except (Conflict, NotFound):
            return "stopped"
        self.outbox.announce(after)
        if after.state is State.FAILED:
            self._sweep(job)
        return "failed"

    def _sweep(self, job: Job) -> None:
        """Delete what earlier attempts have left whose workers died: no document names it any more."""
        if job.attempt == 1:
            return
        prefix = prefix_of(job)
        try:
            left = [key for key in self.bucket.keys(prefix) if is_of_attempt_before(job.attempt, prefix, key)]
        except StoryvoiceError as error:
            log.warning("objects may be left behind: %s", error.code, extra=job_fields(job))
        else:
            self._delete(left)

    def _delete(self, keys: list[str]) -> None:
        """No document names these objects, or ever will: their keys hold an attempt that has come to nothing."""
        for key in keys:
            try:
                self.bucket.delete(key)
            except StoryvoiceError as error:
                log.warning("an object is left behind: %s", error.code)


def _result(output: Output, seconds: float) -> Result:
    usage = {**output.usage, "workerSeconds": round(seconds, 3)}
    return Result(request=output.request, version=output.version, usage=usage)
