"""Speech in the built-in voice and in one's own, its sound while it is made and afterwards, and its end."""

from __future__ import annotations

import io
import wave

import pytest

from localcloud.phone import new_id
from tests.api.service import Service
from tests.cloud import SHORT_TEXT, TWO_PIECES, Family, TestCloud, until

TEXT = "Hello! This is a test of the TTS API."


def test_a_text_is_spoken_in_the_built_in_voice_and_forgotten_again(cloud: TestCloud, service: Service) -> None:
    asked = service.post("/synthesize", {"text": TEXT, "voice_id": "default", "speed": 1.0, "pitch": 1.0})
    audio_id, job_id = asked["audio_id"], asked["metadata"]["job_id"]
    assert asked["audio_url"] == f"/audio/{audio_id}"

    assert service.finished(job_id)["audio_id"] == audio_id
    answer = service.call("GET", f"/audio/{audio_id}?wait=20")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(answer.content)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert 1.5 < seconds < 6
    info = service.get(f"/audio/{audio_id}/info")
    assert (info["status"], info["voice_id"], info["format"]) == ("ready", "default", "wav")
    assert info["duration_seconds"] == pytest.approx(seconds, abs=0.01)
    story = cloud.get(f"stories/{info['story_id']}")
    assert (story["text"], story["userId"], len(story["audioVersions"])) == (TEXT, service.user_id, 1)

    part = service.call("GET", f"/audio/{audio_id}", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    beyond = service.call("GET", f"/audio/{audio_id}", headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.content) == (416, b"")

    gone = service.call("DELETE", f"/audio/{audio_id}")
    assert gone.json() == {"status": "deleted", "id": audio_id, "erased": True}
    assert service.call("GET", f"/audio/{audio_id}").status_code == 404
    assert cloud.read(f"stories/{info['story_id']}") is None
    assert cloud.keys(f"stories/{service.user_id}/") == set()


def test_the_sound_is_waited_for(cloud: TestCloud, family: Family, of_family: Service) -> None:
    """Behind the closed gate it stays half told; 202 says how far it is."""
    cloud.close_gate()
    audio_id = of_family.post("/synthesize", {"text": TWO_PIECES, "voice_id": family.voice_id})["audio_id"]
    family.until_half_told(f"audio_requests/{audio_id}")

    pending = of_family.call("GET", f"/audio/{audio_id}?wait=0.3")
    assert pending.status_code == 202
    assert int(pending.headers["Retry-After"]) > 0
    assert pending.json() == {
        "status": "running",
        "audio_id": audio_id,
        "progress": {"done": 1, "total": 2, "stage": "speaking"},
    }
    assert of_family.call("GET", f"/api/tts/generations/{audio_id}/audio").status_code == 400

    cloud.open_gate()
    until(lambda: of_family.call("GET", f"/audio/{audio_id}?wait=20").status_code == 200, "the sound")


def test_a_failure_says_why(cloud: TestCloud, of_family: Service, family: Family) -> None:
    """The piper voice speaks English only."""
    asked = of_family.post("/synthesize", {"text": "Guten Abend.", "voice_id": family.voice_id, "language": "de"})
    job = of_family.finished(asked["metadata"]["job_id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_argument")

    answer = of_family.call("GET", f"/audio/{asked['audio_id']}")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_argument")
    assert answer.json()["detail"] == job["error"]["message"]
    assert of_family.get(f"/audio/{asked['audio_id']}/info")["error"] == job["error"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "`text` is missing."),
        ({"text": ""}, 400, "`text` must be a text of 1 to 100,000 characters."),
        ({"text": "a", "pitch": 0}, 400, "`pitch` must be a factor from 0.5 (an octave down) to 2 (an octave up)."),
        ({"text": "a", "speed": "fast"}, 400, "`speed` must be a number from 0.5 to 2."),
        ({"text": "a", "language": "xx"}, 400, "`language` must be one of "),
        ({"text": "a", "voice_id": "nobody"}, 404, "There is no such voice."),
        ({"text": "a", "voice_id": "__reserved__"}, 404, "There is no such voice."),
        ({"text": "a", "webhook_url": "https://10.0.0.1/"}, 400, "`webhook_url` must lead to a public address."),
        ({"text": "a", "voice": "default"}, 400, "Unknown field `voice`; the fields are text,"),
    ],
)
def test_what_cannot_be_spoken_leaves_nothing(
    cloud: TestCloud, service: Service, body: dict[str, object], status: int, said: str
) -> None:
    answer = service.call("POST", "/synthesize", body)

    assert (answer.status_code, answer.json()["detail"].startswith(said)) == (status, True), answer.text
    assert cloud.of_user("audio_requests", service.user_id) == {}
    assert cloud.of_user("stories", service.user_id) == {}
    assert cloud.of_user("jobs", service.user_id) == {}


def test_anothers_sound_is_not_there(cloud: TestCloud, family: Family, of_family: Service, service: Service) -> None:
    path = family.ask()
    family.finished(path)
    audio_id = path.partition("/")[2]
    job_id = of_family.get(f"/audio/{audio_id}/info")["job_id"]

    for method, where in [
        ("GET", f"/audio/{audio_id}"),
        ("GET", f"/audio/{audio_id}/info"),
        ("DELETE", f"/audio/{audio_id}"),
        ("GET", f"/api/tts/generations/{audio_id}/audio"),
        ("DELETE", f"/api/tts/generations/{audio_id}"),
        ("GET", f"/api/tts/stories/en/user/{audio_id}/audio"),
        ("GET", f"/jobs/{job_id}"),
        ("GET", f"/jobs/{job_id}/events"),
        ("POST", f"/jobs/{job_id}/cancel"),
        ("GET", "/audio/__reserved__"),
        ("GET", f"/audio/{new_id()}"),
    ]:
        answer = service.call(method, where)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, where)
    answer = of_family.call("GET", f"/audio/{audio_id}")
    assert answer.content == cloud.object(cloud.get(path)["audioKey"])


def test_a_narration_of_the_apps_story_leaves_the_story(cloud: TestCloud, family: Family, of_family: Service) -> None:
    story_id = family.story(SHORT_TEXT)
    body = {"voice_id": family.voice_id, "text": SHORT_TEXT, "story_id": story_id}
    asked = of_family.post("/api/tts/generate", body)["metadata"]
    assert of_family.finished(asked["job_id"])["status"] == "ready"
    assert len(cloud.get(f"stories/{story_id}")["audioVersions"]) == 1

    answer = of_family.call("DELETE", f"/api/tts/generations/{asked['audio_id']}")

    assert answer.json()["erased"] is True
    assert "audioVersions" not in cloud.get(f"stories/{story_id}")
