"""Who may take which route: the table, walked in full against the served API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from backend.api.routes import every_route
from backend.api.routing import Route
from localcloud.phone import Phone
from tests.api.people import Member, Service, api, app_user
from tests.cloud import TestCloud

# J: a token of ours. F: Firebase's, with App Check. H: a signature. *: everybody.
TABLE = {
    "GET /": "*",
    "GET /health": "*",
    "GET /api/health/health": "*",
    "GET /docs": "*",
    "GET /docs/<name>": "*",
    "GET /redoc": "*",
    "GET /openapi.json": "*",
    "POST /auth/register": "*",
    "POST /auth/login": "*",
    "POST /auth/refresh": "*",
    "GET /profile": "JFH",
    "DELETE /profile": "JF",
    "GET /api/debug/directories": "H",
    "GET /api/voices": "JFH",
    "GET /api/voices/by-language/<language>": "JFH",
    "GET /api/voices/<voice_id>/profile": "JFH",
    "GET /api/voices/<voice_id>/sample": "JFH",
    "GET /api/voices/<voice_id>/sample/base64": "JFH",
    "POST /api/voices/clone": "H",
    "POST /api/voices/save": "H",
    "GET /voices": "JFH",
    "POST /voices": "JFH",
    "DELETE /voices/<voice_id>": "JFH",
    "DELETE /api/voices/<voice_id>": "JFH",
    "POST /api/tts/generate": "H",
    "POST /api/tts/save": "H",
    "GET /api/tts/generations": "JFH",
    "GET /api/tts/generations/<file_id>/audio": "JFH",
    "DELETE /api/tts/generations/<file_id>": "JFH",
    "GET /api/tts/stories/<language>": "JFH",
    "GET /api/tts/stories/<language>/<story_type>/<file_id>/audio": "JFH",
    "POST /synthesize": "JFH",
    "GET /audio/<audio_id>": "JFH",
    "GET /audio/<audio_id>/info": "JFH",
    "DELETE /audio/<audio_id>": "JFH",
    "GET /jobs/<job_id>": "JFH",
    "GET /jobs/<job_id>/events": "JFH",
    "POST /jobs/<job_id>/cancel": "JFH",
}
Send = Callable[[Route], httpx.Response]


@pytest.fixture
def http(cloud: TestCloud) -> Iterator[httpx.Client]:
    with api(cloud) as client:
        yield client


def send(http: httpx.Client, route: Route, headers: dict[str, str]) -> httpx.Response:
    """With nothing in it: who is let in is told that, or that there is no such thing."""
    body = {"content": b"{}", "headers": {**headers, "Content-Type": "application/json"}}
    return http.request(route.method, path_of(route), **(body if route.method == "POST" else {"headers": headers}))


def path_of(route: Route) -> str:
    return re.sub(r"<\w+>", "none-such", route.path)


def walk(door: str, send: Send) -> None:
    """DELETE /profile comes last: after it nobody is there any more."""
    for route in sorted(every_route(), key=lambda route: route.name == "DELETE /profile"):
        answer = send(route)
        doors = TABLE[route.name]
        refused = {401, 403} if route.name != "POST /auth/refresh" else {403}
        if doors == "*" or door in doors:
            assert answer.status_code not in refused, (route.name, answer.text)
            assert answer.status_code < 500, (route.name, answer.text)
        else:
            assert answer.status_code == (401 if door == "-" else 403), (route.name, answer.text)
            assert set(answer.json()) == {"detail", "code", "retryable"}


def test_the_table_has_every_route() -> None:
    assert sorted(TABLE) == sorted(route.name for route in every_route())


def test_nobody(http: httpx.Client) -> None:
    walk("-", lambda route: send(http, route, {}))


def test_a_user_with_a_password(http: httpx.Client) -> None:
    member = Member(http)
    walk("J", lambda route: send(http, route, member.headers))


def test_a_user_of_the_app(http: httpx.Client, phone: Phone) -> None:
    walk("F", lambda route: send(http, route, app_user(phone)))


def test_a_user_of_an_app_that_is_not_ours(http: httpx.Client, phone: Phone) -> None:
    headers = {"Authorization": app_user(phone)["Authorization"]}
    for route in every_route():
        if TABLE[route.name] != "*":
            assert send(http, route, headers).status_code == 401, route.name


def test_an_internal_service(service: Service) -> None:
    walk("H", lambda route: service.call(route.method, path_of(route), {} if route.method == "POST" else None))
