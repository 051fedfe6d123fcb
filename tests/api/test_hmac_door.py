"""The door for internal services: exactly the request that was signed comes in, and nothing that differs in one bit."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from backend.api.doors.hmac_signature import HmacDoor
from backend.api.principal import Principal
from backend.api.routes import every_route
from backend.api.routing import Door
from backend.settings import ApiSettings
from jobs.errors import InvalidArgument, Unauthenticated

SECRET = hashlib.sha256(b"a secret of tests").hexdigest()
NOW = 1_795_344_000.0
SETTINGS = ApiSettings(shared_secret=SECRET, jwt=False)
ROUTE = every_route()[0]
BODY = b'{"name": "voice_abc"}'
TIMESTAMP, SIGNATURE = "X-Daezend-Timestamp", "X-Daezend-Signature"


@dataclass(frozen=True)
class Sent:
    """A request, and what was signed of it when it was made."""

    method: str = "POST"
    path: str = "/api/voices/clone"
    query: str = ""
    body: bytes = BODY
    timestamp: str = str(int(NOW * 1000))
    secret: str = SECRET
    changed: dict[str, Any] = field(default_factory=dict)

    def enter(self) -> Principal:
        """What the door says of it, after `changed` has been done to it on the way."""
        path = f"{self.path}?{self.query}" if self.query else self.path
        message = f"{self.method}\n{path}\n{self.timestamp}\n".encode() + self.body
        signature = hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()
        headers: dict[str, str | None] = {TIMESTAMP: self.timestamp, SIGNATURE: signature}
        on_the_way = replace(self, **{key: value for key, value in self.changed.items() if key not in headers})
        for name in headers.keys() & self.changed.keys():
            headers[name] = self.changed[name](headers[name])
        builder = EnvironBuilder(
            path=on_the_way.path,
            query_string=on_the_way.query,
            method=on_the_way.method,
            data=on_the_way.body,
            content_type="application/json",
            headers=[(name, value) for name, value in headers.items() if value is not None],
        )
        return HmacDoor(SETTINGS, now=lambda: NOW).enter(ROUTE, Request(builder.get_environ()))

    def refused(self) -> None:
        with pytest.raises(Unauthenticated):
            self.enter()


def test_what_was_signed_comes_in() -> None:
    assert Sent().enter() == Principal("daezend", Door.HMAC, Sent().enter().signature)
    assert Sent(body=b'{"user_id": "u1"}').enter().user_id == "u1"
    assert Sent(method="GET", path="/jobs/j", query="user_id=u2", body=b"").enter().user_id == "u2"
    assert Sent(body=b"\x00\xff no JSON").enter().user_id == "daezend"


def test_a_path_is_signed_as_it_is_read_or_as_it_is_spelt() -> None:
    Sent(path="/api/voices/Mum's voice/profile").enter()
    Sent(path="/api/voices/Mum's%20voice/profile", changed={"path": "/api/voices/Mum's voice/profile"}).enter()


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]), body=st.binary(max_size=50), more=st.text("abc/_-", max_size=9)
)
def test_any_request_that_was_signed(method: str, body: bytes, more: str) -> None:
    assert Sent(method=method, body=body, path=f"/x{more}").enter().door is Door.HMAC


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"path": "/api/voices/clone/"},
        {"path": "/api/voices/save"},
        {"query": "user_id=another"},
        {"body": BODY + b" "},
        {"body": b""},
        {"body": b'{"name": "voice_abc", "user_id": "another"}'},
    ],
)
def test_what_was_changed_on_the_way_does_not(changed: dict[str, Any]) -> None:
    Sent(changed=changed).refused()


@pytest.mark.parametrize("name", [TIMESTAMP, SIGNATURE])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="missing"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda value: f"{value},{value}", id="doubled, as WSGI joins them"),
        pytest.param(lambda value: value[:-1], id="truncated"),
        pytest.param(lambda value: value + "0", id="longer"),
        pytest.param(lambda value: f"{value}\N{ARABIC-INDIC DIGIT ONE}".encode().decode("latin-1"), id="no ASCII"),
        pytest.param(lambda value: f"-{value}", id="negative"),
        pytest.param(lambda value: value[::-1], id="backwards"),
    ],
)
def test_each_header_must_be_right(name: str, change: Any) -> None:
    Sent(changed={name: change}).refused()


@given(position=st.integers(0, 63), digit=st.sampled_from("0123456789abcdef"))
def test_one_digit_of_the_signature_makes_the_difference(position: int, digit: str) -> None:
    def change(signature: str) -> str:
        return signature[:position] + digit + signature[position + 1 :]

    signed = Sent().enter().signature
    if change(signed) == signed:
        Sent(changed={SIGNATURE: change}).enter()
    else:
        Sent(changed={SIGNATURE: change}).refused()


@given(position=st.integers(0, len(BODY) - 1), byte=st.integers(1, 255))
def test_one_byte_of_the_body_makes_the_difference(position: int, byte: int) -> None:
    Sent(changed={"body": BODY[:position] + bytes([BODY[position] ^ byte]) + BODY[position + 1 :]}).refused()


def test_a_signature_in_capitals_is_the_same() -> None:
    assert Sent(changed={SIGNATURE: str.upper}).enter() == Sent().enter()


@pytest.mark.parametrize(("seconds", "fits"), [(-300, True), (300, True), (-301, False), (301, False), (1e9, False)])
def test_the_clock_may_be_five_minutes_off(seconds: float, fits: bool) -> None:
    sent = Sent(timestamp=str(int((NOW + seconds) * 1000)))
    if fits:
        sent.enter()
    else:
        sent.refused()


@pytest.mark.parametrize("secret", ["", "x", SECRET.upper(), SECRET[:-1]])
def test_another_secret_is_none(secret: str) -> None:
    Sent(secret=secret).refused()


@pytest.mark.parametrize("query", ["user_id=a&user_id=b", "user_id=a/b", "user_id=", "user_id=" + "x" * 129])
def test_a_user_is_named_once_and_rightly(query: str) -> None:
    with pytest.raises(InvalidArgument):
        Sent(query=query).enter()


def test_body_and_query_name_one_user() -> None:
    body = b'{"user_id": "u1"}'
    assert Sent(query="user_id=u1", body=body).enter().user_id == "u1"
    with pytest.raises(InvalidArgument):
        Sent(query="user_id=u2", body=body).enter()
