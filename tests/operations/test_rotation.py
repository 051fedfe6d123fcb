"""Secrets: their age, another value, the old one taken out; and no value is ever said."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from typing import Any

import httpx
import pytest

from backend.services import Services
from jobs.errors import FailedPrecondition, InvalidArgument, StoryvoiceError, Unavailable
from operations import rotation
from operations.results import Action, Rows
from operations.secret_manager import SecretManager

SERVICES = Services({})
BASE = "/v1/projects/demo/secrets/"


class Google:
    """Secret Manager behind a client's transport: the values of each secret, oldest first."""

    def __init__(self, **values: list[str]) -> None:
        self.values = values
        self.status = 200

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer access-token"
        assert request.url.path.startswith(BASE)
        if self.status != 200:
            return httpx.Response(self.status)
        name, _, call = request.url.path.removeprefix(BASE).partition("/" if request.method == "GET" else ":")
        if name not in self.values:
            return httpx.Response(404)
        return httpx.Response(200, json=self._answer(name, call, request))

    def _answer(self, name: str, call: str, request: httpx.Request) -> Any:
        values = self.values[name]
        if call == "addVersion":
            values.append(base64.b64decode(json.loads(request.content)["payload"]["data"]).decode())
            return {"name": f"projects/1/secrets/{name}/versions/{len(values)}"}
        if call == "versions/latest:access":
            return {"payload": {"data": base64.b64encode(values[-1].encode()).decode()}}
        # One to a page.
        number = int(request.url.params["pageToken"] or len(values))
        version = {"name": f"x/{number}", "state": "ENABLED", "createTime": f"2026-11-{number:02}T00:00:00Z"}
        return {"versions": [version], "nextPageToken": str(number - 1) if number > 1 else ""}

    def vault(self) -> SecretManager:
        vault = SecretManager("demo", lambda: "access-token")
        vault._http = httpx.Client(transport=httpx.MockTransport(self.handle))
        return vault


def rotate(google: Google, secret: str | None, stdin: str = "", **flags: bool) -> Action | Rows:
    given = Namespace(**{"secret": secret, "yes": False, "finish": False, "value_from_stdin": False, **flags})
    answer = rotation.rotate(SERVICES, given, google.vault(), lambda: stdin)
    assert isinstance(answer, Action | Rows)
    return answer


def test_the_key_of_tokens_overlaps_and_then_stands_alone() -> None:
    google = Google(SECRET_KEY=["older,oldest"])
    assert not getattr(rotate(google, "SECRET_KEY"), "done")  # noqa: B009  (one of two types)
    assert len(google.values["SECRET_KEY"]) == 1
    done = rotate(google, "SECRET_KEY", yes=True)
    new, _, old = google.values["SECRET_KEY"][-1].partition(",")
    assert (len(bytes.fromhex(new)), old) == (32, "older")
    assert new not in str(done)
    rotate(google, "SECRET_KEY", yes=True, finish=True)
    assert google.values["SECRET_KEY"][-1] == new


def test_what_others_make_is_brought_from_there() -> None:
    google = Google(RUNPOD_API_KEY=["old"])
    for is_brought in (False, True):
        with pytest.raises(InvalidArgument):
            rotate(google, "RUNPOD_API_KEY", "\n", yes=True, value_from_stdin=is_brought)
    done = rotate(google, "RUNPOD_API_KEY", "the-new-one\n", yes=True, value_from_stdin=True)
    assert google.values["RUNPOD_API_KEY"] == ["old", "the-new-one"]
    assert isinstance(done, Action)
    assert "RunPod's console" in str(done.outcome)
    assert "the-new-one" not in str(done)


def test_a_shared_secret_has_one_value_at_a_time() -> None:
    google = Google(DAEZEND_API_SHARED_SECRET=["old"])
    rotate(google, "DAEZEND_API_SHARED_SECRET", yes=True)
    assert "," not in google.values["DAEZEND_API_SHARED_SECRET"][-1]
    with pytest.raises(InvalidArgument):
        rotate(google, "DAEZEND_API_SHARED_SECRET", yes=True, finish=True)


def test_what_google_does_not_keep_is_said_and_not_done() -> None:
    done = rotate(Google(), "RUNPOD_SECRET_Firebase", yes=True)
    assert isinstance(done, Action)
    assert (done.done, "step 1" in done.outcome) == (False, True)


def test_ages_are_listed() -> None:
    rows = rotate(Google(SECRET_KEY=["a", "b"], RUNPOD_API_KEY=["a"]), None)
    assert isinstance(rows, Rows)
    assert {row["secret"]: row["version"] for row in rows.rows} == {
        "SECRET_KEY": "2",
        "DAEZEND_API_SHARED_SECRET": "none",
        "RUNPOD_API_KEY": "1",
        "R2_ACCESS_KEY_ID": "none",
        "R2_SECRET_ACCESS_KEY": "none",
        "RUNPOD_SECRET_Firebase": "at RunPod",
    }


@pytest.mark.parametrize(("status", "error"), [(403, FailedPrecondition), (429, Unavailable), (503, Unavailable)])
def test_googles_refusals_are_errors_of_ours(status: int, error: type[StoryvoiceError]) -> None:
    google = Google(SECRET_KEY=["a"])
    google.status = status
    with pytest.raises(error):
        rotate(google, "SECRET_KEY", yes=True)
