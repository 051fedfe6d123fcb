"""What the identity services have in common over HTTP: Google's JSON errors, CORS, and 501 for what is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web
from aiohttp.web_exceptions import HTTPMethodNotAllowed, HTTPNotFound

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_WHOLE_NUMBER = re.compile(r"^-?[0-9]{1,19}$")
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 501: "UNIMPLEMENTED",
}  # fmt: skip


class ApiError(Exception):
    """Answered as {"error": {"code", "message", …}}. `message` begins with what SDKs look for, such as EMAIL_EXISTS."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def response(self) -> web.Response:
        document = {
            "error": {
                "code": self.status,
                "message": self.message,
                "errors": [{"message": self.message, "domain": "global", "reason": "invalid"}],
                "status": _STATUS_NAMES.get(self.status, "UNKNOWN"),
            }
        }
        return web.json_response(document, status=self.status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent; {} for no body at all."""
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise ApiError("Invalid JSON payload received.") from error
    if not isinstance(body, dict):
        raise ApiError("Invalid JSON payload received: it must be an object.")
    return body


def text_in(body: dict[str, Any], name: str) -> str | None:
    """An optional string field, None when absent; ApiError for anything else."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ApiError(f"Invalid value at '{name}': it must be a string.")
    return value


def texts_in(body: dict[str, Any], name: str) -> list[str]:
    """An optional field that holds strings; one string alone stands for a list of one."""
    value = body.get(name)
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise ApiError(f"Invalid value at '{name}': it must be a list of strings.")
    return values


def flag_in(body: dict[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(f"Invalid value at '{name}': it must be true or false.")
    return value


def number_in(body: dict[str, Any], name: str) -> int | None:
    """An optional int64 field, which Google's JSON writes as a number or as a string of digits."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.match(value):
        return int(value)
    raise ApiError(f"Invalid value at '{name}': it must be a whole number.")


class JsonServer:
    """An HTTP service on 127.0.0.1; `port` 0 takes a free one, read `port` after `start()`."""

    def __init__(self, service: str, port: int) -> None:
        self.port = port
        self._service = service
        self._runner: web.AppRunner | None = None

    def routes(self) -> Iterable[web.RouteDef]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(middlewares=[self._answer])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, shutdown_timeout=1.0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = _preflight(request) if request.method == "OPTIONS" else await handler(request)
        except ApiError as error:
            response = error.response()
        except (HTTPNotFound, HTTPMethodNotAllowed):
            what = f"{request.method} {request.path}"
            response = ApiError(f"{self._service} of the local cloud does not implement {what}.", 501).response()
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Vary"] = "Origin"
        return response


def _preflight(request: web.Request) -> web.Response:
    """Browsers ask before they send X-Client-Version and its like. Nothing here goes by cookies, so any origin may."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "*"),
            "Access-Control-Max-Age": "3600",
        },
    )
