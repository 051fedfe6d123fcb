"""Firebase Cloud Messaging over HTTP v1: one message to one device.

Not by firebase_admin.messaging, whose address cannot be set, and whose import costs every cold start more than this.
Source: the REST reference of FCM HTTP v1 (projects.messages.send) and its page of error codes.

    FCM says                                              it is
    UNREGISTERED                                          a dead token: the app was removed, or has another one now
    INVALID_ARGUMENT, and it is the token's               a dead token: it never was one
    429, 5xx, no answer                                   Unavailable: it may be sent later
    anything else (a wrong APNs key, no permission, …)    FailedPrecondition: somebody has to set it right
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx

from backend.settings import Settings
from jobs.errors import FailedPrecondition, Unavailable

log = logging.getLogger(__name__)
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)


class Fcm:
    """Sends for one project. Thread-safe. `access` gives an access token."""

    def __init__(self, settings: Settings, access: Callable[[], str]) -> None:
        self._url = f"{settings.fcm_endpoint.rstrip('/')}/v1/projects/{settings.project}/messages:send"
        self._access = access
        self._http = httpx.Client(timeout=_TIMEOUT)

    def send(self, message: dict[str, Any]) -> bool:
        """Hand a message over to be delivered. False: its token is dead and will never be good again.

        Raises Unavailable, FailedPrecondition. What is not answered may have been sent.
        """
        headers = {"Authorization": f"Bearer {self._access()}"}
        try:
            response = self._http.post(self._url, json={"message": message}, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable("The push service cannot be reached at the moment.") from error
        if response.status_code == 200:
            return True
        if response.status_code == 429 or response.status_code >= 500:
            raise Unavailable("The push service is not answering as it should at the moment.")
        refusal = _refusal(response)
        if _is_dead(refusal):
            return False
        code = _code(refusal) or str(refusal.get("status", ""))
        log.error("the push service refuses us", extra={"status": response.status_code, "code": code})
        raise FailedPrecondition(
            "The push service refuses us: check that FCM and its keys for each platform are set up."
        )


def _refusal(response: httpx.Response) -> dict[str, Any]:
    try:
        refusal = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return refusal if isinstance(refusal, dict) else {}


def _is_dead(refusal: dict[str, Any]) -> bool:
    """INVALID_ARGUMENT is said of a message of ours that is wrong, too, which is no fault of the device's."""
    code = _code(refusal)
    if code != "INVALID_ARGUMENT":
        return code == "UNREGISTERED"
    violations = [each for detail in _details(refusal) for each in _objects(detail.get("fieldViolations"))]
    if violations:
        return any(each.get("field") == "message.token" for each in violations)
    return "registration token" in str(refusal.get("message")).lower()


def _code(refusal: dict[str, Any]) -> str:
    return next((str(detail["errorCode"]) for detail in _details(refusal) if "errorCode" in detail), "")


def _details(refusal: dict[str, Any]) -> list[dict[str, Any]]:
    return _objects(refusal.get("details"))


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
