"""A worker's hold on its job: renewed while it works, and the first to know when it is lost.

    worker thread    report(3/40) ─ report(4/40) ─ report(5/40) ──── a long piece ──────── check() ✗ StaleAttempt
    lease thread        └▶ written ─────────────────────└▶ written (at most one a second) ─ renewed ─┘

Progress is written by a thread of its own, at most once a second (Firestore wants no more on one document) and at least
three times in a lease, so that a piece that takes long does not cost the job.

The same thread hands the job back when the worker is to stop: the platform kills the process within seconds, and the
engine may be in the middle of a batch that takes longer.

    worker thread    ─────────── a long batch ─────────────────────── check() ✗ StaleAttempt (or killed before)
    lease thread            stop ─▶ handed back: queued as the next attempt, which another worker can take by now
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from jobs.errors import Cancelled, Conflict, NotFound, StaleAttempt, StoryvoiceError, Unavailable
from jobs.logs import job_fields
from jobs.model import Job
from jobs.store import Progress, Store
from jobs.transition import Fields

log = logging.getLogger(__name__)
_LEAST_PAUSE_SECONDS = 1.0
_FIRST_SECONDS = 0.3  # what is done sooner needs no progress
_STOP_SECONDS = 0.2  # how long it may take until a stop is noticed


def being_stopped() -> Unavailable:
    """How an attempt ends whose worker has to go. A user sees it only if it was the last attempt."""
    return Unavailable("The worker that was at it had to stop. Please try again.")


class Lease:
    """Use it as a context manager around the work; call `report` as it goes on, `check` before anything that shows.

    `hand_back` is called once `stop` is set: it ends the attempt, for others to go on with, and raises as Store.fail
    does.
    """

    def __init__(
        self, store: Store, job: Job, worker: str, stop: threading.Event, hand_back: Callable[[], object]
    ) -> None:
        self._store = store
        self._job = job
        self._worker = worker
        self._stop = stop
        self._hand_back = hand_back
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
            raise being_stopped()

    def _keep(self) -> None:
        self._done.wait(_FIRST_SECONDS)
        while not self._done.is_set():
            started = time.monotonic()
            self._wait_for_news()
            if self._done.is_set():
                return
            if not (self._give_up() if self._stop.is_set() else self._write()):
                return
            self._done.wait(max(0.0, _LEAST_PAUSE_SECONDS - (time.monotonic() - started)))

    def _wait_for_news(self) -> None:
        """Until there is something to write, the lease has to be renewed, or the worker is to stop."""
        renewal = time.monotonic() + self._store.policy.run_lease / 3
        while not self._news.wait(_STOP_SECONDS) and not self._stop.is_set() and time.monotonic() < renewal:
            pass
        self._news.clear()

    def _give_up(self) -> bool:
        """Hand the job back. False when it is no longer ours, which is what was wanted."""
        try:
            self._hand_back()
        except (Conflict, Cancelled, NotFound) as error:
            self._lost = error
        except StoryvoiceError as error:
            log.warning("not handed back yet: %s", error.code, extra=job_fields(self._job))
            return True
        else:
            self._lost = StaleAttempt("The job was handed back.")
            log.info("handed back", extra=job_fields(self._job))
        return False

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
