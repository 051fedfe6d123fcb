"""Answers: shapes as JSON, errors as {"detail", "code", "retryable"} with the status that HTTP has for them."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from msgspec import Struct
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from backend.api.routing import Reply, Route
from jobs.config import SettingError
from jobs.errors import Internal, StoryvoiceError

log = logging.getLogger(__name__)
JSON = "application/json"
RETRY_SECONDS = 2  # where nobody knows better

STATUS = {
    "invalid_argument": 400,
    "failed_precondition": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "already_exists": 409,
    "aborted": 409,
    "cancelled": 409,
    "resource_exhausted": 429,
    "internal": 500,
    "unavailable": 503,
    "deadline_exceeded": 504,
}
# What werkzeug itself finds wrong with a request, in our words.
_HTTP_ERRORS = {
    400: ("invalid_argument", "This request cannot be read."),
    404: ("not_found", "There is nothing at this path."),
    405: ("invalid_argument", "This path has no such method."),
    411: ("invalid_argument", "The length of the body is missing."),
    413: ("invalid_argument", "This is too large."),
    415: ("invalid_argument", "A body of this type cannot be taken here."),
}


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every error. `detail` is a sentence for people, `code` a google.rpc name; `retryable`: the same call may work
    later, after `retry_after_seconds` where they are given (also as Retry-After)."""

    detail: str
    code: str
    retryable: bool
    retry_after_seconds: int | None = None


def answer(route: Route, said: Any) -> Response:
    """What a handler returned, as a response."""
    if isinstance(said, Response):
        return said
    reply = said if isinstance(said, Reply) else Reply(said, next(iter(route.answers)))
    if reply.content is None:
        return Response(status=reply.status, headers=dict(reply.headers))
    body = msgspec.json.encode(reply.content)
    return Response(body, reply.status, dict(reply.headers), content_type=JSON)


def problem(error: Exception) -> Response:
    """What went wrong, as a response. Nothing of a foreign error's words reaches the caller."""
    if isinstance(error, HTTPException):
        return _http_problem(error)
    if isinstance(error, SettingError):
        log.error("the api is not set up: %s", error.message)
        error = Internal("This service is not set up correctly.")
    elif not isinstance(error, StoryvoiceError):
        log.error("a request failed", exc_info=error)
        error = Internal("Something went wrong on our side. Please try again.")
    status = STATUS[error.code]
    after: int | None = getattr(error, "retry_after_seconds", None)
    if status == 503:
        after = RETRY_SECONDS
    said = Problem(detail=error.message, code=error.code, retryable=error.retryable, retry_after_seconds=after)
    response = Response(msgspec.json.encode(said), status, content_type=JSON)
    if after is not None:
        response.headers["Retry-After"] = str(after)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_problem(error: HTTPException) -> Response:
    status = error.code if error.code in _HTTP_ERRORS else 400
    code, detail = _HTTP_ERRORS[status]
    said = Problem(detail=detail, code=code, retryable=False)
    response = Response(msgspec.json.encode(said), status, content_type=JSON)
    valid = getattr(error, "valid_methods", None)
    if valid:
        response.headers["Allow"] = ", ".join(sorted(valid))
    return response
