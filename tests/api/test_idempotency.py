"""A call under an idempotency key is done once, whatever happens in between."""

from __future__ import annotations

import httpx
import pytest

from jobs.errors import Unavailable
from tests.api.people import Service
from tests.api.service import clone_body
from tests.api.small_app import Small, small
from tests.cloud import TestCloud

__all__ = ["small"]


def test_the_answer_is_the_one_of_then(small: Small) -> None:
    first, second = small.note("a", "k1"), small.note("a", "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert first.headers["Location"] == second.headers["Location"]
    assert "X-Idempotent-Replay" not in first.headers
    assert second.headers["X-Idempotent-Replay"] == "true"
    assert len(small.made) == 1


def test_another_key_is_another_call_and_none_is_none(small: Small) -> None:
    answers = [small.note("a", key) for key in ("k1", "k2", None, None)]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len(set(small.made)) == 4


def test_a_key_is_the_users_own(small: Small) -> None:
    assert small.note("a", "k1", "u1").status_code == small.note("b", "k1", "u2").status_code == 201
    assert len(set(small.made)) == 2


def test_the_same_key_for_something_else(small: Small) -> None:
    small.note("a", "k1")
    answer = small.note("b", "k1")
    assert (answer.status_code, answer.json and answer.json["code"]) == (409, "already_exists")


def test_the_same_call_twice_at_once(small: Small) -> None:
    """The second comes while the first is being worked on."""
    seen = []
    small.meanwhile.append(lambda: seen.append(small.note("a", "k1")))
    assert small.note("a", "k1").status_code == 201
    (during,) = seen
    assert (during.status_code, during.headers["Retry-After"]) == (409, "2")
    assert during.json
    assert during.json["retryable"] is True
    assert len(small.made) == 1


def test_what_failed_is_done_when_it_comes_again(small: Small) -> None:
    def fail() -> None:
        raise Unavailable("Not now.")

    small.meanwhile.append(fail)
    assert small.note("a", "k1").status_code == 503
    assert small.note("a", "k1").status_code == 201
    assert small.made[0] == small.made[1], "a call that died half-way goes on with what it has made"


def test_a_wrong_request_uses_up_no_key(small: Small) -> None:
    headers = {"Authorization": f"Bearer {small.token()}", "X-Idempotency-Key": "k1"}
    assert small.client.post("/notes", json={"texts": "a"}, headers=headers).status_code == 400
    assert small.note("a", "k1").status_code == 201


def test_whoever_died_holds_the_key_for_a_minute(small: Small) -> None:
    """SIGKILL: neither answer nor release. Then the next one takes over, and the late one changes nothing any more."""
    answers = []

    def next_one() -> None:
        small.world.wait(59)
        answers.append(small.note("a", "k1").status_code)
        small.world.wait(2)
        answers.append(small.note("a", "k1").status_code)

    small.meanwhile.append(next_one)
    assert small.note("a", "k1").status_code == 201
    assert answers == [409, 201]
    assert len(small.made) == 2
    assert len(set(small.made)) == 1
    assert small.note("a", "k1").headers["X-Idempotent-Replay"] == "true"


def test_an_answer_is_kept_for_a_day(small: Small) -> None:
    """By our own clock: Firestore's TTL may come a day late."""
    small.note("a", "k1")
    small.world.wait(86_399)
    assert small.note("a", "k1").headers.get("X-Idempotent-Replay") == "true"
    small.world.wait(2)
    assert "X-Idempotent-Replay" not in small.note("b", "k1").headers
    assert len(small.made) == 2


@pytest.mark.parametrize("key", ["", " ", "a,b", "a b", "\u00e9", "k" * 201])
def test_a_key_that_is_none(small: Small, key: str) -> None:
    assert small.note("a", key).status_code == 400
    assert small.made == []


# ── with signatures, against the served API ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def signed(service: Service) -> httpx.Request:
    """A request about a voice that there is not. What counts is what is said of its signature."""
    return service.request("POST", "/api/voices/save", {"voice_id": "none"}, key="k1")


def again(service: Service, request: httpx.Request, **headers: str) -> httpx.Response:
    return service.http.request(
        request.method, request.url, content=request.content, headers={**request.headers, **headers}
    )


def test_a_signed_call_needs_a_key(service: Service, signed: httpx.Request) -> None:
    del signed.headers["X-Idempotency-Key"]
    answer = service.http.send(signed)
    assert answer.status_code == 400
    assert "X-Idempotency-Key" in answer.json()["detail"]


def test_a_signature_is_of_no_use_under_another_key(cloud: TestCloud, service: Service) -> None:
    request = service.request("POST", "/api/voices/clone", clone_body(), key="k1")
    first = service.http.send(request)
    assert first.status_code == 202, first.text
    assert again(service, request).json() == first.json()
    stolen = again(service, request, **{"X-Idempotency-Key": "k2"})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "unauthenticated")
    voices = cloud.of_user("voice_profiles", service.user_id)
    assert len(voices) == 1


def test_a_signature_is_of_no_use_on_another_path_or_method(service: Service) -> None:
    request = service.request("DELETE", "/voices/none", key="k1")
    for method, path in (("POST", "/voices/none"), ("DELETE", "/api/voices/none"), ("GET", "/audio/none")):
        url = service.http.build_request(method, f"{path}?user_id={service.user_id}").url
        answer = service.http.request(method, url, headers=request.headers)
        assert answer.status_code in {401, 405}, (method, path)


def test_a_signature_of_a_call_that_failed_stays_bound(service: Service, signed: httpx.Request) -> None:
    """Nothing was made, so the same call may be tried again; under another key it may not."""
    assert service.http.send(signed).status_code == 404
    assert again(service, signed).status_code == 404
    assert again(service, signed, **{"X-Idempotency-Key": "k2"}).status_code == 401
