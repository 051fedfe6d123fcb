"""A route: method, path, who may take it, what it takes and gives. One declaration serves, validates and documents it.

    routes = Routes("Voices")

    @routes.post("/api/voices/clone", doors=INTERNAL, answers={202: Queued}, costs="clone", max_body=AUDIO_BODY)
    def clone(call: Call, body: CloneVoice) -> Queued:
        "First line: the summary. The rest: the description."

What a handler's parameters are called says where they come from, and their types are what is validated and what
/openapi.json says: `body` (JSON), `form` (multipart, or JSON where the route says so), `query`, and the names in the
path. It returns what the first of `answers` says, a Reply for another status, or a werkzeug Response.

Why no framework: APIFlask and flask-openapi3 cost a cold start 0.14 s each for a second validation library, FastAPI
0.4 s. spectree (0.01 s) can use msgspec, but doors, limits and errors would still be declared somewhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from msgspec import Struct
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from backend.api.principal import Principal
from backend.services import Services
from jobs import keys

if TYPE_CHECKING:
    from backend.api.accounts import Accounts

Handler = TypeVar("Handler", bound=Callable[..., Any])
# What an answer's body is: a shape (JSON), a media type (a file, a page, a stream), or nothing.
Content = type[Struct] | str | None
Costs = Literal["", "clone", "narrate"]

KILOBYTE, MEGABYTE = 2**10, 2**20
JSON_BODY = MEGABYTE  # a story of the longest text that we take, however it is escaped
AUDIO_BODY = keys.MAX_RECORDING_BYTES * 4 // 3 + JSON_BODY  # 50 MB in base64, or in a form
PROFILE_BODY = 10 * MEGABYTE * 4 // 3 + JSON_BODY


class Door(StrEnum):
    """The ways in. A callable's context is the fourth; it does not lead here."""

    FIREBASE = "firebase"
    JWT = "jwt"
    HMAC = "hmac"


PUBLIC: frozenset[Door] = frozenset()
CLIENTS = frozenset({Door.FIREBASE, Door.JWT, Door.HMAC})
USERS = frozenset({Door.FIREBASE, Door.JWT})
INTERNAL = frozenset({Door.HMAC})


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """`doors`: who may come in; none: everybody. `costs`: what it makes, which admission charges; such a route also
    asks whether a sign-in was revoked. `examples`: bodies for the documentation, by title. `max_body` in bytes.
    `even_if_closed`: also for an account that is being deleted.
    """

    method: str
    path: str
    handle: Callable[..., Any]
    tag: str
    doors: frozenset[Door]
    answers: Mapping[int, Content]
    costs: Costs
    max_body: int
    examples: Mapping[str, Any]
    even_if_closed: bool
    parameters: Mapping[str, Any]  # of the handler, after the call: name to type

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def path_names(self) -> list[str]:
        return [name for name in self.parameters if name not in ("body", "form", "query")]

    @property
    def changes(self) -> bool:
        """Whether it does something: then an idempotency key makes sure that it does it once."""
        return self.method in ("POST", "DELETE")


@dataclass
class Reply:
    """An answer other than the usual one of its route."""

    content: Struct | None
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request, as far as it has come: matched, let in, charged."""

    services: Services
    request: Request
    route: Route
    request_id: str
    address: str
    accounts: Accounts | None  # None: log-in with a password is switched off
    principal: Principal | None = None
    idempotency_key: str = ""
    reply_headers: Headers = field(default_factory=Headers)

    @property
    def user_id(self) -> str:
        """For whom. A route without doors has nobody, and may not ask."""
        if self.principal is None:
            raise TypeError(f"{self.route.name} lets everybody in: it has no user")
        return self.principal.user_id

    def new_id(self) -> str:
        """For what the call makes: with an idempotency key the same for the same call, so that one which died in the
        middle goes on instead of beginning anew."""
        if not self.idempotency_key:
            return keys.random_id()
        return keys.derived_id(self.route.name, self.user_id, self.idempotency_key)


class Routes:
    """The routes of one file, in the order in which the documentation shows them."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.all: list[Route] = []

    def get(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("GET", path, **declared)

    def post(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("POST", path, **declared)

    def delete(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, **declared)

    def _add(
        self,
        method: str,
        path: str,
        *,
        doors: frozenset[Door],
        answers: Mapping[int, Content],
        costs: Costs = "",
        max_body: int = JSON_BODY,
        examples: Mapping[str, Any] | None = None,
        even_if_closed: bool = False,
    ) -> Callable[[Handler], Handler]:
        def add(handle: Handler) -> Handler:
            route = Route(
                method=method,
                path=path,
                handle=handle,
                tag=self._tag,
                doors=doors,
                answers=answers,
                costs=costs,
                max_body=max_body,
                examples=examples or {},
                even_if_closed=even_if_closed,
                parameters=_parameters(handle),
            )
            self.all.append(route)
            return handle

        return add


def _parameters(handle: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(handle, include_extras=True)
    return {name: hints[name] for name in list(inspect.signature(handle).parameters)[1:]}
