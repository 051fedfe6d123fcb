"""Cloud Tasks as one object that the supervisor starts, asks and stops."""

from __future__ import annotations

from typing import Any

import grpc
from google.cloud import tasks_v2

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.state import State
from localcloud.tasks.broker import Broker
from localcloud.tasks.dispatcher import Dispatcher, MintToken
from localcloud.tasks.service import CloudTasksService


class TasksServer:
    """Listens on 127.0.0.1. `oidc(service_account_email, audience)` mints the JWT of tasks that ask for one."""

    def __init__(self, state: State, clock: Clock, faults: Faults, oidc: MintToken, port: int = 0) -> None:
        self.port = port
        self._broker = Broker(state, clock)
        self._dispatcher = Dispatcher(self._broker, clock, faults, oidc)
        self._service = CloudTasksService(self._broker, clock, faults)
        self._server: Any = None

    async def start(self) -> None:
        """Serve and dispatch; `port` is the real one from now on. Raises RuntimeError if it is taken."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._service,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()
        await self._dispatcher.start()

    async def stop(self) -> None:
        """Stop at once. Unfinished tasks stay in the state."""
        await self._dispatcher.stop()
        if self._server is not None:
            await self._server.stop(grace=None)

    def create_queue(self, queue: tasks_v2.Queue) -> None:
        """Make sure that the queue is there with these settings; repeating it does no harm. May precede `start`."""
        self._broker.declare_queue(tasks_v2.Queue.pb(queue))

    def depth(self) -> int:
        """Unfinished tasks of all queues, those that wait for their time or in a paused queue included."""
        return self._broker.depth()
