"""Internal services sign their requests with the shared secret:

    hex(HMAC-SHA256(secret, method + "\\n" + path + "\\n" + timestamp + "\\n" + body))

`path` has the query if there is one (`/jobs?user_id=u1`), so that nobody can put another user into a signed request.
`timestamp` is in milliseconds. A signature works once: backend.api.idempotency binds it to its X-Idempotency-Key.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable

from werkzeug.wrappers import Request

from backend.api.principal import Principal
from backend.api.reading import ACTING_FOR, user_in_body
from backend.api.routing import Door, Route
from backend.settings import ApiSettings
from jobs import keys
from jobs.errors import InvalidArgument, Unauthenticated

_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class HmacDoor:
    def __init__(self, settings: ApiSettings, now: Callable[[], float] = time.time) -> None:
        """`now`: seconds since 1970."""
        self._secret = settings.shared_secret.encode()
        self._skew = settings.hmac_skew_seconds
        self._nobody = settings.hmac_user
        self._now = now

    def enter(self, route: Route, request: Request) -> Principal:
        """Raises Unauthenticated; InvalidArgument when two users are named, or none that can be."""
        timestamp = request.headers.get("X-Daezend-Timestamp", "")
        signature = request.headers.get("X-Daezend-Signature", "").lower()
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            raise Unauthenticated("X-Daezend-Timestamp or X-Daezend-Signature is missing, or not of the right form.")
        if abs(self._now() - int(timestamp) / 1000) > self._skew:
            raise Unauthenticated("X-Daezend-Timestamp is too far from our clock.")
        if not hmac.compare_digest(self._signature(request, timestamp), signature):
            raise Unauthenticated("X-Daezend-Signature does not match this request.")
        return Principal(self._acting_for(request), Door.HMAC, signature)

    def _signature(self, request: Request, timestamp: str) -> str:
        message = f"{request.method}\n{signed_path(request)}\n{timestamp}\n".encode() + request.get_data()
        return hmac.digest(self._secret, message, "sha256").hex()

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


def signed_path(request: Request) -> str:
    """As the caller wrote it, below wherever the function is mounted: the platform has taken that away already."""
    query = request.query_string.decode("latin-1")
    return f"{request.path}?{query}" if query else request.path
