"""What the routes of voices, stories and sound have in common: webhooks, times, files as answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from backend import webhooks
from backend.api.routing import Call, Door
from jobs.errors import PermissionDenied

SOUND = "audio/*"
POLL_SECONDS = 2  # for Retry-After, while something is being made


def webhook_of(call: Call, url: str | None) -> str:
    """The URL to call, empty for none. Only who can verify the signature may have it. Raises PermissionDenied,
    InvalidArgument."""
    if url is None:
        return ""
    if call.principal is None or call.principal.door is not Door.HMAC:
        raise PermissionDenied("`webhook_url` is for internal services, which can verify its signature.")
    return webhooks.checked(url, call.services.settings())


def sound(call: Call, key: str) -> Response:
    """An object of the bucket as the answer, or the part of it that was asked for by Range."""
    found = call.services.objects().open(key, call.request.headers.get("Range", ""))
    response = Response(found.blocks, found.status, found.headers, direct_passthrough=True)
    response.headers["Accept-Ranges"] = "bytes"
    response.call_on_close(found.close)
    return response


def link(call: Call, key: Any) -> str | None:
    """A signed URL of the user's own file, where there is one."""
    own = isinstance(key, str) and key.split("/")[1:2] == [call.user_id]
    return call.services.links().url(key) if own else None


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


def epoch(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment is not None else 0
