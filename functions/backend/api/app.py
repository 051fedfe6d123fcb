"""The HTTP face: every route of both seeds, in one function. Built at the first request, then shared by all threads.

    address's limit ─▶ route ─▶ length ─▶ door ─▶ principal's limit ─▶ what it says ─▶ idempotency ─▶ handler

A request that fails costs no more than the steps before it: nobody unknown makes us read a body or the database.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from functools import cache

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from backend import quotas
from backend.api import answering, cors, headers, limits, reading
from backend.api.accounts import Accounts
from backend.api.doors import Doors
from backend.api.idempotency import Idempotency
from backend.api.routes import every_route
from backend.api.routing import Call, Route
from backend.services import Services, services
from jobs.config import SettingError
from jobs.errors import StoryvoiceError

log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class App:
    """Thread-safe."""

    def __init__(self, services: Services, routes: Iterable[Route]) -> None:
        self.services = services
        self.routes = list(routes)
        rules = [Rule(route.path, methods=[route.method], endpoint=route) for route in self.routes]
        self._map = Map(rules, strict_slashes=True, merge_slashes=False, redirect_defaults=False)
        settings = services.api_settings()
        self._origins, self._proxies = frozenset(settings.allow_origins), settings.proxies
        self._addresses = limits.AddressLimit(settings.address_per_minute, services.store().clock)
        self._accounts = Accounts(services) if settings.jwt else None
        self._doors = Doors(settings, self._accounts)
        self._idempotency = Idempotency(services)

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises."""
        began = time.monotonic()
        request_id = _request_id(request)
        response, route = self._respond(request, request_id)
        cors.allow(request, response, self._origins)
        headers.secure(response, request_id)
        fields = {"status": response.status_code, "seconds": round(time.monotonic() - began, 4)}
        log.info("%s %s", route.name if route else request.method, request_id, extra=fields)
        return response

    def _respond(self, request: Request, request_id: str) -> tuple[Response, Route | None]:
        route: Route | None = None
        try:
            address = limits.address_of(request, self._proxies)
            self._addresses.charge(address)
            if request.method == "OPTIONS":
                return cors.options(self._methods(request)), None
            route, path = self._match(request)
            return self._run(Call(self.services, request, route, request_id, address, self._accounts), path), route
        except (StoryvoiceError, HTTPException) as error:
            return answering.problem(error), route
        except Exception as error:  # noqa: BLE001  (logged with its stack, and said in our words)
            return answering.problem(error), route

    def _run(self, call: Call, path: dict[str, str]) -> Response:
        route = call.route
        reading.check_length(route, call.request)
        with reading.room_for(route, call.request):
            return self._enter(call, path)

    def _enter(self, call: Call, path: dict[str, str]) -> Response:
        route = call.route
        call.principal = self._doors.enter(route, call.request)
        self._charge(call)
        arguments = reading.arguments(route, call.request, path)

        def act() -> Response:
            response = answering.answer(route, route.handle(call, **arguments))
            response.headers.extend(call.reply_headers)
            return response

        return self._idempotency.once(call, act)

    def _charge(self, call: Call) -> None:
        if call.principal is not None:
            quotas.charge_call(
                self.services.store(),
                self.services.settings(),
                call.principal.user_id,
                even_if_closed=call.route.even_if_closed,
            )

    def _match(self, request: Request) -> tuple[Route, dict[str, str]]:
        """Raises werkzeug's NotFound and MethodNotAllowed."""
        route, path = self._map.bind_to_environ(request.environ).match()
        return route, dict(path)

    def _methods(self, request: Request) -> list[str]:
        """Raises werkzeug's NotFound."""
        adapter = self._map.bind_to_environ(request.environ)
        found = list(adapter.allowed_methods())
        if not found:
            raise NotFound
        return found


def _request_id(request: Request) -> str:
    """The caller's own, where it has a harmless form, so that it finds its call in our log."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def handle(request: Request) -> Response:
    """Answer one request of this process's api, which the first one builds. Never raises."""
    try:
        built = _app()
    except SettingError as error:
        response = answering.problem(error)
        headers.secure(response, _request_id(request))
        return response
    return built.handle(request)


@cache
def _app() -> App:
    return App(services(), every_route())
