"""`Authorization: Bearer …`, one token, as RFC 6750 writes it."""

from __future__ import annotations

import re

from werkzeug.wrappers import Request

from jobs.errors import Unauthenticated

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,8192})", re.IGNORECASE | re.ASCII)


def bearer(request: Request) -> str:
    """Raises Unauthenticated where there is no such header, or two."""
    found = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    if found is None:
        raise Unauthenticated("Authorization must be `Bearer` and a token.")
    return found[1]
