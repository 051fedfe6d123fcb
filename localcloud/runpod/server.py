"""RunPod serverless as one object that the supervisor starts, asks and stops."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.runpod import worker
from localcloud.runpod.http import answer_refusals
from localcloud.runpod.hub import Hub
from localcloud.runpod.public import PublicApi
from localcloud.runpod.webhooks import Webhooks
from localcloud.state import State

_MAX_BODY_BYTES = 32 * 1024 * 1024  # above both faces' own limits, so that they can refuse in their own words


class RunPodServer:
    """Listens on 127.0.0.1; clients must send `Authorization: Bearer {api_key}`. Base URL: http://127.0.0.1:{port}/v2"""

    def __init__(self, state: State, clock: Clock, faults: Faults, api_key: str, port: int = 0) -> None:
        self.port = port
        self._webhooks = Webhooks(clock, faults)
        self._hub = Hub(state, clock, on_finished=self._webhooks.announce)
        self._app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[answer_refusals])
        self._app.add_routes(worker.WorkerApi(self._hub, clock, faults).routes())
        self._app.add_routes(PublicApi(self._hub, clock, faults, api_key).routes())
        self._runner: web.AppRunner | None = None
        self._timekeeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; `port` is the real one from now on. Raises OSError if it is taken."""
        await self._webhooks.start()
        # A client that hangs up cancels its handler, so that no job is handed to a connection that is gone.
        self._runner = web.AppRunner(self._app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        self._timekeeper = asyncio.create_task(self._hub.keep_time(), name="runpod-timekeeper")

    async def stop(self) -> None:
        """Answer the long polls and stop. Jobs stay in the state."""
        self._hub.close()
        if self._timekeeper:
            self._timekeeper.cancel()
            await asyncio.gather(self._timekeeper, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()
        await self._webhooks.stop()

    def worker_environment(self, endpoint: str, worker_id: str) -> dict[str, str]:
        """The variables with which a process of the runpod SDK becomes this worker of this endpoint. After `start`."""
        if self._runner is None:
            raise RuntimeError("Start the server first: its port is part of the environment.")
        return worker.worker_environment(f"http://127.0.0.1:{self.port}", endpoint, worker_id)

    def has_worker(self, worker_id: str) -> bool:
        """Whether this worker has been heard from and is not lost."""
        return self._hub.has_worker(worker_id)

    def worker_lost(self, worker_id: str) -> None:
        """The worker's process has ended: what it was doing is queued again at once.

        Kill the whole process group: the SDK pings from a child process, which outlives a killed parent.
        """
        self._hub.worker_lost(worker_id)

    def depth(self) -> int:
        """Unfinished jobs of all endpoints, second deliveries by the duplicate fault included."""
        return self._hub.depth()
