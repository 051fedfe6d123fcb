"""One endpoint: its jobs, its workers, and what happens to them as calls come in and time passes. No I/O.

    submit ─▶ IN_QUEUE ── take ──▶ IN_PROGRESS ── finish ──▶ COMPLETED | FAILED ── retention ──▶ forgotten
                 ▲                   │  │  └─ executionTimeout ─▶ TIMED_OUT ──────────┘
                 └── worker lost ────┘  └──── cancel ───────────▶ CANCELLED ──────────┘

ttl runs from submit over queue and run; when it ends, the job is forgotten wherever it is. Whoever calls a method takes
`drain()` afterwards: the jobs that changed and must be kept.
"""

from __future__ import annotations

import heapq
import logging
from collections import Counter, deque
from dataclasses import dataclass, field

from localcloud.runpod.job import Job, Status

log = logging.getLogger(__name__)

PING_INTERVAL_SECONDS = 3
PING_LOSS_SECONDS = 15.0  # a worker that has not been heard of for so long is lost
MAX_LOSSES = 2  # a job is queued again after so many lost workers; with the next one it fails


@dataclass
class Worker:
    last_seen: float
    gone: bool = False  # reported dead: its orphaned ping process must not bring it back


@dataclass
class Changes:
    """What a call has done, for whoever keeps jobs and wakes waiting calls."""

    kept: dict[str, Job] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)  # ids
    finished: list[Job] = field(default_factory=list)  # those of `kept` that have just reached their end
    stopped: set[str] = field(default_factory=set)  # workers that have something to stop
    offered: bool = False  # a worker may find something that was not there before


