"""All endpoints: what they decide is kept in the state here, and whoever waits for it is woken.

Nobody polls. A long poll leaves an event behind and sleeps; the change that concerns it sets the event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

from localcloud.clock import Clock
from localcloud.runpod.job import Job
from localcloud.runpod.queue import JobQueue
from localcloud.state import State


class Hub:
    """`on_finished` is called for every job that reaches its end."""

    def __init__(self, state: State, clock: Clock, on_finished: Callable[[Job], None] = lambda _: None) -> None:
        self.closing = False
        self._state = state
        self._clock = clock
        self._on_finished = on_finished
        self._stored = state.table("runpod_jobs", Job)
        self._queues: dict[str, JobQueue] = {}
        self._wake = asyncio.Event()
        self._takers: defaultdict[str, deque[asyncio.Event]] = defaultdict(deque)  # by endpoint
        self._stop_listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # by worker
        self._result_listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # by job
        for job in sorted(self._stored.all(), key=lambda job: job.queued_at):
            with self.changing(job.endpoint) as queue:
                queue.restore(job)

    def queue(self, endpoint: str) -> JobQueue:
        """The endpoint's queue, to look at. An endpoint begins to exist when it is first named."""
        if endpoint not in self._queues:
            self._queues[endpoint] = JobQueue(endpoint)
        return self._queues[endpoint]

    @contextlib.contextmanager
    def changing(self, endpoint: str) -> Iterator[JobQueue]:
        """The endpoint's queue, to change. On leaving, what changed is in the state, and who waits for it is woken."""
        queue = self.queue(endpoint)
        yield queue
        changes = queue.drain()
        if changes.kept or changes.removed:
            with self._state.transaction():
                for job in changes.kept.values():
                    self._stored.put(job)
                for job_id in changes.removed:
                    self._stored.remove(job_id)
        for job in changes.finished:
            self._on_finished(job)
        for job_id in changes.removed.union(job.id for job in changes.finished):
            _set_all(self._result_listeners.get(job_id, ()))
        for worker_id in changes.stopped:
            _set_all(self._stop_listeners.get(worker_id, ()))
        if changes.offered:
            self._wake_takers(queue)
        self._wake.set()

    def has_worker(self, worker_id: str) -> bool:
        return any(worker_id in queue.workers and not queue.workers[worker_id].gone for queue in self._queues.values())

    def worker_lost(self, worker_id: str) -> None:
        for endpoint, queue in self._queues.items():
            if worker_id in queue.workers:
                with self.changing(endpoint):
                    queue.lost(worker_id, self._clock.now())

    def depth(self) -> int:
        return sum(queue.depth() for queue in self._queues.values())

    # Waiting

    async def take(self, endpoint: str, worker_id: str, limit: int, hold: float) -> list[Job]:
        """Jobs for this worker; none if there are none for `hold` seconds, or the worker dies meanwhile.

        A dead worker's connection may still look open: the loop can hear of the death (`worker_lost`) before it reads
        the end of the connection. Its job must not come back to that very connection.
        """
        deadline = self._clock.now() + hold
        takers = self._takers[endpoint]
        with self.changing(endpoint) as queue:
            worker = queue.arrive(worker_id, self._clock.now())
        while True:
            if worker.gone:
                self._wake_takers(queue)
                return []
            with self.changing(endpoint):
                jobs = queue.take(worker_id, limit, self._clock.now())
            if jobs or self._clock.now() >= deadline or self.closing:
                return jobs
            wake = asyncio.Event()
            takers.append(wake)
            try:
                await self._clock.sleep_until(deadline, wake)
            except asyncio.CancelledError:
                if wake.is_set():  # woken for a job that it will not take: the next one shall
                    self._wake_takers(queue)
                raise
            finally:
                with contextlib.suppress(ValueError):
                    takers.remove(wake)

    async def take_stops(self, endpoint: str, worker_id: str, hold: float) -> list[str]:
        """Ids of jobs that this worker is to stop; none if there are none for `hold` seconds."""
        deadline = self._clock.now() + hold
        with self._listening(self._stop_listeners, worker_id) as wake:
            while True:
                wake.clear()
                stops = self.queue(endpoint).take_stops(worker_id)
                if stops or self._clock.now() >= deadline or self.closing:
                    return stops
                await self._clock.sleep_until(deadline, wake)

    async def wait_for_result(self, endpoint: str, job_id: str, hold: float) -> Job | None:
        """The job once it is finished, or as it is after `hold` seconds; None if it is forgotten meanwhile."""
        deadline = self._clock.now() + hold
        with self._listening(self._result_listeners, job_id) as wake:
            while True:
                wake.clear()
                job = self.queue(endpoint).jobs.get(job_id)
                if job is None or not job.unfinished or self._clock.now() >= deadline or self.closing:
                    return job
                await self._clock.sleep_until(deadline, wake)

    async def keep_time(self) -> None:
        """Let time do its work on jobs and workers, for ever."""
        while True:
            now = self._clock.now()
            for endpoint, queue in self._queues.items():
                if (due := queue.next_due()) is not None and due <= now:
                    with self.changing(endpoint):
                        queue.expire(now)
            dues = (due for queue in self._queues.values() if (due := queue.next_due()) is not None)
            next_due = min(dues, default=None)
            self._wake.clear()
            await self._clock.sleep_until(next_due, self._wake)

    def close(self) -> None:
        """Let every long poll answer now with what there is."""
        self.closing = True
        listeners = [*self._takers.values(), *self._stop_listeners.values(), *self._result_listeners.values()]
        _set_all(event for events in listeners for event in events)

    def _wake_takers(self, queue: JobQueue) -> None:
        takers = self._takers[queue.endpoint]
        for _ in range(min(queue.ready(), len(takers))):
            takers.popleft().set()

    @contextlib.contextmanager
    def _listening(self, listeners: defaultdict[str, set[asyncio.Event]], key: str) -> Iterator[asyncio.Event]:
        wake = asyncio.Event()
        listeners[key].add(wake)
        try:
            yield wake
        finally:
            listeners[key].discard(wake)
            if not listeners[key]:
                del listeners[key]


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in list(events):
        event.set()
