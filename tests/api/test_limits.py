"""How much may be asked, how large it may be, and what a browser is told."""

from __future__ import annotations

import io
import socket
from datetime import UTC, datetime

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from backend.api.limits import AddressLimit, address_of
from jobs.errors import ResourceExhausted
from tests.api.service import Service
from tests.api.small_app import Small, small
from tests.cloud import TestCloud
from tests.unit.functions_world import FunctionsWorld

__all__ = ["small"]


def test_an_address_is_limited_before_anybody_asks_who_it_is(functions: FunctionsWorld) -> None:
    small = Small(functions, address_per_minute=3)
    other = {"X-Forwarded-For": "198.51.100.7"}
    answers = [small.client.get("/nowhere") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert small.client.get("/open", headers=other).status_code == 200
    small.world.wait(20)
    assert small.client.get("/open").status_code == 200


def test_few_addresses_are_remembered() -> None:
    limit = AddressLimit(1, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    limit.charge("first")
    for number in range(10_000):
        limit.charge(str(number))
    limit.charge("first")  # forgotten, and so not refused
    with pytest.raises(ResourceExhausted):
        limit.charge("9999")


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (None, 1, "127.0.0.1"),
        ("", 1, "127.0.0.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9, 198.51.100.1", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "203.0.113.9"),
    ],
)
def test_the_address_that_a_trusted_proxy_has_seen(forwarded: str | None, proxies: int, address: str) -> None:
    headers = [] if forwarded is None else [("X-Forwarded-For", forwarded)]
    request = Request(EnvironBuilder(headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"}).get_environ())
    assert address_of(request, proxies) == address


def test_a_user_is_limited_through_whichever_door(small: Small) -> None:
    statuses = [small.get("/mine").status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    small.world.wait(1)
    assert small.get("/mine").status_code == 200


class Unread(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("somebody has read it")


def test_what_is_too_long_is_not_read(small: Small) -> None:
    def post(length: int, **headers: str) -> int:
        said = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(length)}
        return small.client.post("/notes", input_stream=Unread(), headers=headers, environ_overrides=said).status_code

    assert post(1001, Authorization=f"Bearer {small.token()}") == 413
    assert post(1000) == 401
    with pytest.raises(AssertionError, match="somebody has read it"):
        Unread().read()


def test_what_turns_out_too_long_is_not_kept(small: Small) -> None:
    """Sent in chunks, without a length."""
    headers = {"Authorization": f"Bearer {small.token()}", "Content-Type": "application/json"}
    long = io.BytesIO(b'{"text": "' + b"x" * 2000 + b'"}')
    chunked = {"wsgi.input_terminated": True}
    answer = small.client.post("/notes", input_stream=long, headers=headers, environ_overrides=chunked)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/broken", 500, "internal"), ("/away", 503, "unavailable"), ("/nowhere", 404, "not_found")],
)
def test_an_error_says_what_it_is_and_no_more(small: Small, path: str, status: int, code: str) -> None:
    answer = small.client.get(path)
    assert answer.json
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "library" not in answer.text
    assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"text": 1}', b'{"text": "\\ud800"}', b"\xff", b"[" * 900, b'{"n": 1e999}', b"null"]
)
def test_a_body_that_cannot_be_taken(small: Small, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {small.token()}", "Content-Type": "application/json"}
    assert small.client.post("/notes", data=body, headers=headers).status_code == 400


def test_a_body_of_another_type(small: Small) -> None:
    headers = {"Authorization": f"Bearer {small.token()}", "Content-Type": "text/plain"}
    assert small.client.post("/notes", data=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize("query", ["x=1", "user_id=u1&user_id=u1", "user_id=u1&x=1"])
def test_a_query_that_nobody_asked_for(small: Small, query: str) -> None:
    assert small.get(f"/mine?{query}").status_code == 400


def test_any_body_may_say_for_whom_it_is(small: Small) -> None:
    headers = {"Authorization": f"Bearer {small.token('u1')}"}
    for user_id, status in (("u1", 201), ("u2", 403), (7, 400)):
        answer = small.client.post("/notes", json={"text": "a", "user_id": user_id}, headers=headers)
        assert answer.status_code == status, answer.text


# ── browsers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize("origin", [ORIGIN.upper(), f"{ORIGIN}.evil.com", "https://example.com", "null", f"{ORIGIN}:1"])
def test_a_page_from_elsewhere_may_not_read_answers(functions: FunctionsWorld, origin: str) -> None:
    answer = Small(functions, allow_origins=(ORIGIN,)).client.get("/open", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_our_own_pages_may(functions: FunctionsWorld) -> None:
    client = Small(functions, allow_origins=(ORIGIN,)).client
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    preflight = client.options("/notes", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert preflight.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
    assert "X-Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"]
    for path in ("/open", "/mine", "/nowhere"):
        answer = client.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert client.options("/nowhere", headers=asked).status_code == 404


def test_every_answer_is_safe_to_show(small: Small) -> None:
    for answer in (small.get("/mine"), small.client.get("/broken"), small.client.get("/nowhere")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Request-Id"]
    assert small.get("/mine", **{"X-Request-Id": "trace-0001"}).headers["X-Request-Id"] == "trace-0001"
    assert small.get("/mine", **{"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


# ── over the wire ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_has_to_send_what_is_too_long(cloud: TestCloud, service: Service) -> None:
    """A gigabyte is announced and begun, and refused before the rest of it is there."""
    request = service.request("POST", "/api/voices/clone", b"{}")
    host, port = request.url.host, request.url.port or 80
    headers = {**request.headers, "content-length": str(2**30), "host": host}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(f"POST {request.url.raw_path.decode()} HTTP/1.1\r\n{head}\r\n{'x' * 70_000}".encode())
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
