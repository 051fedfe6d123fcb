"""Firebase Cloud Messaging on one machine: `messages:send` of HTTP v1, with its answers, to devices that are tokens.

    the SDK in an app      POST   /local/registrations            a token, as fcmregistrations.googleapis.com gives one
    the app is removed     DELETE /local/registrations/{token}    from now on UNREGISTERED
    our functions          POST   /v1/projects/{project}/messages:send
    whoever looks          GET    /local/messages?token={token}   what the device would have shown, oldest first

Whoever sends needs an access token, which is not looked at further. Faults: `fcm.send` STATUS, delay=S, or reset (sent,
but the connection is cut before the answer).

Source: the REST reference of FCM HTTP v1 (projects.messages.send, FcmError) and its page of error codes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.identity.json_http import ApiError, JsonServer, body_of
from localcloud.state import State

Fields = dict[str, Any]
# An instance id, a colon, and what only Google can read.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}:APA91b[A-Za-z0-9_-]{134}")
_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST_TYPE = "type.googleapis.com/google.rpc.BadRequest"
_MAX_PAYLOAD_BYTES = 4096
# What a Message may hold; of the platforms' own parts only that they are objects.
_MESSAGE = {"token", "notification", "data", "android", "apns", "webpush", "fcm_options", "name"}
_NOTIFICATION = {"title", "body", "image"}


@dataclass(frozen=True)
class _Registration:
    token: str
    is_registered: bool


class _Refused(Exception):
    """Answered in FCM's form; `code` is one of FcmError's."""

    def __init__(self, status: int, name: str, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        details: list[Fields] = [{"@type": _ERROR_TYPE, "errorCode": code}]
        if field:
            details.append({"@type": _BAD_REQUEST_TYPE, "fieldViolations": [{"field": field, "description": message}]})
        self.status = status
        self.body = {"error": {"code": status, "message": message, "status": name, "details": details}}


class FcmServer(JsonServer):
    """The messages and registrations of one project."""

    def __init__(self, project: str, state: State, clock: Clock, faults: Faults, port: int = 0) -> None:
        super().__init__("FCM", port)
        self.project = project
        self.messages: list[Fields] = []
        self._clock = clock
        self._faults = faults
        self._table = state.table("fcm_registrations", _Registration)
        self._registered = {row.token: row.is_registered for row in self._table.all()}

    def register(self) -> str:
        """A new device's token."""
        token = f"{secrets.token_urlsafe(17)[:22]}:APA91b{secrets.token_urlsafe(101)[:134]}"
        self._keep(token, is_registered=True)
        return token

    def unregister(self, token: str) -> None:
        self._keep(token, is_registered=False)

    def shown_on(self, token: str) -> list[Fields]:
        """The messages of a device, oldest first."""
        return [message for message in self.messages if message["token"] == token]

    def _keep(self, token: str, *, is_registered: bool) -> None:
        self._registered[token] = is_registered
        self._table.put(_Registration(token, is_registered))

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.post("/v1/projects/{project}/messages:send", self._send)
        yield web.post("/local/registrations", self._register)
        yield web.delete("/local/registrations/{token}", self._unregister)
        yield web.get("/local/messages", self._messages)

    async def _register(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"token": self.register()})

    async def _unregister(self, request: web.Request) -> web.Response:
        self.unregister(request.match_info["token"])
        return web.json_response({})

    async def _messages(self, request: web.Request) -> web.Response:
        return web.json_response({"messages": self.shown_on(request.query.get("token", ""))})

    async def _send(self, request: web.Request) -> web.Response:
        try:
            return await self._answer_send(request)
        except _Refused as refused:
            return web.json_response(refused.body, status=refused.status)

    async def _answer_send(self, request: web.Request) -> web.Response:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            raise ApiError("Request is missing required authentication credential.", 401)
        if request.match_info["project"] != self.project:
            raise _Refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
        body = await body_of(request)
        if body.get("validate_only"):
            raise ApiError("FCM of the local cloud does not implement validate_only.", 501)
        message = _checked(body)
        fault = self._faults.at("fcm.send")
        if fault and fault.status:
            names = {429: ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), 503: ("UNAVAILABLE", "UNAVAILABLE")}
            name, code = names.get(fault.status, ("INTERNAL", "INTERNAL"))
            raise _Refused(fault.status, name, code, "A fault was asked for at fcm.send.")
        if fault and fault.action == "delay":
            await self._clock.sleep(fault.seconds)
        if not self._registered.get(message["token"]):
            raise _Refused(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
        self.messages.append(message)
        if fault and fault.action == "reset" and request.transport is not None:
            request.transport.abort()
        return web.json_response({"name": f"projects/{self.project}/messages/{secrets.token_hex(8)}"})


def _checked(body: Fields) -> Fields:
    """The message, if FCM would take it: known fields, texts where texts belong, one target, not too large."""
    message = body.get("message")
    if set(body) != {"message"} or not isinstance(message, dict):
        raise _invalid("message", "Exactly one `message` is expected.")
    if unknown := sorted(set(message) - _MESSAGE):
        raise _invalid(f"message.{unknown[0]}", f"Unknown name \"{unknown[0]}\" at 'message': Cannot find field.")
    notification, data = message.get("notification") or {}, message.get("data") or {}
    if not isinstance(notification, dict) or set(notification) - _NOTIFICATION:
        raise _invalid("message.notification", "Invalid value at 'message.notification'")
    for name, texts in (("notification", notification), ("data", data)):
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise _invalid(f"message.{name}", f"Invalid value at 'message.{name}' (TYPE_STRING)")
    if any(not isinstance(message.get(part, {}), dict) for part in ("android", "apns", "webpush")):
        raise _invalid("message", "Invalid value at 'message'")
    if _size(notification) + _size(data) > _MAX_PAYLOAD_BYTES:
        raise _invalid("message", "Message is too big")
    if not isinstance(message.get("token"), str) or not _TOKEN.fullmatch(message["token"]):
        message = "The registration token is not a valid FCM registration token"
        raise _Refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", message)
    return message


def _size(texts: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(text.encode()) for name, text in texts.items())


def _invalid(field: str, message: str) -> _Refused:
    return _Refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", message, field)
