"""What every answer says to browsers beside its content: nothing is framed, sniffed, or kept by a cache unasked."""

from __future__ import annotations

from werkzeug.wrappers import Response

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# A route may say otherwise: the documentation's pages run scripts, and files of theirs may be kept.
_BY_DEFAULT = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
}


def secure(response: Response, request_id: str) -> None:
    response.headers.update(_ALWAYS)
    for name, value in _BY_DEFAULT.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = request_id
