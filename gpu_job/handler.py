"""The container on RunPod serverless: the unmodified SDK takes jobs, a Worker does them.

What is returned says only how it ended: the result is in Firestore before this returns, and an exception's traceback
would be published by the SDK.

    stop signal   the job was cancelled, or is out of time: the SDK cancels the coroutine, and the job is handed back
    SIGTERM       the worker has to go: the SDK would wait for its jobs until it is killed; here they are handed back
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from types import FrameType
from typing import Any

import msgspec
import runpod

from gpu_job.assembled import make_worker
from gpu_job.engines.protocol import Engine
from gpu_job.memory import limit_heaps
from gpu_job.running import Attempt, Jobs
from gpu_job.settings import Settings
from jobs import logs
from jobs.config import load
from jobs.errors import StoryvoiceError

log = logging.getLogger("gpu_job.handler")


class Handler:
    """RunPod's handler over a worker's jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._listens = False

    async def __call__(self, job: dict[str, Any]) -> dict[str, Any]:
        self._hand_back_at_sigterm()
        try:
            wanted = msgspec.convert(job.get("input"), Attempt)
        except msgspec.ValidationError:
            log.exception("input without job_id and attempt")
            return {"error": "The input must hold job_id and attempt."}
        try:
            return {"outcome": await self._jobs.run(wanted)}
        except StoryvoiceError as error:
            log.warning("given back: %s", error.code, exc_info=True)
            return {"error": error.message}

    def _hand_back_at_sigterm(self) -> None:
        """From the first job on: only then has the SDK set a handler of its own, which still runs."""
        if self._listens:
            return
        self._listens = True
        loop = asyncio.get_running_loop()
        then: Any = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._jobs.stop)  # a signal may come while this thread holds any lock
            if callable(then):
                then(number, frame)

        signal.signal(signal.SIGTERM, stop)


def register_fitness(engine: Engine) -> None:
    """Have the SDK ask for a spoken word before it takes a job: a worker whose engine, weights or GPU are not in order
    reports that to RunPod and ends, instead of failing jobs."""

    def engine_speaks() -> None:
        try:
            engine.warm_up()
        except Exception:
            log.exception("not fit for work")  # the SDK prints a message alone, and ends the process
            raise

    runpod.serverless.register_fitness_check(engine_speaks)


def main() -> None:
    logs.configure()
    limit_heaps()
    settings = load(Settings, os.environ)
    worker = make_worker(settings, os.environ)
    register_fitness(worker.engine)
    handler = Handler(Jobs(worker, settings.concurrency))
    runpod.serverless.start({"handler": handler.__call__, "concurrency_modifier": lambda _: settings.concurrency})


if __name__ == "__main__":
    main()
