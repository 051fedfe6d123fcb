"""Which web pages may call us from a browser: those of ALLOW_ORIGINS, to the letter. Nothing is sent with cookies."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from werkzeug.wrappers import Request, Response

_HEADERS = "Authorization, Content-Type, X-Firebase-AppCheck, X-Idempotency-Key, X-Request-Id, Last-Event-ID"
_SHOWN = "Retry-After, X-Request-Id, Location, Content-Disposition, X-Idempotent-Replay"


def is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def options(methods: Iterable[str]) -> Response:
    """The answer to any OPTIONS; to a browser it means nothing without the headers that `allow` adds."""
    return Response(status=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})


def allow(request: Request, response: Response, origins: Collection[str]) -> None:
    if not origins:
        return
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin not in origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    if is_preflight(request):
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    else:
        response.headers["Access-Control-Expose-Headers"] = _SHOWN
