"""Deleting a voice or an account: nothing half deleted is seen, whoever dies goes on, what came late does not stay."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from firebase_functions.https_fn import FunctionsErrorCode

from backend import admission, callables, erasing, identity, quotas, requesting, storage
from backend.erasing import carry_on, delete_account, delete_voice
from backend.reconcile import reconcile
from jobs import keys
from jobs.errors import Internal, PermissionDenied, StoryvoiceError, Unavailable
from jobs.model import State
from jobs.store import Result
from tests.unit.erasable_world import ErasableWorld, moto, world
from tests.unit.story_time import JOB, REQUEST, STORY, USER, VERSION, WORKER
from tests.unit.test_callables import ask, refused

__all__ = ["moto", "world"]

VOICE = {"voiceId": "v1"}
OTHERS = {
    f"recordings/{USER}/v2/up.wav",
    f"voices/{USER}/v2/j/1/profile.safetensors",
    f"stories/{USER}/s1/other/1/audio.mp3",
    "chunks/v2/kept.flac",
    "recordings/u2/v1/up.wav",
    "chunks/v10/kept.flac",
}
OF_VOICE = {
    f"recordings/{USER}/v1/up.wav",
    f"voices/{USER}/v1/j/1/profile.safetensors",
    "chunks/v1/kept.flac",
}
AUDIO = f"stories/{USER}/s1/{JOB}/1/audio.mp3"
TWO_HOURS = 7200.0


def told(world: ErasableWorld) -> None:
    """A voice with files, a narration in it, and what belongs to others."""
    world.bring_to(State.SUCCEEDED)
    world.voice(recordingKey=f"recordings/{USER}/v1/up.wav")
    world.put(*OF_VOICE, *OTHERS, AUDIO)
    world.write("voice_profiles/v2", {"userId": USER, "status": "ready", "name": "Dad"})
    world.request("audio_requests/r2", voiceId="v2", status="ready", jobId="other")


def test_a_voice_goes_with_everything_that_was_made_of_it(world: ErasableWorld) -> None:
    told(world)

    assert ask(world, delete_voice, VOICE) == {"voiceId": "v1", "erased": True}

    assert world.keys() == OTHERS
    assert world.read("voice_profiles/v1") is None
    assert world.read(REQUEST) is None
    assert {"audioVersions", "audioStatus", "audioUrl"} & world.get(STORY).keys() == set()
    assert world.ids("voice_profiles") == {"v2"}
    assert world.ids("audio_requests") == {"r2"}
    assert ask(world, delete_voice, VOICE) == {"voiceId": "v1", "erased": True}, "a call whose answer was lost"


def test_the_other_versions_of_a_story_stay(world: ErasableWorld) -> None:
    told(world)
    other = {"id": "other", "voiceId": "v2", "audioKey": "k", "audioUrl": "https://a.b/other"}
    world.patch(STORY, audioVersions=[other, VERSION], audioUrl=VERSION["audioUrl"])
    ask(world, delete_voice, VOICE)
    story = world.get(STORY)
    assert story["audioVersions"] == [other]
    assert (story["audioStatus"], story["audioUrl"]) == ("ready", "https://a.b/other")


@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED, State.RUNNING, State.SUCCEEDED, State.FAILED])
def test_whatever_state_its_narration_is_in(world: ErasableWorld, state: State) -> None:
    world.bring_to(state)
    ask(world, delete_voice, VOICE)
    assert world.job().state is (state if state.finished else State.CANCELLED)
    assert world.read(REQUEST) is None
    assert "audioVersions" not in world.get(STORY)
    if not state.finished:
        assert world.topic.told() == ["cancelled.1"]


def test_a_worker_that_finishes_too_late_changes_nothing(world: ErasableWorld) -> None:
    world.bring_to(State.RUNNING)
    ask(world, delete_voice, VOICE)
    before = world.everything()
    with pytest.raises(StoryvoiceError):
        world.store.succeed(JOB, 1, WORKER, Result(request={"audioKey": AUDIO}, version=VERSION))
    assert world.everything() == before


def test_its_own_cloning_is_cancelled(world: ErasableWorld) -> None:
    recording = f"recordings/{USER}/elsewhere/up.wav"
    consent = {"speaker": "Mum", "statement": "I agree.", "acceptedAt": "2026-11-22T12:00:00Z"}
    wanted = {"voiceId": "v9", "name": "Mum", "language": "en", "isKidsVoice": False, "recordingKey": recording}
    ask(world, requesting.create_voice_profile, {**wanted, "consent": consent})
    job = admission.admit(world.services, "voice_profiles/v9")
    assert job is not None
    world.put(recording)

    ask(world, delete_voice, {"voiceId": "v9"})

    assert world.store.find(job.id).state is State.CANCELLED
    assert world.keys() == set(), "the recording was uploaded for another voice, and is of this one"

    ask(world, requesting.create_voice_profile, {**wanted, "consent": consent})
    assert admission.admit(world.services, "voice_profiles/v9") is None
    error = world.get("voice_profiles/v9")["error"]
    assert (error["code"], error["message"]) == ("aborted", "A voice of this id has been deleted; please use a new id.")


def test_a_narration_that_was_asked_for_at_the_same_time_is_refused(world: ErasableWorld) -> None:
    ask(world, delete_voice, VOICE)
    world.request()
    assert admission.admit(world.services, REQUEST) is None
    assert world.get(REQUEST)["error"]["message"] == "There is no such voice."
    world.wait(TWO_HOURS)
    reconcile(world.services)
    assert world.read(REQUEST) is None


@pytest.mark.parametrize(("voice_id", "uid"), [("none", USER), ("v1", "u2")])
def test_a_voice_that_is_not_the_callers(world: ErasableWorld, voice_id: str, uid: str) -> None:
    told(world)
    before = world.get("voice_profiles/v1")
    error = refused(world, delete_voice, {"voiceId": voice_id}, uid)
    assert (error.code, error.message) == (FunctionsErrorCode.NOT_FOUND, "There is no such voice.")
    assert world.get("voice_profiles/v1") == before
    assert world.keys() >= OF_VOICE
    ask(world, delete_voice, VOICE)
    assert refused(world, delete_voice, VOICE, "u2").code is FunctionsErrorCode.NOT_FOUND


def test_what_comes_in_late_is_found_by_the_last_look(world: ErasableWorld) -> None:
    told(world)
    ask(world, delete_voice, VOICE)
    world.put(*OF_VOICE, AUDIO)
    world.wait(600)
    assert reconcile(world.services)["erasures"] == 0
    assert world.keys() == OTHERS | OF_VOICE | {AUDIO}

    world.wait(TWO_HOURS)
    assert reconcile(world.services)["erasures"] == 2, "the voice, and the narration in it"

    assert world.keys() == OTHERS
    assert world.ids("erasures") == set()
    assert refused(world, delete_voice, VOICE).code is FunctionsErrorCode.NOT_FOUND


# ── whoever dies on the way ──────────────────────────────────────────────────────────────────────────────────────────


class Died(BaseException):
    """As SIGKILL: nobody handles it."""


def dies_at(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch, visit: int) -> list[str]:
    """The functions die just before or after their `visit`-th write to Firestore's erasures or to the bucket."""
    visited: list[str] = []

    def around(name: str, function: Any) -> Any:
        def visiting(*arguments: Any, **named: Any) -> Any:
            for side in ("before", "after"):
                visited.append(f"{name}.{side}")
                if len(visited) == visit:
                    raise Died
                if side == "before":
                    result = function(*arguments, **named)
            return result

        return visiting

    eraser, store = world.services.eraser(), world.services.store()
    monkeypatch.setattr(eraser, "delete_some", around("delete", eraser.delete_some))
    monkeypatch.setattr(store, "erase", around("erase", store.erase))
    for name in ("_settle", "_complete", "_delete_tree"):
        monkeypatch.setattr(erasing, name, around(name, getattr(erasing, name)))
    return visited


