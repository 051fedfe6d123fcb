"""Voices over HTTP: made of a recording in either system's way, named by id or name, listed, fetched and deleted."""

from __future__ import annotations

import base64

import httpx
import pytest

from jobs import keys
from jobs.profile_file import read_metadata
from localcloud.phone import Phone, new_id
from tests.api.service import Fields, Service, clone_body
from tests.cloud import RECORDING, Family, TestCloud, until


def test_a_voice_is_cloned_named_and_used_as_the_first_system_had_it(cloud: TestCloud, service: Service) -> None:
    body = clone_body(name="voice_myid", language="en", is_kids_voice=False, user_id=service.user_id)
    queued = service.post("/api/voices/clone", body)
    assert queued["status"] == "queued"
    voice_id, job_id = queued["metadata"]["voice_id"], queued["metadata"]["job_id"]
    assert service.finished(job_id)["voice_id"] == voice_id

    profile = service.get("/api/voices/voice_myid/profile")
    content = base64.b64decode(profile["profile_base64"])
    assert read_metadata(content)["model"] == "piper"
    assert content == cloud.object(cloud.get(f"voice_profiles/{voice_id}")["profileKey"])
    sample = service.call("GET", f"/api/voices/{voice_id}/sample")
    assert (sample.status_code, sample.headers["content-type"]) == (200, "audio/mpeg")
    assert base64.b64decode(service.get("/api/voices/voice_myid/sample/base64")["audio_base64"]) == sample.content

    built_in, voice = service.get("/api/voices")["voices"]
    assert (built_in["voice_id"], built_in["sample_file"], built_in["clones"]) == ("default", None, False)
    assert httpx.get(voice["sample_file"]).content == sample.content
    assert httpx.get(voice["embedding_file"]).content == content
    assert {"voice_id": voice_id, "name": "voice_myid", "language": "en", "is_kids_voice": False} == {
        name: voice[name] for name in ("voice_id", "name", "language", "is_kids_voice")
    }
    assert service.call("POST", "/api/voices/save", {"voice_id": "voice_myid"}).json()["status"] == "success"
    consent = cloud.get(f"voice_profiles/{voice_id}")["consent"]
    assert consent["statement"].startswith("None was sent.")

    gone = service.call("DELETE", "/voices/voice_myid")
    assert gone.json() == {"status": "deleted", "id": voice_id, "erased": True}
    assert service.call("DELETE", f"/voices/{voice_id}").json()["status"] == "deleted", "a call whose answer was lost"
    assert service.call("GET", "/api/voices/voice_myid/profile").status_code == 404
    for prefix in keys.everything_of_voice(service.user_id, voice_id):
        assert cloud.keys(prefix) == set()


def test_a_voice_is_uploaded_as_the_second_system_had_it(cloud: TestCloud, service: Service) -> None:
    """And while it is made, it is in the list."""
    cloud.faults("tasks.dispatch:drop x1")
    form = {"name": "Mum", "is_kids_voice": "true", "consent_speaker": "Mum", "consent_statement": "I agree."}
    answer = upload(service, form, {"audio_file": ("mum.flac", RECORDING, "application/octet-stream")})

    assert answer.status_code == 202, answer.text
    voice_id = answer.json()["voice_id"]
    document = cloud.get(f"voice_profiles/{voice_id}")
    assert (document["isKidsVoice"], document["consent"]["statement"]) == (True, "I agree.")
    assert cloud.object(document["recordingKey"]) == RECORDING
    assert document["recordingKey"].endswith(".flac")
    listed = service.get("/voices?limit=5")["voices"][1]
    assert (listed["voice_id"], listed["status"], listed["sample_file"]) == (voice_id, "queued", None)
    assert service.call("GET", f"/api/voices/{voice_id}/sample").status_code == 400
    saved = service.call("POST", "/api/voices/save", {"voice_id": voice_id})
    assert (saved.status_code, saved.json()["status"]) == (202, "queued")


