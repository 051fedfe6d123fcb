"""createUpload and getAudioUrl as a phone calls them, and as somebody calls them who should not."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from localcloud.clock import Clock
from localcloud.phone import ONCE, Phone, new_id
from tests.cloud import RECORDING, Family, TestCloud

Fields = dict[str, Any]


def call(cloud: TestCloud, name: str, data: object, headers: dict[str, str]) -> tuple[int, Fields]:
    answer = httpx.post(f"{cloud.endpoints.callables}/{name}", json={"data": data}, headers=headers, timeout=30)
    return answer.status_code, answer.json().get("error", {})


def credentials(phone: Phone) -> dict[str, str]:
    return {"Authorization": f"Bearer {phone._id_token}", "X-Firebase-AppCheck": phone._app_check_token}


UPLOAD = {"voiceId": "v1", "contentType": "audio/flac", "sizeBytes": len(RECORDING)}


CALLABLES = ("createUpload", "getAudioUrl", "cancelRequest", *sorted(ONCE))


@pytest.mark.parametrize("name", CALLABLES)
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"X-Firebase-AppCheck": None}, "UNAUTHENTICATED"),
        ({"X-Firebase-AppCheck": "eyJhbGciOiJub25lIn0.e30."}, "UNAUTHENTICATED"),
        ({"Authorization": None}, "UNAUTHENTICATED"),
        ({"Authorization": "Bearer not-a-token"}, "UNAUTHENTICATED"),
    ],
    ids=["no App Check", "forged App Check", "not signed in", "forged sign-in"],
)
def test_who_is_not_known_is_refused(
    cloud: TestCloud, phone: Phone, name: str, changed: dict[str, str | None], status: str
) -> None:
    headers = {key: value for key, value in {**credentials(phone), **changed}.items() if value}

    code, error = call(cloud, name, UPLOAD, headers)

    assert (code, error["status"]) == (401, status)
    assert cloud.read(f"quotas/{phone.user_id}") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contentType": "video/mp4"}, "`contentType` must be one of audio/3gpp, audio/aac,"),
        ({"sizeBytes": 0}, "`sizeBytes` must be the length in bytes, at most 50 MB."),
        ({"sizeBytes": 50 * 2**20 + 1}, "`sizeBytes` must be the length in bytes, at most 50 MB."),
        ({"voiceId": "../escape"}, "`voiceId` must be an id of letters, digits, _ and -."),
        ({"bucket": "mine"}, "Unknown field `bucket`"),
    ],
)
def test_an_upload_that_is_not_granted(cloud: TestCloud, phone: Phone, change: Fields, said: str) -> None:
    code, error = call(cloud, "createUpload", {**UPLOAD, **change}, credentials(phone))

    assert (code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert said in error["message"]
    assert error["details"] == {"code": "invalid_argument", "message": error["message"], "retryable": False}


def test_the_upload_is_bound_to_type_and_length(cloud: TestCloud, phone: Phone) -> None:
    granted = phone.call("createUpload", UPLOAD)
    key, url, headers = granted["recordingKey"], granted["url"], granted["headers"]
    assert key.startswith(f"recordings/{phone.user_id}/v1/")
    assert key.endswith(".flac")

    longer = httpx.put(url, content=RECORDING + b"!", headers={**headers, "Content-Length": str(len(RECORDING) + 1)})
    other_type = httpx.put(url, content=RECORDING, headers={**headers, "Content-Type": "text/html"})
    other_key = httpx.put(url.replace("/v1/", "/v2/"), content=RECORDING, headers=headers)
    read = httpx.get(url)

    assert [each.status_code for each in (longer, other_type, other_key, read)] == [403] * 4
    assert cloud.keys(f"recordings/{phone.user_id}/") == set()
    assert httpx.put(url, content=RECORDING, headers=headers).status_code == 200
    assert cloud.object(key) == RECORDING


def test_the_audio_is_its_owners(cloud: TestCloud, family: Family) -> None:
    path = family.ask()
    request = family.finished(path)
    assert request["status"] == "ready", request.get("error")
    stranger = Phone(cloud.endpoints)

    for data in ({"requestId": path.partition("/")[2]}, {"storyId": request["storyId"]}):
        assert family.phone.download(family.phone.call("getAudioUrl", data)["url"]) == cloud.object(request["audioKey"])
        code, error = call(cloud, "getAudioUrl", data, credentials(stranger))
        assert (code, error["status"]) == (404, "NOT_FOUND")
        assert error["message"].startswith("There is no such ")
    stranger.close()


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        ({}, "INVALID_ARGUMENT", "Give either `requestId` or `storyId`."),
        ({"requestId": "r", "storyId": "s"}, "INVALID_ARGUMENT", "Give either `requestId` or `storyId`."),
        ({"requestId": "nothing"}, "NOT_FOUND", "There is no such audio request."),
        (["r"], "INVALID_ARGUMENT", "An object with named fields is expected."),
    ],
)
def test_audio_that_is_not_there(cloud: TestCloud, phone: Phone, data: object, status: str, said: str) -> None:
    _, error = call(cloud, "getAudioUrl", data, credentials(phone))

    assert (error["status"], error["message"]) == (status, said)


def test_audio_that_is_not_ready(cloud: TestCloud, family: Family) -> None:
    cloud.faults("tasks.dispatch:drop x1")
    path = family.ask()
    family.phone.get(path)

    _, error = call(cloud, "getAudioUrl", {"requestId": path.partition("/")[2]}, credentials(family.phone))

    assert (error["status"], error["message"]) == ("FAILED_PRECONDITION", "This narration is not ready yet.")


def test_a_signed_url_expires(cloud: TestCloud, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour passes, for the bucket."""
    path = family.ask()
    family.finished(path)
    url = family.phone.call("getAudioUrl", {"requestId": path.partition("/")[2]})["url"]
    assert httpx.get(url).status_code == 200

    monkeypatch.setattr(cloud.cloud.bucket, "_clock", Clock(lambda: time.time() + 3590))
    assert httpx.get(url).status_code == 200
    monkeypatch.setattr(cloud.cloud.bucket, "_clock", Clock(lambda: time.time() + 3601))
    assert httpx.get(url).status_code == 403


def test_sixty_calls_a_minute(cloud: TestCloud, phone: Phone) -> None:
    """Fifty-nine have been made already."""
    phone.call("createUpload", {**UPLOAD, "voiceId": new_id()})
    quota = cloud.admin.document(f"quotas/{phone.user_id}")
    quota.update({"buckets.call.tokens": 0.0})

    code, error = call(cloud, "createUpload", UPLOAD, credentials(phone))

    assert (code, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["details"]["retryAfterSeconds"] == 1
