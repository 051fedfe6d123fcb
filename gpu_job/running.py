"""Jobs in threads, asked for from an event loop: what RunPod's handler and the HTTP server have in common.

The loop stays free while a job runs, so that pings, health checks and stop signals are answered meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from gpu_job.worker import Worker


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The `input` that backend/gpu.py submits. All else about the job is in Firestore."""

    job_id: str
    attempt: int


class Jobs:
    """The jobs of one worker, at most `concurrency` at a time. For use on one event loop."""

    def __init__(self, worker: Worker, concurrency: int) -> None:
        self._worker = worker
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="job")
        self._running: dict[Future[str], threading.Event] = {}

    @property
    def busy(self) -> bool:
        """Whether one job more would have to wait. A job that was told to stop counts until its thread is free."""
        return len(self._running) >= self._concurrency

    async def run(self, wanted: Attempt) -> str:
        """Work on one attempt. Returns the outcome and raises as Worker.run does.

        Cancelled, it tells the thread to hand the job back and does not wait for it.
        """
        stop = threading.Event()
        running = self._threads.submit(self._worker.run, wanted.job_id, wanted.attempt, stop)
        self._running[running] = stop
        running.add_done_callback(self._running.pop)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            stop.set()
            raise

    def stop(self) -> None:
        """Have every job handed back, so that another worker can take it at once."""
        for stop in list(self._running.values()):
            stop.set()