class JobQueue:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, Worker] = {}
        self.counts: Counter[str] = Counter()
        self._waiting: deque[str] = deque()  # ids; those that are no longer IN_QUEUE are skipped when they come up
        self._timers: list[tuple[float, str]] = []  # (due_at, id); stale ones are skipped likewise
        self._stops: dict[str, list[str]] = {}
        # A job handed out twice by a fault: waiting for its second worker, then running on it.
        self._echoes: deque[tuple[Job, str]] = deque()
        self._echo_runs: set[tuple[str, str]] = set()
        self._changes = Changes()

    def drain(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        return changes

    # The client's side

    def submit(self, job: Job) -> None:
        self.jobs[job.id] = job
        self._offer(job)
        self._keep(job)

    def restore(self, job: Job) -> None:
        """Take in a job of the last process. What was in progress waits again; its worker died with that process."""
        self.jobs[job.id] = job
        if job.status == Status.IN_PROGRESS:
            self._begin_anew(job)
        if job.status == Status.IN_QUEUE:
            self._offer(job)
        self._keep(job)

    def cancel(self, job: Job, now: float) -> None:
        """No effect on a finished job."""
        if job.unfinished:
            self._stop(job)
            self._finish(job, Status.CANCELLED, now)

    def retry(self, job: Job, now: float) -> bool:
        """Run it again; False if it has neither failed nor timed out."""
        if job.status not in {Status.FAILED, Status.TIMED_OUT}:
            return False
        job.queued_at, job.finished_at, job.output, job.error = now, None, None, None
        job.losses = 0
        self._begin_anew(job)
        self._offer(job)
        return True

    def purge(self) -> int:
        """Forget every job that waits, and say how many."""
        waiting = [job for job in self.jobs.values() if job.status == Status.IN_QUEUE]
        for job in waiting:
            self._forget(job)
        self._waiting.clear()
        return len(waiting)

    # The worker's side

    def arrive(self, worker_id: str, now: float) -> Worker:
        """A worker asks for work. One that was reported dead is a new process now: another Worker."""
        worker = self.workers.get(worker_id)
        if worker is None or worker.gone:
            worker = self.workers[worker_id] = Worker(now)
        worker.last_seen = now
        return worker

    def take(self, worker_id: str, limit: int, now: float) -> list[Job]:
        """Up to `limit` jobs for this worker, oldest first; none if it is known to be dead."""
        if self.workers.setdefault(worker_id, Worker(now)).gone:
            return []
        self.seen(worker_id, now)
        taken = self._take_echoes(worker_id, limit)
        while self._waiting and len(taken) < limit:
            job = self.jobs.get(self._waiting.popleft())
            if job is None or job.status != Status.IN_QUEUE:
                continue
            job.status, job.worker_id, job.started_at = Status.IN_PROGRESS, worker_id, now
            self._keep(job)
            taken.append(job)
        return taken

    def put_back(self, job: Job, worker_id: str) -> None:
        """The worker was gone before it could be handed the job: nothing has happened."""
        if (job.id, worker_id) in self._echo_runs:
            self._echo_runs.discard((job.id, worker_id))
            self._echoes.appendleft((job, ""))
            self._changes.offered = True
        elif job.status == Status.IN_PROGRESS and job.worker_id == worker_id:
            job.status, job.worker_id, job.started_at = Status.IN_QUEUE, None, None
            self._offer(job, in_front=True)
            self._keep(job)

    def echo(self, job: Job, worker_id: str) -> None:
        """Hand out again, to another worker if there is one, a job that this worker has just been given."""
        self._echoes.append((job, worker_id))
        self._changes.offered = True

    def progress(self, job_id: str, worker_id: str, output: str) -> bool:
        """False if it came after the result, or from a worker that does not have the job."""
        job = self.jobs.get(job_id)
        if job is None or not self._is_run_by(job, worker_id):
            return False
        job.output = output
        self._keep(job)
        return True

    def finish(self, job_id: str, worker_id: str, output: str | None, error: str | None, now: float) -> bool:
        """Take a result. False if it is not wanted (any more): the job has ended, or belongs to another worker."""
        job = self.jobs.get(job_id)
        wanted = job is not None and self._is_run_by(job, worker_id)
        if job is not None and wanted:
            job.output, job.error = output, error
            job.worker_id = worker_id
            self._finish(job, Status.COMPLETED if error is None else Status.FAILED, now)
        self._echo_runs.discard((job_id, worker_id))
        return wanted

    def seen(self, worker_id: str, now: float) -> None:
        """A ping. It does not bring back a worker that was reported dead."""
        worker = self.workers.setdefault(worker_id, Worker(now))
        worker.last_seen = now

    def lost(self, worker_id: str, now: float) -> None:
        """The worker is dead. Its jobs wait again, in front; one that has lost too many workers fails."""
        self.workers.setdefault(worker_id, Worker(now)).gone = True
        self._stops.pop(worker_id, None)
        self._echo_runs = {run for run in self._echo_runs if run[1] != worker_id}
        self._changes.offered = bool(self._echoes)  # one that waited for this worker may now go to another
        for job in list(self.jobs.values()):
            if job.status != Status.IN_PROGRESS or job.worker_id != worker_id:
                continue
            job.losses += 1
            if job.losses > MAX_LOSSES:
                job.error = f"The job's worker was lost {job.losses} times."
                self._finish(job, Status.FAILED, now)
            else:
                log.warning("Worker %s is lost; job %s is queued again.", worker_id, job.id)
                self._begin_anew(job)
                self._offer(job, in_front=True)

    def take_stops(self, worker_id: str) -> list[str]:
        """Ids of cancelled and timed-out jobs that this worker is to stop, each told once."""
        return self._stops.pop(worker_id, [])

    # Time

    def next_due(self) -> float | None:
        """When `expire` will next have something to do."""
        while self._timers and self._is_stale(self._timers[0]):
            heapq.heappop(self._timers)
        times = [worker.last_seen + PING_LOSS_SECONDS for worker in self.workers.values() if not worker.gone]
        if self._timers:
            times.append(self._timers[0][0])
        return min(times, default=None)

    def expire(self, now: float) -> None:
        for worker_id, worker in list(self.workers.items()):
            if not worker.gone and worker.last_seen + PING_LOSS_SECONDS <= now:
                self.lost(worker_id, now)
                del self.workers[worker_id]  # it may be back: a stopped process that goes on pings again
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)
            if not self._is_stale(timer):
                self._expire_job(self.jobs[timer[1]], now)

    def _expire_job(self, job: Job, now: float) -> None:
        if job.unfinished:
            self._stop(job)
        if job.finished_at is not None or job.queued_at + job.ttl <= now:
            self._forget(job)
        else:
            job.error = f"The job ran longer than its executionTimeout of {round(job.execution_timeout * 1000)} ms."
            self._finish(job, Status.TIMED_OUT, now)

    # What clients are told

    def depth(self) -> int:
        """Jobs that are not finished, second deliveries included."""
        unfinished = sum(job.unfinished for job in self.jobs.values())
        return unfinished + len(self._echoes) + len(self._echo_runs)

    def ready(self) -> int:
        """How many jobs a `take` could hand out now, at most."""
        return len(self._waiting) + len(self._echoes)

    def health(self) -> dict[str, dict[str, int]]:
        statuses = Counter(job.status for job in self.jobs.values())
        alive = {worker_id for worker_id, worker in self.workers.items() if not worker.gone}
        busy = alive & {job.worker_id for job in self.jobs.values() if job.status == Status.IN_PROGRESS}
        return {
            "jobs": {
                "completed": self.counts[Status.COMPLETED],
                "failed": self.counts[Status.FAILED] + self.counts[Status.TIMED_OUT],
                "inProgress": statuses[Status.IN_PROGRESS],
                "inQueue": statuses[Status.IN_QUEUE],
                "retried": self.counts["retried"],
            },
            "workers": {
                "idle": len(alive - busy),
                "initializing": 0,
                "ready": len(alive),
                "running": len(busy),
                "throttled": 0,
                "unhealthy": len(self.workers) - len(alive),
            },
        }

    # Transitions

    def _is_run_by(self, job: Job, worker_id: str) -> bool:
        return job.status == Status.IN_PROGRESS and (
            job.worker_id == worker_id or (job.id, worker_id) in self._echo_runs
        )

    def _take_echoes(self, worker_id: str, limit: int) -> list[Job]:
        taken: list[Job] = []
        for _ in range(len(self._echoes)):
            job, first_worker = self._echoes.popleft()
            others = any(name != first_worker and not worker.gone for name, worker in self.workers.items())
            if len(taken) < limit and (worker_id != first_worker or not others):
                self._echo_runs.add((job.id, worker_id))
                taken.append(job)
            else:
                self._echoes.append((job, first_worker))
        return taken

    def _offer(self, job: Job, *, in_front: bool = False) -> None:
        if in_front:
            self._waiting.appendleft(job.id)
        else:
            self._waiting.append(job.id)
        self._changes.offered = True

    def _begin_anew(self, job: Job) -> None:
        job.status, job.worker_id, job.started_at, job.output = Status.IN_QUEUE, None, None, None
        job.retries += 1
        self.counts["retried"] += 1
        self._keep(job)

    def _finish(self, job: Job, status: Status, now: float) -> None:
        job.status, job.finished_at = status, now
        self.counts[status] += 1
        self._changes.finished.append(job)
        self._keep(job)

    def _stop(self, job: Job) -> None:
        if job.status == Status.IN_PROGRESS and job.worker_id is not None:
            self._stops.setdefault(job.worker_id, []).append(job.id)
            self._changes.stopped.add(job.worker_id)

    def _forget(self, job: Job) -> None:
        del self.jobs[job.id]
        self._changes.kept.pop(job.id, None)
        self._changes.removed.add(job.id)

    def _keep(self, job: Job) -> None:
        self._changes.kept[job.id] = job
        heapq.heappush(self._timers, (job.due_at(), job.id))

    def _is_stale(self, timer: tuple[float, str]) -> bool:
        job = self.jobs.get(timer[1])
        return job is None or job.due_at() != timer[0]