@pytest.mark.parametrize("by", ["the same call", "reconcile"])
def test_wherever_it_dies_it_goes_on(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    visit, reached_the_end = 0, False
    while not reached_the_end:
        visit += 1
        told(world)
        with monkeypatch.context() as patch:
            dies_at(world, patch, visit)
            try:
                ask(world, delete_voice, VOICE)
                reached_the_end = True
            except Died:
                pass
        if world.read("voice_profiles/v1") is None:
            assert world.services.firestore().collection("erasures").get(), visit
        if by == "reconcile" and world.read("voice_profiles/v1") is None:
            world.wait(121)
            reconcile(world.services)
        else:
            ask(world, delete_voice, VOICE)
        assert world.keys() == OTHERS, visit
        assert world.ids("audio_requests") == {"r2"}
        for collection in ("erasures", "jobs", "audio_requests", "quotas"):
            for snapshot in world.database.collection(collection).stream():
                snapshot.reference.delete()
    assert visit > 12


def test_a_bucket_that_is_away_is_not_the_callers_trouble(world: ErasableWorld) -> None:
    told(world)
    world.fault("r2.DeleteObjects:503 x1")
    assert ask(world, delete_voice, VOICE) == {"voiceId": "v1", "erased": False}
    assert world.read("voice_profiles/v1") is None
    world.wait(121)
    assert reconcile(world.services)["erasures"] >= 1
    assert world.keys() == OTHERS


def test_what_takes_too_long_is_left_to_reconcile(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    told(world)
    monkeypatch.setattr(erasing, "CARRY_ON_SECONDS", -1.0)
    assert ask(world, delete_voice, VOICE)["erased"] is False
    monkeypatch.undo()
    world.wait(121)
    reconcile(world.services)
    assert world.keys() == OTHERS


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def lived_in(world: ErasableWorld) -> None:
    told(world)
    world.write(f"users/{USER}", {"name": "Mum"})
    world.write(f"users/{USER}/devices/d1", {"token": "t"})
    world.write(f"users/{USER}/devices/d1/below/b", {"x": 1})
    world.write("users/u2/devices/d", {"token": "t"})
    world.write("stories/s2", {"userId": "u2", "title": "Theirs"})


def erased(world: ErasableWorld, **options: Any) -> dict[str, Any]:
    request: Any = type("Request", (), {"data": {}, "auth": type("Auth", (), {"uid": USER})})
    return callables.answer(world.services, request, delete_account, even_if_closed=True, **options)


def test_an_account_goes_with_everything(world: ErasableWorld) -> None:
    lived_in(world)

    answer = erased(world)

    assert world.keys() == {"recordings/u2/v1/up.wav", "chunks/v10/kept.flac"}
    assert world.deleted_users == [USER]
    left = {
        path for path, fields in world.everything().items() if USER in (path.partition("/")[2], fields.get("userId"))
    }
    assert {path.partition("/")[0] for path in left} == {"erasures", "quotas"}, "until the last look"
    assert world.database.document(f"users/{USER}/devices/d1/below/b").get().exists is False
    assert world.database.document("users/u2/devices/d").get().exists
    assert world.ids("stories") == {"s2"}
    receipt = world.get(f"receipts/{answer['receiptId']}")
    assert receipt["subject"] == hashlib.sha256(USER.encode()).hexdigest()
    assert answer["erased"] == receipt["erased"]
    assert receipt["erased"] == {"audio_requests": 2, "stories": 1, "voice_profiles": 2, "jobs": 1, "files": 8}
    assert receipt["expireAt"] - receipt["requestedAt"] == timedelta(days=3 * 365)
    assert USER not in str(receipt)
    assert answer["requestedAt"] == answer["completedAt"] == world.now.isoformat(timespec="seconds")

    assert erased(world) == answer, "a call whose answer was lost"
    world.wait(TWO_HOURS)
    world.put(f"stories/{USER}/late/j/1/audio.mp3")
    world.write("stories/late", {"userId": USER, "title": "Written with the last token"})
    reconcile(world.services)
    assert world.keys() == {"recordings/u2/v1/up.wav", "chunks/v10/kept.flac"}
    assert world.ids("erasures") == world.ids("quotas") == set()
    assert USER not in str(world.everything()).replace("u10", "")
    assert world.get(f"receipts/{answer['receiptId']}")["completedAt"] < world.now


def test_a_piece_that_comes_in_late_is_on_the_receipt(world: ErasableWorld) -> None:
    """A worker was speaking it. The erasure of the voice comes upon it, which is a part of the account's."""
    lived_in(world)
    before = erased(world)["erased"]
    world.put("chunks/v1/late.flac")

    carry_on(world.services, keys.erasure_id("voice_profiles/v1"))

    assert world.keys() == {"recordings/u2/v1/up.wav", "chunks/v10/kept.flac"}
    assert erased(world)["erased"] == {**before, "files": before["files"] + 1}


@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED, State.RUNNING])
def test_what_is_under_way_is_stopped(world: ErasableWorld, state: State) -> None:
    world.bring_to(state)
    erased(world)
    assert world.topic.told() == ["cancelled.1"]
    assert world.ids("jobs") == set()


