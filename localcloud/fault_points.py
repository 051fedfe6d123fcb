"""Decides, for every process at every named point, whether it dies there, stands still, or has its clock set wrong.

    child   visit worker.claim.after ──▶ rule? ── crash ──▶ counted; it is killed while it waits for the answer
                                                 delay=S ─▶ it stands still for S seconds, as in a long collection
            (with each visit) clock.worker ── skew=S ────▶ its clock is S seconds from the true one until told otherwise

The children's side is localcloud/process_faults.py.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable

from aiohttp import web

from localcloud.faults import Faults
from localcloud.process_faults import ADDRESS_VARIABLE, PROCESS_VARIABLE

log = logging.getLogger(__name__)


class FaultPoints:
    """`kill` ends the process of a kind and an id, all of it, and returns when it is dead."""

    def __init__(self, faults: Faults, kill: Callable[[str, str], Awaitable[None]]) -> None:
        self._faults = faults
        self._kill = kill
        self._skews: dict[str, float] = defaultdict(float)
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        application = web.Application()
        application.add_routes([web.get("/visit", self._visit)])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def environment(self, kind: str, process_id: str) -> dict[str, str]:
        """For a process of this kind (`functions`, `worker`), so that it asks here."""
        return {ADDRESS_VARIABLE: f"127.0.0.1:{self._port}", PROCESS_VARIABLE: f"{kind}/{process_id}"}

    def set_clocks_right(self) -> None:
        """Every process learns of it with its next visit."""
        self._skews.clear()

    async def _visit(self, request: web.Request) -> web.Response:
        process = request.query["process"]
        kind, _, process_id = process.partition("/")
        clock = self._faults.at(f"clock.{kind}")
        if clock and clock.action == "skew":
            self._skews[process] = clock.seconds
        point = f"{kind}.{request.query['point']}"
        fault = self._faults.at(point)
        if fault and fault.action not in {"crash", "delay"}:
            log.warning("The fault %s means nothing at %s.", fault.action, point)
            fault = None
        if fault and fault.action == "crash":
            await self._kill(kind, process_id)
        return web.json_response({"seconds": fault.seconds if fault else 0.0, "skew": self._skews[process]})
