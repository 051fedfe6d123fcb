"""What both faces share: refusals, faults, and cutting a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults

ENDPOINT = "{endpoint:[A-Za-z0-9_-]+}"


class RefusedError(Exception):
    """The call is answered with this HTTP status and {"error": message}."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@web.middleware
async def answer_refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        return web.json_response({"error": refused.message}, status=refused.status)


async def strike(point: str, faults: Faults, clock: Clock) -> Fault | None:
    """The fault that strikes here. Refusals, delays and hanging are carried out already; the rest is the caller's."""
    fault = faults.at(point)
    if fault and fault.status:
        raise RefusedError(fault.status, f"A fault was asked for at {point}.")
    if fault and fault.action == "delay":
        await clock.sleep(fault.seconds)
    if fault and fault.action == "hang":
        await asyncio.get_running_loop().create_future()  # until the client gives up, which cancels us
    return fault


def cut(request: web.Request) -> web.Response:
    """Close the connection under the client; the response is for aiohttp only, nobody gets it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
