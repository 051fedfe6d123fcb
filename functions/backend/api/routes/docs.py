"""GET /docs (Swagger UI) · /redoc · /openapi.json: pages and scripts that ship with us; none come from elsewhere."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import msgspec
from werkzeug.wrappers import Response

from backend.api import openapi
from backend.api.routing import PUBLIC, Call, Routes
from jobs.errors import NotFound

routes = Routes("Documentation")
_FOLDER = Path(__file__).parents[1] / "documentation"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
# Redoc searches in a worker that it makes of a blob; both write their styles into the page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Storyvoice API</title>
{head}
<div id="page"></div>
{scripts}
"""
_written = threading.Lock()


@routes.get("/docs", doors=PUBLIC, answers={200: "text/html"})
def swagger(call: Call) -> Response:
    """The documentation, to try calls out in."""
    return _page('<link rel="stylesheet" href="docs/swagger-ui.css">', "swagger-ui-bundle.js", "swagger-start.js")


@routes.get("/redoc", doors=PUBLIC, answers={200: "text/html"})
def redoc(call: Call) -> Response:
    """The documentation, to read."""
    return _page("<style>body { margin: 0 }</style>", "redoc.standalone.js", "redoc-start.js")


@routes.get("/openapi.json", doors=PUBLIC, answers={200: "application/json"})
def openapi_json(call: Call) -> Response:
    """The documentation, for programs."""
    response = Response(_written_document(), content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@routes.get("/docs/<name>", doors=PUBLIC, answers={200: "text/javascript, text/css"})
def documentation_file(call: Call, name: str) -> Response:
    """A script or style of these pages."""
    plain, packed = _FOLDER / name, _FOLDER / f"{name}.gz"
    if "/" in name or plain.suffix not in _TYPES or not (packed.is_file() or plain.is_file()):
        raise NotFound("There is nothing at this path.")
    file = packed if packed.is_file() else plain
    response = Response(file.read_bytes(), content_type=_TYPES[plain.suffix])
    response.headers["Cache-Control"] = "public, max-age=86400"
    if file is packed:
        response.headers["Content-Encoding"] = "gzip"  # every browser takes it, and nobody else asks
    return response


@cache
def _document() -> bytes:
    from backend.api.routes import every_route  # noqa: PLC0415  (this file is among them)

    return msgspec.json.encode(openapi.document(every_route()))


def _written_document() -> bytes:
    with _written:  # some milliseconds of work, once
        return _document()


def _page(head: str, *scripts: str) -> Response:
    tags = "\n".join(f'<script src="docs/{name}"></script>' for name in scripts)
    response = Response(_PAGE.format(head=head, scripts=tags), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
