"""The API answers as its own OpenAPI document says, to whatever schemathesis makes up, right and wrong, by thousands.

    no 5xx · no status, content type or header that is not documented · no answer of another shape

What is made up is sent by an internal service, which may go through every door but those that let everybody in. A
second run of each route that reads is about things that are there, so that not everything is 404.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.api import openapi
from backend.api.routes import every_route
from localcloud.phone import new_id
from tests.api.service import Fields, Service
from tests.cloud import Family, TestCloud

DOCUMENT = openapi.document(every_route())
COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
# Of all routes together. 5,000 take minutes, so `./dev test` makes up the first of them, and before a release
# `STORYVOICE_API_CASES=5000 ./dev test tests/api/test_openapi.py` is run.
CASES = int(os.environ.get("STORYVOICE_API_CASES") or 400)
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
# Where nothing can be said, there is one way to call it.
TAKING = [
    (path, method)
    for path, method in OPERATIONS
    if {"parameters", "requestBody"} & DOCUMENT["paths"][path][method].keys()
]
EACH = -(-CASES // len(TAKING))
SEED = 20261122
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What is written by the thousand must not be spoken, and a minute's quota must not be all that is tried.
CALLS_OF_A_USER = 8


def schema() -> Any:
    generation = GenerationConfig(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    project = ProjectConfig(generation=generation)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(copy.deepcopy(DOCUMENT), config=config)


SCHEMA = schema()


class Signed(AuthBase):
    """Signs what requests is about to send, whatever it is."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        _, _, target = str(request.path_url).partition("/api")
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        request.headers.update(self._service.signed(str(request.method), target, content))
        # The address's limit is not what this is about: each request comes from another one.
        request.headers["X-Forwarded-For"] = ".".join(str(random.randrange(1, 255)) for _ in range(4))
        if request.method != "GET" and "X-Idempotency-Key" not in request.headers:
            request.headers["X-Idempotency-Key"] = new_id()
        return request


