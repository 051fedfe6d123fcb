"""Stories as the first system asked for them, with a profile that comes along; lists of what can be heard."""

from __future__ import annotations

import base64

import httpx
import numpy as np
import pytest

from gpu_job.engines.profile import VoiceProfile
from localcloud.phone import new_id
from tests.api.service import Fields, Service
from tests.cloud import SHORT_TEXT, Family, TestCloud

PROFILE = VoiceProfile(
    model="piper",
    model_version="1",
    engine_version="1",
    language="en",
    clones=False,
    tensors={"embedding": np.arange(4, dtype=np.float32)},
).to_bytes()


def test_a_story_is_told_as_the_first_system_had_it(cloud: TestCloud, family: Family, of_family: Service) -> None:
    story_id = family.story(SHORT_TEXT)
    body = {
        "user_id": family.user_id,
        "story_id": story_id,
        "voice_id": "Mum",
        "text": SHORT_TEXT,
        "language": "en",
        "story_type": "app",
        "is_kids_voice": False,
        "model_type": "chatterbox",
    }
    queued = of_family.post("/api/tts/generate", body)
    assert queued["status"] == "queued"
    file_id = queued["metadata"]["audio_id"]
    assert of_family.finished(queued["metadata"]["job_id"])["status"] == "ready"

    story = cloud.get(f"stories/{story_id}")
    assert (story["audioStatus"], [version["voiceId"] for version in story["audioVersions"]]) == (
        "ready",
        [family.voice_id],
    )
    sound = cloud.object(story["audioVersions"][0]["audioKey"])
    assert of_family.call("GET", f"/api/tts/generations/{file_id}/audio").content == sound
    url = of_family.get(f"/api/tts/stories/en/app/{file_id}/audio")["audio_url"]
    assert httpx.get(url).content == sound
    assert of_family.call("GET", f"/api/tts/stories/en/user/{file_id}/audio").status_code == 404
    assert of_family.call("GET", f"/api/tts/stories/de/app/{file_id}/audio").status_code == 404

    (listed,) = of_family.get("/api/tts/generations")["generations"]
    assert (listed["file_id"], listed["story_id"], listed["story_type"]) == (file_id, story_id, "app")
    assert httpx.get(listed["audio_url"]).content == sound
    assert [each["file_id"] for each in of_family.get("/api/tts/stories/en?story_type=app")["stories"]] == [file_id]
    assert of_family.get("/api/tts/stories/en")["stories"] == []
    saved = of_family.call("POST", "/api/tts/save", {"file_id": file_id})
    assert (saved.status_code, saved.json()["status"]) == (200, "success")


def test_a_profile_that_comes_along_becomes_a_voice(cloud: TestCloud, service: Service) -> None:
    body = {"voice_id": "voice_x", "text": SHORT_TEXT, "profile_base64": base64.b64encode(PROFILE).decode()}
    asked = service.post("/api/tts/generate", body)["metadata"]

    assert service.finished(asked["job_id"])["status"] == "ready"
    _, voice = service.get("/api/voices")["voices"]
    assert (voice["name"], voice["status"]) == ("voice_x", "ready")
    assert base64.b64decode(service.get("/api/voices/voice_x/profile")["profile_base64"]) == PROFILE
    again = service.post("/api/tts/generate", body)["metadata"]
    assert cloud.get(f"jobs/{again['job_id']}")["input"]["voiceId"] == voice["voice_id"]


def padded(profile: bytes) -> bytes:
    return profile + b"\0"


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"\x80\x04\x95", "The file is not a voice profile."),
        (PROFILE[:-1], "The voice profile is damaged."),
        (padded(PROFILE), "The voice profile is damaged."),
        (PROFILE.replace(b"storyvoice.voice/1", b"storyvoice.voice/9"), "The voice was made by another version"),
    ],
    ids=["a pickle", "cut short", "with something behind it", "of another version"],
)
def test_a_profile_that_is_none_is_refused(cloud: TestCloud, service: Service, profile: bytes, said: str) -> None:
    body = {"voice_id": "voice_x", "text": "Hello.", "profile_base64": base64.b64encode(profile).decode()}

    answer = service.call("POST", "/api/tts/generate", body)

    assert (answer.status_code, answer.json()["detail"][: len(said)]) == (400, said)
    assert cloud.keys(f"voices/{service.user_id}/") == set()
    assert cloud.of_user("voice_profiles", service.user_id) == {}


def test_a_story_that_is_not_the_users(family: Family, service: Service) -> None:
    body = {"voice_id": "default", "text": "Hello.", "story_id": family.story()}
    answer = service.call("POST", "/api/tts/generate", body)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such story.")
    reserved = service.call("POST", "/api/tts/generate", {**body, "story_id": "__a__"})
    assert reserved.status_code == 404


def test_the_same_key_is_the_same_story_once(cloud: TestCloud, service: Service) -> None:
    body: Fields = {"voice_id": "default", "text": "Hello."}
    key = new_id()
    first = service.call("POST", "/api/tts/generate", body, key=key)
    again = service.call("POST", "/api/tts/generate", body, key=key)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert len(cloud.of_user("jobs", service.user_id)) == 1
    assert len(cloud.of_user("stories", service.user_id)) == 1
