"""GPU workers on this machine: each a process of its own that runs what a container would on its platform."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from localcloud.fault_points import FaultPoints
from localcloud.processes import Child, ChildError
from localcloud.runpod import RunPodServer

log = logging.getLogger(__name__)
_READY_SECONDS = 60
_YOUNG_SECONDS = 2.0
_PAUSE_SECONDS = 2.0


class Platform(Protocol):
    """Where workers get their jobs from."""

    @property
    def module(self) -> str:
        """What a worker runs."""
        ...

    def worker_environment(self, worker_id: str) -> dict[str, str]:
        """What the platform sets in a new worker's environment."""
        ...

    def has_worker(self, worker_id: str) -> bool:
        """Whether it is ready for jobs."""
        ...

    def worker_lost(self, worker_id: str) -> None:
        """Its process has ended."""
        ...


class RunPodEndpoint:
    """The workers of one RunPod endpoint."""

    module = "gpu_job.handler"

    def __init__(self, runpod: RunPodServer, endpoint: str) -> None:
        self._runpod = runpod
        self._endpoint = endpoint
        self.has_worker = runpod.has_worker
        self.worker_lost = runpod.worker_lost

    def worker_environment(self, worker_id: str) -> dict[str, str]:
        return self._runpod.worker_environment(self._endpoint, worker_id)


class WorkerPool:
    """Keeps a number of workers alive: one that dies is replaced, as the platforms do."""

    def __init__(self, platform: Platform, run_dir: Path, fault_points: FaultPoints | None = None) -> None:
        self._platform = platform
        self._fault_points = fault_points
        self._run_dir = run_dir
        self._environment: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._children: dict[str, Child] = {}
        self._replacing: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def children(self) -> dict[str, Child]:
        """The workers that run now, by id."""
        return dict(self._children)

    async def start(self, count: int, environment: Mapping[str, str]) -> None:
        """Start the processes; `ready` waits for them."""
        self._environment = dict(environment)
        for _ in range(count):
            await self._add()

    async def ready(self) -> None:
        """Until every worker has loaded its engine and asks for jobs. Raises ChildError with the tail of its log."""
        for worker_id, child in list(self._children.items()):
            await child.wait_ready(partial(self._probe, worker_id), _READY_SECONDS)

    async def kill(self, worker_id: str) -> None:
        """SIGKILL, with everything that it has started. Another takes its place."""
        await self._children[worker_id].kill()

    async def terminate(self, worker_id: str, grace: float = 10.0) -> None:
        """SIGTERM, and SIGKILL to what is left after `grace` seconds. Another takes its place."""
        await self._children[worker_id].stop(grace)

    async def stop(self) -> None:
        self._stopping = True
        for task in self._replacing:
            task.cancel()
        await asyncio.gather(*self._replacing, return_exceptions=True)
        await asyncio.gather(*(child.stop(grace=2.0) for child in self._children.values()), return_exceptions=True)

    def is_ready(self, worker_id: str) -> bool:
        """Whether this worker has loaded its engine and can be given jobs."""
        return self._platform.has_worker(worker_id)

    async def _probe(self, worker_id: str) -> bool:
        return self.is_ready(worker_id)

    async def _add(self) -> None:
        worker_id = f"worker-{next(self._numbers)}"
        through = ["localcloud.process_faults"] if self._fault_points else []
        asking = self._fault_points.environment("worker", worker_id) if self._fault_points else {}
        child = Child(
            worker_id,
            [sys.executable, "-P", "-m", *through, self._platform.module],
            env={**self._environment, **self._platform.worker_environment(worker_id), **asking},
            log=self._run_dir / f"{worker_id}.log",
            on_exit=partial(self._ended, worker_id, asyncio.get_running_loop().time()),
        )
        self._children[worker_id] = child
        await child.start()

    def _ended(self, worker_id: str, started: float, status: int) -> None:
        self._children.pop(worker_id, None)
        self._platform.worker_lost(worker_id)
        if self._stopping:
            return
        log.warning("%s ended with status %d; another takes its place", worker_id, status)
        young = asyncio.get_running_loop().time() - started < _YOUNG_SECONDS
        task = asyncio.create_task(self._replace(_PAUSE_SECONDS if young else 0.0))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            await self._add()
        except ChildError:
            log.exception("no worker could be started")
