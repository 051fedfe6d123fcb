"""A phone that asks by call, and deletes: a voice, then all that it ever had. Processes die on the way."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import firebase_admin
import httpx
import pytest
from firebase_admin import auth

from jobs import keys
from localcloud.cloud import BUCKET
from localcloud.phone import Phone, PhoneError, new_id
from tests.cloud import RECORDING, SHORT_TEXT, Family, Fields, TestCloud, until
from tests.flow.test_callables import call, credentials

CONSENT = {"speaker": "Mum", "statement": "I am the speaker, and I agree.", "acceptedAt": "2026-11-22T12:00:00Z"}


def create_voice(phone: Phone) -> str:
    voice_id = new_id()
    key = phone.upload(voice_id, RECORDING, "audio/flac")
    profile = {"name": "Mum", "language": "en", "isKidsVoice": False, "recordingKey": key, "consent": CONSENT}
    voice = phone.finished(phone.call("createVoiceProfile", {"voiceId": voice_id, **profile})["path"])
    assert voice["status"] == "ready", voice.get("error")
    return voice_id


def request_audio(phone: Phone, voice_id: str, text: str = SHORT_TEXT) -> str:
    story = {"storyId": phone.create_story("A story", text), "voiceId": voice_id, "language": "en"}
    path: str = phone.call("requestStoryAudio", {"requestId": new_id(), **story})["path"]
    return path


def objects(cloud: TestCloud, user_id: str, voice_id: str) -> set[str]:
    places = ("recordings", "voices", "stories")
    return set().union(*(cloud.keys(f"{place}/{user_id}/") for place in places), cloud.keys(keys.chunks_of(voice_id)))


def documents(cloud: TestCloud, user_id: str) -> dict[str, Fields]:
    names = ("voice_profiles", "audio_requests", "stories", "jobs")
    return {path: fields for name in names for path, fields in cloud.of_user(name, user_id).items()}


def time_passes(cloud: TestCloud, user_id: str, *, to_the_last_look: bool = False) -> None:
    """Every erasure of the user becomes that much older."""
    past = datetime.now(UTC) - timedelta(seconds=60)
    changes = {"dueAt": past, "lastLookAt": past} if to_the_last_look else {"dueAt": past}
    for path in cloud.of_user("erasures", user_id):
        cloud.admin.document(path).update(changes)


def test_a_voice_that_was_made_and_used_by_calls_is_deleted(cloud: TestCloud, phone: Phone) -> None:
    voice_id = create_voice(phone)
    path = request_audio(phone, voice_id)
    request = phone.finished(path)
    assert request["status"] == "ready", request.get("error")
    cloud.bucket.put_object(Bucket=BUCKET, Key=f"{keys.chunks_of(voice_id)}kept.flac", Body=b"a piece")
    kinds = {key.partition("/")[0] for key in objects(cloud, phone.user_id, voice_id)}
    assert kinds == {"recordings", "voices", "stories", "chunks"}

    assert phone.delete_voice(voice_id) == {"voiceId": voice_id, "erased": True}

    assert objects(cloud, phone.user_id, voice_id) == set()
    left = documents(cloud, phone.user_id)
    assert sorted(path.partition("/")[0] for path in left) == ["jobs", "jobs", "stories"]
    assert "audioVersions" not in left[f"stories/{request['storyId']}"]
    with pytest.raises(PhoneError, match="There is no such audio request"):
        phone.call("getAudioUrl", {"requestId": path.partition("/")[2]})
    with pytest.raises(PhoneError, match="There is no such voice"):
        phone.call(
            "requestStoryAudio",
            {"requestId": new_id(), "storyId": request["storyId"], "voiceId": voice_id, "language": "en"},
        )
    time_passes(cloud, phone.user_id, to_the_last_look=True)
    cloud.reconcile()
    assert cloud.of_user("erasures", phone.user_id) == {}


def the_worker_keeps_one_more(cloud: TestCloud, family: Family) -> None:
    """It was at the second piece when all was deleted, and learns of it afterwards. A later look finds the piece."""
    cloud.open_gate()
    until(lambda: cloud.keys(keys.chunks_of(family.voice_id)), "the piece that the worker was speaking")
    cloud.quiet()


def test_a_voice_is_deleted_while_a_story_is_told_in_it(cloud: TestCloud, family: Family) -> None:
    """The worker learns it with its next report, and takes back what it has uploaded."""
    path = family.ask_behind_the_gate()
    job = f"jobs/{cloud.get(path)['jobId']}"

    assert family.phone.delete_voice(family.voice_id)["erased"] is True
    the_worker_keeps_one_more(cloud, family)
    time_passes(cloud, family.user_id, to_the_last_look=True)
    cloud.reconcile()

    assert cloud.get(job)["state"] == "cancelled"
    until(lambda: not objects(cloud, family.user_id, family.voice_id), "the worker to take back what it has uploaded")
    assert {path.partition("/")[0] for path in documents(cloud, family.user_id)} == {"jobs", "stories"}


def test_a_request_is_taken_back_by_call(cloud: TestCloud, family: Family) -> None:
    """Its job is over at once, without reconcile."""
    path = family.ask_behind_the_gate()

    answer = family.phone.call("cancelRequest", {"requestId": path.partition("/")[2]})

    assert answer == {"path": path, "status": "cancelled"}
    assert cloud.job_of(path)["state"] == "cancelled"
    assert "jobActive" not in cloud.get(path)
    cloud.open_gate()  # the worker notices, and deletes what could be heard already
    until(lambda: not cloud.keys(f"stories/{family.user_id}/"), "what was uploaded to be deleted", seconds=20)


def test_a_call_cannot_be_replayed(cloud: TestCloud, phone: Phone) -> None:
    """An App Check token is good for one deletion. One that has expired or was forged never came so far."""
    headers = credentials(phone)
    assert call(cloud, "deleteVoice", {"voiceId": "none"}, headers)[1]["status"] == "NOT_FOUND"
    code, error = call(cloud, "deleteVoice", {"voiceId": "none"}, headers)
    assert (code, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["message"].startswith("This call has been made before.")


@pytest.mark.parametrize("by", ["the same call", "reconcile"])
@pytest.mark.parametrize("point", ["erase.before", "erase.after", "delete.before", "delete.after", "reply.before"])
def test_the_functions_die_while_they_delete_a_voice(cloud: TestCloud, family: Family, point: str, by: str) -> None:
    path = family.ask()
    assert family.finished(path)["status"] == "ready"
    recording = family.phone.upload(family.voice_id, RECORDING, "audio/flac")
    assert cloud.object(recording)
    cloud.until_told(family.user_id)  # else the fault may strike whoever handles the job's event
    restarts = cloud.cloud.functions.restarts
    cloud.faults(f"functions.{point}:crash x1")
    struck = cloud.struck(f"functions.{point}:crash")

    with contextlib.suppress(PhoneError, httpx.HTTPError, KeyError):
        family.phone.delete_voice(family.voice_id)

    assert cloud.struck(f"functions.{point}:crash") == struck + 1
    until(lambda: cloud.cloud.functions.restarts > restarts, "the next instance")
    if by == "reconcile" and point != "erase.before":  # before that, nothing had been said to be deleted
        assert cloud.read(f"voice_profiles/{family.voice_id}") is None
        time_passes(cloud, family.user_id)
        cloud.reconcile()
    else:
        assert family.phone.delete_voice(family.voice_id)["erased"] is True
    assert objects(cloud, family.user_id, family.voice_id) == set()
    assert {path.partition("/")[0] for path in documents(cloud, family.user_id)} == {"jobs", "stories"}


def test_an_account_is_deleted(cloud: TestCloud, family: Family) -> None:
    user_id, phone = family.user_id, family.phone
    told = family.ask()
    assert family.finished(told)["status"] == "ready"
    cloud.admin.document(f"users/{user_id}/devices/d1").set({"token": "t"})
    family.ask_behind_the_gate()

    receipt = phone.delete_account()

    the_worker_keeps_one_more(cloud, family)
    time_passes(cloud, user_id)
    cloud.reconcile()
    assert {name: receipt["erased"][name] for name in ("audio_requests", "stories", "voice_profiles", "jobs")} == {
        "audio_requests": 2,
        "stories": 2,
        "voice_profiles": 1,
        "jobs": 2,
    }
    assert receipt["completedAt"] >= receipt["requestedAt"]
    assert documents(cloud, user_id) == {}
    until(lambda: not objects(cloud, user_id, family.voice_id), "the worker to take back what it has uploaded")
    assert cloud.read(f"users/{user_id}/devices/d1") is None
    with pytest.raises(PhoneError, match="This account is being deleted"):
        phone.call("getAudioUrl", {"requestId": "any"})
    again = phone.delete_account()
    assert again["erased"]["files"] > receipt["erased"]["files"], "the one more is on it"
    assert again == {**receipt, "erased": {**receipt["erased"], "files": again["erased"]["files"]}}
    time_passes(cloud, user_id, to_the_last_look=True)
    cloud.reconcile()
    assert cloud.of_user("erasures", user_id) == {}
    assert cloud.read(f"quotas/{user_id}") is None
    assert user_id not in str(cloud.get(f"receipts/{receipt['receiptId']}"))


def test_the_sign_in_goes_with_the_account(cloud: TestCloud, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", cloud.endpoints.auth)
    app = firebase_admin.initialize_app(options={"projectId": cloud.endpoints.project}, name=new_id())
    assert auth.get_user(phone.user_id, app).uid == phone.user_id
    assert phone.delete_account()["completedAt"]
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user(phone.user_id, app)
    firebase_admin.delete_app(app)


@pytest.mark.parametrize("point", ["erase.after", "delete.before", "reply.before"])
def test_the_functions_die_while_they_delete_an_account(cloud: TestCloud, family: Family, point: str) -> None:
    path = family.ask()
    assert family.finished(path)["status"] == "ready"
    cloud.until_told(family.user_id)
    restarts = cloud.cloud.functions.restarts
    cloud.faults(f"functions.{point}:crash x1")
    with contextlib.suppress(PhoneError, httpx.HTTPError, KeyError):
        family.phone.delete_account()
    until(lambda: cloud.of_user("erasures", family.user_id), "the erasure")
    until(lambda: cloud.cloud.functions.restarts > restarts, "the next instance")

    time_passes(cloud, family.user_id)
    cloud.reconcile()

    assert documents(cloud, family.user_id) == {}
    assert objects(cloud, family.user_id, family.voice_id) == set()
    assert "completedAt" in family.phone.delete_account()