def test_what_an_administrator_wrote_stops_nobody(world: ErasableWorld) -> None:
    """Ids and shapes that neither rules nor admission let through."""
    world.write("voice_profiles/a voice", {"userId": USER, "name": 7})
    world.write("jobs/none", {"userId": USER, "state": "surprise"})
    world.request(storyId="a/b", jobId="x")
    assert "completedAt" in erased(world)
    assert world.ids("voice_profiles") | world.ids("jobs") | world.ids("audio_requests") == set()


def test_nothing_more_is_admitted_nor_answered(world: ErasableWorld) -> None:
    erased(world)
    world.story()
    world.voice()
    world.request()
    assert admission.admit(world.services, REQUEST) is None
    assert world.get(REQUEST)["error"]["message"] == "This account is being deleted."
    error = refused(world, callables.get_audio_url, {"requestId": "r1"})
    assert (error.code, error.message) == (FunctionsErrorCode.PERMISSION_DENIED, "This account is being deleted.")


def test_it_costs_a_call_like_any_other(world: ErasableWorld) -> None:
    for _ in range(world.services.settings().calls_per_minute):
        quotas.charge_call(world.store, world.services.settings(), USER, even_if_closed=True)
    erasing._begin(world.services, erasing._account(world.services, USER))
    error = refused(world, lambda *_: {}, {})
    assert error.code is FunctionsErrorCode.PERMISSION_DENIED
    with pytest.raises(StoryvoiceError, match="more than 60 requests"):
        quotas.charge_call(world.store, world.services.settings(), USER, even_if_closed=True)
    kept = world.get(f"quotas/{USER}")["expireAt"]
    world.wait(60)
    quotas.charge_call(world.store, world.services.settings(), USER, even_if_closed=True)
    assert world.get(f"quotas/{USER}")["expireAt"] == kept, "it stays closed until the last look"
    with pytest.raises(PermissionDenied):
        quotas.charge_call(world.store, world.services.settings(), USER)


