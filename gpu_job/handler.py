"""The container on RunPod serverless: the unmodified SDK takes jobs, a Worker does them.

Handlers are asynchronous and the work runs in threads, so that pings and stop signals are heard meanwhile. What is
returned says only how it ended: the result is in Firestore before this returns, and an exception's traceback would be
published by the SDK.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import runpod

from gpu_job.assembled import make_worker
from gpu_job.memory import limit_heaps
from gpu_job.settings import Settings
from gpu_job.worker import Worker
from jobs import logs
from jobs.config import load
from jobs.errors import StoryvoiceError

log = logging.getLogger("gpu_job.handler")


class Handler:
    """RunPod's handler over a worker. A stop signal cancels the coroutine, which tells the thread."""

    def __init__(self, worker: Worker, concurrency: int) -> None:
        self._worker = worker
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="job")

    async def __call__(self, job: dict[str, Any]) -> dict[str, Any]:
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            wanted = job["input"]
            job_id, attempt = str(wanted["job_id"]), int(wanted["attempt"])
            outcome = await loop.run_in_executor(self._threads, self._worker.run, job_id, attempt, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        except StoryvoiceError as error:
            log.warning("given back: %s", error.code, exc_info=True)
            return {"error": error.message}
        except (KeyError, TypeError, ValueError):
            log.exception("input without job_id and attempt")
            return {"error": "The input must hold job_id and attempt."}
        return {"outcome": outcome}


def main() -> None:
    logs.configure()
    limit_heaps()
    settings = load(Settings, os.environ)
    worker = make_worker(settings, os.environ)
    worker.engine.warm_up()
    handler = Handler(worker, settings.concurrency)
    runpod.serverless.start({"handler": handler.__call__, "concurrency_modifier": lambda _: settings.concurrency})


if __name__ == "__main__":
    main()
