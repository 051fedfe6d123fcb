"""The container behind plain HTTP, as on Cloud Run GPU: a Cloud Tasks queue posts attempts, a Worker does them.

    POST /run {"input": {"job_id", "attempt"}}     answered when the attempt is over
    GET  /health                                   200 from the moment at which the engine has spoken

Whoever gets here may: the platform has checked the queue's OIDC token. What Cloud Tasks makes of the answers:

    200 {"outcome"}   the task is done, however the attempt ended: what follows is in Firestore
    200 {"error"}     likewise: a body that cannot be read will not be readable the next time
    429               this worker is busy; tried again, and the whole queue slows down, for it sends more than the GPUs
                      can take. (The platform answers so itself where it keeps to one request an instance.)
    500               Firestore cannot be reached; tried again. Not 503, which would slow the queue down, too
    none              the worker died; tried again, and the claim decides whether that is still of use

The platform gives a container 10 seconds between SIGTERM and SIGKILL:

    0 s    SIGTERM ▸ no more connections ▸ every job is told to stop
    1 s    the lease's thread hands the job back, even if the engine is in the middle of a piece (gpu_job/lease.py)
    8 s    at the latest: the answers are out, or given up. A task that was not answered comes again, and is refused
"""

from __future__ import annotations

import logging
import os

import msgspec
from aiohttp import web

from gpu_job.assembled import make_worker
from gpu_job.memory import limit_heaps
from gpu_job.running import Attempt, Jobs
from gpu_job.settings import Settings
from jobs import logs
from jobs.config import load
from jobs.errors import StoryvoiceError

log = logging.getLogger("gpu_job.server")
_MAX_BODY_BYTES = 100_000  # more than a task can hold
_SHUTDOWN_SECONDS = 8.0


class Body(msgspec.Struct, frozen=True, kw_only=True):
    input: Attempt


class Server:
    """The two calls, over a worker's jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def application(self) -> web.Application:
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        application.add_routes([web.post("/run", self._run), web.get("/health", self._health)])
        application.on_shutdown.append(self._hand_back)
        return application

    async def _run(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=Body).input
        except msgspec.DecodeError:
            log.exception("a task without job_id and attempt")
            return web.json_response({"error": "The body must hold input.job_id and input.attempt."})
        if self._jobs.busy:
            return web.json_response({"error": "This worker is busy."}, status=429)
        try:
            return web.json_response({"outcome": await self._jobs.run(wanted)})
        except StoryvoiceError as error:
            log.warning("given back: %s", error.code, exc_info=True)
            return web.json_response({"error": error.message}, status=500)

    async def _health(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok", "busy": self._jobs.busy})

    async def _hand_back(self, application: web.Application) -> None:
        """At SIGTERM, when nobody can connect any more; the answers that are under way are waited for after this."""
        del application
        self._jobs.stop()


def main() -> None:
    logs.configure()
    limit_heaps()
    settings = load(Settings, os.environ)
    worker = make_worker(settings, os.environ)
    worker.engine.warm_up()  # before there is a port to send jobs to
    server = Server(Jobs(worker, settings.concurrency))
    web.run_app(
        server.application(),
        host="0.0.0.0",  # noqa: S104  (the platform's proxy is outside the container)
        port=settings.port,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