@pytest.mark.parametrize("by", ["the same call", "reconcile"])
def test_wherever_an_account_dies_it_goes_on(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    visit, reached_the_end = 0, False
    while not reached_the_end:
        visit += 3
        lived_in(world)
        with monkeypatch.context() as patch:
            dies_at(world, patch, visit)
            try:
                erased(world)
                reached_the_end = True
            except Died:
                pass
        if by == "reconcile":
            world.wait(121)
            reconcile(world.services)
        else:
            erased(world)
        (receipt,) = (snapshot.to_dict() or {} for snapshot in world.database.collection("receipts").stream())
        assert "completedAt" in receipt, visit
        assert receipt["erased"]["stories"] == 1
        assert world.keys() == {"recordings/u2/v1/up.wav", "chunks/v10/kept.flac"}, visit
        assert world.ids("voice_profiles") | world.ids("audio_requests") | world.ids("jobs") == set()
        for collection in ("erasures", "receipts", "quotas"):
            for snapshot in world.database.collection(collection).stream():
                snapshot.reference.delete()
    assert visit > 12


def test_a_sign_in_that_cannot_be_deleted_now(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_in(world)

    def away(_: str) -> None:
        raise Unavailable("The sign-in could not be deleted yet. Please try again.")

    with monkeypatch.context() as patch:
        patch.setattr(identity, "delete_sign_in", away)
        answer = erased(world)
    assert "completedAt" not in answer
    world.wait(121)
    reconcile(world.services)
    assert "completedAt" in world.get(f"receipts/{answer['receiptId']}")


# ── the bucket ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("files", [6, 7])
def test_more_than_a_page_of_files(world: ErasableWorld, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    told(world)
    monkeypatch.setattr(storage, "PAGE", 3)
    world.put(*(f"chunks/v1/{number}.flac" for number in range(files)))
    ask(world, delete_voice, VOICE)
    assert world.keys() == OTHERS


@pytest.mark.parametrize("prefix", ["", "stories/", "stories", "stories//", "secrets/u1/", "chunks/../", "chunks/v1"])
def test_a_prefix_that_is_nobodys_is_refused(world: ErasableWorld, prefix: str) -> None:
    world.put("stories/u1/s1/j/1/audio.mp3")
    with pytest.raises(Internal):
        world.services.eraser().delete_some(prefix)
    assert len(world.keys()) == 1


@pytest.mark.parametrize(
    "fault", ["ListObjectsV2:500", "ListObjectsV2:429", "DeleteObjects:503", "DeleteObjects:reset"]
)
def test_a_bucket_that_is_out_of_order(world: ErasableWorld, fault: str) -> None:
    world.put("chunks/v1/a.flac")
    world.fault(f"r2.{fault} x1")
    with pytest.raises(Unavailable):
        world.services.eraser().delete_some("chunks/v1/")


def test_every_prefix_of_a_voice_and_a_user_can_be_deleted(world: ErasableWorld) -> None:
    prefixes = (
        *keys.everything_of_voice(USER, "v-1_"),
        *keys.everything_of_user(USER),
        keys.narration_of(USER, "s", "j"),
    )
    assert [world.services.eraser().delete_some(prefix) for prefix in prefixes] == [0] * 8