class Caller:
    """Sends cases. Every few it is another user, unless it is about one's own things."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._session = requests.Session()
        self._numbers = itertools.count()
        self.sent = 0

    def close(self) -> None:
        self._session.close()

    def send(self, case: Case[Any], user_id: str | None = None) -> None:
        if any("\n" in unquote(str(value)) for value in (case.path_parameters or {}).values()):
            reject()  # the functions framework's own route knows no such path, and it says so itself, in HTML
        case.query = {**(case.query or {}), "user_id": user_id or self._user()}
        if isinstance(case.body, dict):
            case.body.pop("user_id", None)
        url = str(self._service.http.base_url).rstrip("/")
        response = case.call(base_url=url, session=self._session, auth=Signed(self._service), timeout=60)
        self.sent += 1
        case.validate_response(response, checks=CHECKS)

    def _user(self) -> str:
        return f"made-up-{next(self._numbers) // CALLS_OF_A_USER}"


@pytest.fixture
def caller(cloud: TestCloud, service: Service) -> Iterator[Caller]:
    """No event is delivered meanwhile, so that nothing of all this is spoken."""
    cloud.faults("events.deliver:drop")
    caller = Caller(service)
    yield caller
    caller.close()


def run(strategy: Any, send: Callable[[Case[Any]], None], count: int) -> None:
    """`count` cases of a strategy, the same ones each time; the first that fails is what the test fails with."""

    @seed(SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(case: Case[Any]) -> None:
        send(case)

    each()


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_made_up_requests(caller: Caller, path: str, method: str) -> None:
    run(SCHEMA[path][method.upper()].as_strategy(), caller.send, EACH)
    assert caller.sent >= (EACH if (path, method) in TAKING else 1)


READING = [path for path, method in OPERATIONS if method == "get" and "{" in path and not path.startswith("/docs")]


def test_made_up_requests_for_what_is_there(cloud: TestCloud, family: Family, of_family: Service) -> None:
    path = family.ask()
    family.finished(path)
    audio_id = path.partition("/")[2]
    there = {
        "voice_id": family.voice_id,
        "audio_id": audio_id,
        "file_id": audio_id,
        "job_id": cloud.get(path)["jobId"],
        "language": "en",
        "story_type": "user",
    }
    caller = Caller(of_family)
    answered: list[int] = []

    def send(case: Case[Any]) -> None:
        cloud.admin.document(f"quotas/{family.user_id}").delete()
        case.path_parameters = {name: there[name] for name in case.path_parameters or {}}
        caller.send(case, family.user_id)

    for each in READING:
        run(SCHEMA[each]["GET"].as_strategy(), send, 5)
        found = of_family.call("GET", each.format(**there))
        answered.append(found.status_code)
    caller.close()
    assert answered.count(200) == len(READING) - 3, "a lent voice has no files of its own"


def test_what_is_served_is_the_document(service: Service) -> None:
    served = httpx.get(f"{service.http.base_url}openapi.json").json()
    assert served == json.loads(json.dumps(DOCUMENT))


# ── what a newer version must not do to a caller of an older one ─────────────────────────────────────────────────────


def test_no_caller_is_broken() -> None:
    """Against the committed document. What is new is welcome: then write it, with `python -m tools.openapi_file`."""
    assert list(breaks(json.loads(COMMITTED.read_text()), DOCUMENT)) == []


def test_the_committed_document_is_this_one() -> None:
    assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(DOCUMENT)), "run python -m tools.openapi_file"


def breaks(before: Fields, after: Fields) -> Iterator[str]:
    """What a caller of `before` would stumble over in `after`."""
    for path, methods in before["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{where} is gone"
                continue
            yield from _parameter_breaks(where, operation, now)
            yield from (
                f"{where} answers {status} no more" for status in operation["responses"].keys() - now["responses"]
            )
    asked = _asked_for(after)
    for name, shape in before["components"]["schemas"].items():
        yield from _shape_breaks(name, shape, after["components"]["schemas"].get(name), is_asked_for=name in asked)


def _parameter_breaks(where: str, before: Fields, after: Fields) -> Iterator[str]:
    def named(operation: Fields) -> dict[str, Fields]:
        return {each["name"]: each for each in operation.get("parameters", [])}

    for name in named(before).keys() - named(after):
        yield f"{where} takes {name} no more"
    for name, each in named(after).items():
        if each["required"] and not named(before).get(name, {"required": False})["required"]:
            yield f"{where} demands {name}"


def _asked_for(document: Fields) -> set[str]:
    """The shapes of request bodies."""
    bodies = [
        operation["requestBody"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    return {media["schema"]["$ref"].rpartition("/")[2] for body in bodies for media in body["content"].values()}


def _shape_breaks(name: str, before: Fields, after: Fields | None, *, is_asked_for: bool) -> Iterator[str]:
    if after is None:
        yield f"{name} is gone"
        return
    had, has = before.get("properties", {}), after.get("properties", {})
    yield from (f"{name}.{field} is gone" for field in had.keys() - has.keys())
    if is_asked_for:
        demanded = set(after.get("required", [])) - set(before.get("required", []))
        yield from (f"{name}.{field} is demanded" for field in demanded)
    for field in had.keys() & has.keys():
        if _types(has[field]) != _types(had[field]):
            yield f"{name}.{field} is of another type"


def _types(said: Fields) -> set[str]:
    options = said.get("anyOf", [said])
    return {str(option.get("type") or option.get("$ref") or option.get("enum")) for option in options}


def test_a_break_is_seen() -> None:
    """Each in turn: a route, a status, a parameter, a field gone; a field or a parameter demanded; another type."""
    before: Fields = json.loads(json.dumps(DOCUMENT))

    def changed(change: Callable[[Fields], object]) -> list[str]:
        after = json.loads(json.dumps(DOCUMENT))
        change(after)
        return list(breaks(before, after))

    def paths(after: Fields) -> Any:
        return after["paths"]

    def shapes(after: Fields) -> Any:
        return after["components"]["schemas"]

    assert changed(lambda after: None) == []
    assert changed(lambda after: paths(after).pop("/synthesize")) == ["post /synthesize is gone"]
    assert changed(lambda after: paths(after)["/voices"]["get"]["responses"].pop("200")) == [
        "get /voices answers 200 no more"
    ]
    assert changed(lambda after: paths(after)["/voices"]["get"]["parameters"].pop(0)) == [
        "get /voices takes limit no more"
    ]
    assert changed(lambda after: paths(after)["/voices"]["get"]["parameters"][0].update(required=True)) == [
        "get /voices demands limit"
    ]
    assert changed(lambda after: shapes(after)["VoiceInfo"]["properties"].pop("name")) == ["VoiceInfo.name is gone"]
    assert changed(lambda after: shapes(after)["Synthesize"]["required"].append("speed")) == [
        "Synthesize.speed is demanded"
    ]
    assert changed(lambda after: shapes(after)["Synthesize"]["properties"]["text"].update(type="array")) == [
        "Synthesize.text is of another type"
    ]
