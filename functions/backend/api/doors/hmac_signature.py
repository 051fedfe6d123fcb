"""Internal services sign their requests (backend.signing), and say in them for which user they act.

The query is signed with the path (`/jobs?user_id=u1`), so that nobody can put another user into a signed request. A
signature works once: backend.api.idempotency binds it to its X-Idempotency-Key.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from urllib.parse import quote

from werkzeug.wrappers import Request

from backend.api.principal import Principal
from backend.api.reading import ACTING_FOR, user_in_body
from backend.api.routing import Door, Route
from backend.settings import ApiSettings
from backend.signing import signature
from jobs import keys
from jobs.errors import InvalidArgument, Unauthenticated

_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
_SPELT_AS_IT_IS = "/:@!$&'()*+,;=~"
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class HmacDoor:
    def __init__(self, settings: ApiSettings, now: Callable[[], float] = time.time) -> None:
        """`now`: seconds since 1970."""
        self._secret = settings.shared_secret
        self._skew = settings.hmac_skew_seconds
        self._nobody = settings.hmac_user
        self._now = now

    def enter(self, route: Route, request: Request) -> Principal:
        """Raises Unauthenticated; InvalidArgument when two users are named, or none that can be."""
        timestamp = request.headers.get("X-Daezend-Timestamp", "")
        given = request.headers.get("X-Daezend-Signature", "").lower()
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(given):
            raise Unauthenticated("X-Daezend-Timestamp or X-Daezend-Signature is missing, or not of the right form.")
        if abs(self._now() - int(timestamp) / 1000) > self._skew:
            raise Unauthenticated("X-Daezend-Timestamp is too far from our clock.")
        if not any(hmac.compare_digest(each, given) for each in self._signatures(request, timestamp)):
            raise Unauthenticated("X-Daezend-Signature does not match this request.")
        return Principal(self._acting_for(request), Door.HMAC, given)

    def _signatures(self, request: Request, timestamp: str) -> list[str]:
        """Those that are right: of the path as a person reads it, and as a URL spells it (`/a b`, `/a%20b`)."""
        return [
            signature(self._secret, request.method, _with_query(request, path), timestamp, request.get_data())
            for path in dict.fromkeys((request.path, quote(request.path, safe=_SPELT_AS_IT_IS)))
        ]

    def _acting_for(self, request: Request) -> str:
        """The user that the query or the body names."""
        in_query, in_body = request.args.getlist(ACTING_FOR), user_in_body(request)
        named = {*in_query, *([in_body] if in_body is not None else [])} or {self._nobody}
        if len(named) > 1:
            raise InvalidArgument("The request names more than one `user_id`.")
        user_id = named.pop()
        if not keys.is_id(user_id):
            raise InvalidArgument("`user_id` must be an id of letters, digits, _ and -.")
        return user_id


def target(request: Request) -> str:
    """Path and query, below wherever the function is mounted: the platform has taken that away already."""
    return _with_query(request, request.path)


def _with_query(request: Request, path: str) -> str:
    query = request.query_string.decode("latin-1")
    return f"{path}?{query}" if query else path