def upload(service: Service, form: Fields, files: Fields) -> httpx.Response:
    """A signed form: the signature covers the body as it is sent."""
    encoded = httpx.Request("POST", "http://x/", data=form, files=files)
    return service.call("POST", "/voices", encoded.read(), content_type=encoded.headers["content-type"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audio_data": "not base64!"}, "`audio_data` must be a recording in base64, at most 50 MB."),
        ({"audio_data": ""}, "`audio_data` must be a recording in base64, at most 50 MB."),
        ({"audio_format": "exe"}, "`audio_format` must be wav, mp3, m4a,"),
        ({"name": ""}, "`name` must be a text of 1 to 100 characters."),
        ({"language": "xx"}, "`language` must be one of ar, da,"),
        ({"webhook_url": "http://example.com/"}, "`webhook_url` must begin with https://."),
        ({"consent": {"speaker": "Mum"}}, "`consent.statement` is missing."),
    ],
)
def test_what_cannot_be_cloned_leaves_nothing(cloud: TestCloud, service: Service, change: Fields, said: str) -> None:
    answer = service.call("POST", "/api/voices/clone", clone_body(**change))

    assert (answer.status_code, answer.json()["detail"][: len(said)]) == (400, said)
    assert cloud.of_user("voice_profiles", service.user_id) == {}
    assert cloud.keys(keys.recordings_of(service.user_id)) == set()


def test_beyond_the_quota_nothing_is_left_and_the_wait_is_said(cloud: TestCloud, service: Service) -> None:
    now = service.now()
    cloud.admin.document(f"quotas/{service.user_id}").set({"buckets": {"clone": {"tokens": 0.0, "at": now}}})

    answer = service.call("POST", "/api/voices/clone", clone_body())

    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert cloud.of_user("voice_profiles", service.user_id) == {}
    assert cloud.keys(keys.recordings_of(service.user_id)) == set()


def test_pages_are_newest_first_and_hold_everything_once(cloud: TestCloud, service: Service) -> None:
    """Seven voices, of which two have failed; and one of a stranger."""
    made = [lend(cloud, service.user_id, number) for number in range(7)]
    lend(cloud, f"user-{new_id()}", 8)
    for voice_id in (made[2], made[5]):
        cloud.admin.document(f"voice_profiles/{voice_id}").update({"status": "failed"})
    expected = [made[number] for number in (6, 4, 3, 1, 0)]

    seen, query, pages = [], "limit=2", 0
    while query:
        page = service.get(f"/api/voices?{query}")
        seen += [voice["voice_id"] for voice in page["voices"]]
        pages += 1
        query = f"limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""

    assert seen == ["default", *expected]
    assert pages == 3
    german = service.get("/api/voices/by-language/de")
    assert [voice["voice_id"] for voice in german["voices"]] == [made[4], made[0]]
    kids = service.get("/api/voices?is_kids_voice=true")
    assert (kids["total"], kids["is_kids_voice"]) == (len(kids["voices"]), True)
    assert all(voice["is_kids_voice"] for voice in kids["voices"])


def lend(cloud: TestCloud, user_id: str, number: int) -> str:
    """A voice that is ready, without a job. Even numbers speak German where they can be divided by four."""
    voice_id = new_id()
    cloud.admin.document(f"voice_profiles/{voice_id}").create(
        {
            "userId": user_id,
            "name": f"Voice {number}",
            "language": "de" if number % 4 == 0 else "en",
            "isKidsVoice": number % 2 == 0,
            "status": "ready",
            "createdAt": Service.at(number),
        }
    )
    return voice_id


@pytest.mark.parametrize(
    "query", ["cursor=%00", "cursor=AAAA", "limit=0", "limit=101", "limit=x", "is_kids_voice=perhaps", "page=2"]
)
def test_a_query_that_cannot_be(service: Service, query: str) -> None:
    answer = service.call("GET", f"/api/voices?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")


def test_anothers_voice_is_not_there(cloud: TestCloud, family: Family, service: Service) -> None:
    for method, where in [
        ("GET", f"/api/voices/{family.voice_id}/profile"),
        ("GET", f"/api/voices/{family.voice_id}/sample"),
        ("GET", f"/api/voices/{family.voice_id}/sample/base64"),
        ("DELETE", f"/voices/{family.voice_id}"),
        ("DELETE", "/voices/default"),
        ("GET", "/api/voices/default/sample"),
        ("GET", "/api/voices/__reserved__/sample"),
    ]:
        answer = service.call(method, where)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, where)
    assert [voice["voice_id"] for voice in service.get("/api/voices")["voices"]] == ["default"]
    assert cloud.read(f"voice_profiles/{family.voice_id}") is not None


def test_the_built_in_voice_cannot_be_taken(cloud: TestCloud, phone: Phone) -> None:
    """By a document, as an app would."""
    key = f"recordings/{phone.user_id}/default/x.flac"
    path = phone.create_voice("default", "Mine", key)
    until(lambda: cloud.get(path)["status"] == "failed", "the refusal")
    error = cloud.get(path)["error"]
    cloud.admin.document(path).delete()
    assert error["message"] == "`default` is the id of the built-in voice; please use another one."
