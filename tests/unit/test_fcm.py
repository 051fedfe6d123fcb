"""What each of FCM's answers means: sent, a dead token, later, or somebody's to set right."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.fcm import Fcm
from backend.settings import Settings
from jobs.config import load
from jobs.errors import FailedPrecondition, Unavailable
from tests.unit.test_config import ENVIRONMENT

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
SETTINGS = dataclasses.replace(load(Settings, ENVIRONMENT), fcm_endpoint="https://fcm.example/")
FCM = Fcm(SETTINGS, lambda: "access-token")  # one for all: a client of its own loads certificates


def send(status: int, content: bytes) -> bool:
    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"https://fcm.example/v1/projects/{SETTINGS.project}/messages:send"
        assert request.headers["Authorization"] == "Bearer access-token"
        assert json.loads(request.content) == {"message": {"token": "t"}}
        return httpx.Response(status, content=content)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        FCM._http = client
        return FCM.send({"token": "t"})


def refusal(code: str, message: str = "", field: str = "") -> bytes:
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}]
    if field:
        details.append({"fieldViolations": [{"field": field}]})
    return json.dumps({"error": {"message": message, "details": details}}).encode()


def test_what_is_taken_is_sent() -> None:
    assert send(200, b'{"name": "projects/p/messages/1"}')


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, refusal("UNREGISTERED", "Requested entity was not found.")),
        (400, refusal("INVALID_ARGUMENT", "The registration token is not a valid FCM registration token")),
        (400, refusal("INVALID_ARGUMENT", "Invalid registration token", "message.token")),
    ],
)
def test_a_dead_token_is_known(status: int, content: bytes) -> None:
    assert not send(status, content)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, refusal("INVALID_ARGUMENT", "Invalid value for a registration token's data", "message.data[0].value")),
        (400, refusal("INVALID_ARGUMENT", "Message is too big")),
        (401, refusal("THIRD_PARTY_AUTH_ERROR")),
        (403, refusal("SENDER_ID_MISMATCH")),
        (404, b"<html>not here</html>"),
    ],
)
def test_no_device_is_forgotten_for_what_is_wrong_on_our_side(status: int, content: bytes) -> None:
    with pytest.raises(FailedPrecondition):
        send(status, content)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_later(status: int) -> None:
    with pytest.raises(Unavailable):
        send(status, refusal("UNREGISTERED"))


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "details", "errorCode", "fieldViolations", "field"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(status=st.sampled_from([201, 302, 400, 401, 403, 404, 429, 500]), body=ANYTHING)
def test_whatever_is_answered_the_error_is_one_of_ours(status: int, body: Any) -> None:
    with pytest.raises((FailedPrecondition, Unavailable)):
        send(status, json.dumps(body).encode())
