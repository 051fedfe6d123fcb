"""Every route of the API: what is served, what /openapi.json lists, and what tests walk through."""

from __future__ import annotations

from backend.api.routing import Route


def every_route() -> list[Route]:
    # With what they do: nothing of it is loaded before the first request.
    from backend.api.routes import auth, docs, health, jobs, synthesis, tts, voices  # noqa: PLC0415

    return [route for each in (health, auth, voices, tts, synthesis, jobs, docs) for route in each.routes.all]
