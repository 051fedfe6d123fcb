"""The documentation's pages: they stand on what ships with us, and browsers load nothing from elsewhere."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from backend.api import openapi
from backend.api.routes import docs, every_route
from tests.api.people import api
from tests.cloud import TestCloud

FOLDER = Path(docs.__file__).parents[1] / "documentation"


class Loaded(HTMLParser):
    """What a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [value for name, value in attrs if name in ("src", "href") and value]


@pytest.fixture
def http(cloud: TestCloud) -> Iterator[httpx.Client]:
    with api(cloud) as client:
        yield client


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_has_all_that_it_names(http: httpx.Client, page: str) -> None:
    answer = http.get(page)
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy
    loaded = Loaded()
    loaded.feed(answer.text)
    assert len(loaded.names) >= 2
    for name in loaded.names:
        assert not name.startswith(("http", "/")), "relative: the function may be mounted anywhere"
        found = http.get(f"/{name}")
        assert found.status_code == 200, name
        assert found.headers["content-type"].startswith(("text/javascript", "text/css"))
        assert len(found.content) > 50


def test_the_document_that_they_show(http: httpx.Client) -> None:
    answer = http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["openapi"] == "3.1.0"
    routes = {(method.upper(), path) for path, found in answer.json()["paths"].items() for method in found}
    assert routes == {(route.method, re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in every_route()}


@pytest.mark.parametrize("name", ["README.md", "redoc.LICENSE", "..%2Fapp.py", "none.js", "swagger-ui.css.gz"])
def test_other_files_are_not_there(http: httpx.Client, name: str) -> None:
    assert http.get(f"/docs/{name}").status_code == 404


def test_what_is_packed_can_be_unpacked() -> None:
    packed = list(FOLDER.glob("*.gz"))
    assert len(packed) == 3
    for file in packed:
        assert gzip.decompress(file.read_bytes())


def test_every_operation_says_what_it_is_and_has_a_name_of_its_own() -> None:
    document = openapi.document(every_route())
    operations = [operation for found in document["paths"].values() for operation in found.values()]
    assert all(operation["summary"] for operation in operations)
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        body = operation.get("requestBody", {"content": {}})["content"].get("application/json")
        assert body is None or body["examples"], operation["operationId"]
