"""Every route of the API: what is served, what /openapi.json lists, and what tests walk through."""

from __future__ import annotations

from backend.api.routing import Route


def every_route() -> list[Route]:
    from backend.api.routes import health  # noqa: PLC0415  (with what they do: nothing of it before the first request)

    return [route for each in (health,) for route in each.routes.all]
