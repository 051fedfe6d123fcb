"""A worker's hold on its job: renewed while it works, and the first to know when it is lost.

    worker thread    report(3/40) ─ report(4/40) ─ report(5/40) ──── a long piece ──────── check() ✗ StaleAttempt
    lease thread        └▶ written ─────────────────────└▶ written (at most one a second) ─ renewed ─┘

Progress is written by a thread of its own, at most once a second (Firestore wants no more on one document) and at least
three times in a lease, so that a piece that takes long does not cost the job.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from types import TracebackType
from typing import Self

from jobs.errors import Cancelled, Conflict, NotFound, StoryvoiceError, Unavailable
from jobs.logs import job_fields
from jobs.model import Job
from jobs.store import Progress, Store
from jobs.transition import Fields

log = logging.getLogger(__name__)
_LEAST_PAUSE_SECONDS = 1.0
_FIRST_SECONDS = 0.3  # what is done sooner needs no progress


class Lease:
    """Use it as a context manager around the work; call `report` as it goes on, `check` before anything that shows."""

    def __init__(self, store: Store, job: Job, worker: str, stop: threading.Event) -> None:
        self._store = store
        self._job = job
        self._worker = worker
        self._stop = stop
        self._progress = Progress(0, 0, "fetching")
        self._shows: Fields = {}
        self._lost: StoryvoiceError | None = None
        self._news = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._news.set()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._news.set()
        self._thread.join()

    def report(self, progress: Progress) -> None:
        """Show this to the user soon. Raises as `check` does."""
        self.check()
        self._progress = progress
        self._news.set()

    def show(self, fields: Fields) -> None:
        """Have the request carry these fields from now on, while the attempt lasts. Any thread may say so."""
        self._shows = fields
        self._news.set()

    def check(self) -> None:
        """Raises what the lease was lost by (Conflict, Cancelled, or NotFound: the job was erased), or Unavailable when
        the platform stops the job."""
        if self._lost is not None:
            raise self._lost
        if self._stop.is_set():
            raise Unavailable("The worker is being stopped.")

    def _keep(self) -> None:
        renewal = self._store.policy.run_lease / 3
        self._done.wait(_FIRST_SECONDS)
        while not self._done.is_set():
            started = time.monotonic()
            self._news.wait(renewal)
            self._news.clear()
            if self._done.is_set():
                return
            if not self._write():
                return
            self._done.wait(max(0.0, _LEAST_PAUSE_SECONDS - (time.monotonic() - started)))

    def _write(self) -> bool:
        try:
            job = self._job
            progress = dataclasses.replace(self._progress, shows=self._shows)
            self._store.report_progress(job.id, job.attempt, self._worker, progress, claimed=job)
        except (Conflict, Cancelled, NotFound) as error:
            self._lost = error
            log.info("lease lost: %s", type(error).__name__, extra=job_fields(self._job))
            return False
        except StoryvoiceError as error:
            # Not reached this time: the lease outlasts a few misses, and if it does not, the next write says so.
            log.warning("progress not written: %s", error.code, extra=job_fields(self._job))
        return True
