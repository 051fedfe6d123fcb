"""Requests made by a call: the document is the one that an app would have written, once, whoever repeats the call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from firebase_functions.https_fn import FunctionsErrorCode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend import admission, requesting
from backend.reconcile import reconcile
from jobs import documents
from jobs.errors import StoryvoiceError
from jobs.model import State
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB, REQUEST, TEXT, USER
from tests.unit.test_callables import ask, refused

VOICE = {
    "voiceId": "v9",
    "name": "Mum",
    "language": "en",
    "isKidsVoice": False,
    "recordingKey": f"recordings/{USER}/v9/upload.wav",
    "consent": {"speaker": "Mum", "statement": "I agree.", "acceptedAt": "2026-11-22T11:59:00.123Z"},
}
AUDIO = {"requestId": "r1", "storyId": "s1", "voiceId": "v1", "language": "en", "speed": 1}


def test_a_voice_profile_is_what_an_app_would_have_written(functions: FunctionsWorld) -> None:
    answer = ask(functions, requesting.create_voice_profile, {**VOICE, "modelType": None})

    assert answer == {"voiceId": "v9", "path": "voice_profiles/v9"}
    written = functions.get("voice_profiles/v9")
    created = written.pop("createdAt")
    assert abs((created - datetime.now(UTC)).total_seconds()) < 60, "the server's time"
    accepted = datetime(2026, 11, 22, 11, 59, 0, 123000, tzinfo=UTC)
    expected = {name: value for name, value in VOICE.items() if name != "voiceId"}
    expected |= {"userId": USER, "status": "pending", "consent": {**VOICE["consent"], "acceptedAt": accepted}}  # type: ignore[dict-item]
    assert written == expected
    documents.validate_voice_profile({**written, "createdAt": created})
    assert admission.admit(functions.services, "voice_profiles/v9") is not None


def test_an_audio_request_is_what_an_app_would_have_written(functions: FunctionsWorld) -> None:
    answer = ask(functions, requesting.request_story_audio, {**AUDIO, "text": "Once.", "seed": 7})

    assert answer == {"requestId": "r1", "path": REQUEST}
    written = functions.get(REQUEST)
    documents.validate_audio_request(written)
    del written["createdAt"]
    assert written == {
        "userId": USER,
        "storyId": "s1",
        "voiceId": "v1",
        "language": "en",
        "speed": 1,
        "text": "Once.",
        "seed": 7,
        "status": "pending",
    }
    job = admission.admit(functions.services, REQUEST)
    assert job is not None
    assert job.input["text"] == "Once."


@pytest.mark.parametrize(
    ("handle", "data", "path"),
    [
        (requesting.create_voice_profile, VOICE, "voice_profiles/v9"),
        (requesting.request_story_audio, AUDIO, REQUEST),
    ],
)
def test_the_same_call_again_is_the_same_request(
    functions: FunctionsWorld, handle: Any, data: dict[str, Any], path: str
) -> None:
    first = ask(functions, handle, data)
    admission.admit(functions.services, path)
    before = functions.get(path)
    assert before["status"] == "queued"

    assert ask(functions, handle, data) == first
    assert functions.get(path) == before

    other = refused(functions, handle, {**data, "language": "de"})
    assert other.code is FunctionsErrorCode.ALREADY_EXISTS
    assert other.message == "This id has been used before for something else; please use a new one."
    less = refused(functions, handle, {**data, **_of_another(data)}, "u2")
    assert less.code is FunctionsErrorCode.ALREADY_EXISTS, "another's id is not ours, and nobody learns what lies there"
    assert functions.get(path) == before


def _of_another(data: dict[str, Any]) -> dict[str, Any]:
    return {"recordingKey": "recordings/u2/v9/upload.wav"} if "recordingKey" in data else {}


@pytest.mark.parametrize(
    ("data", "uid", "what"),
    [
        ({**AUDIO, "storyId": "none"}, USER, "story"),
        ({**AUDIO, "voiceId": "none"}, USER, "voice"),
        (AUDIO, "u2", "story"),
    ],
)
def test_what_is_not_the_callers_is_not_there(functions: FunctionsWorld, data: Any, uid: str, what: str) -> None:
    error = refused(functions, requesting.request_story_audio, data, uid)
    assert (error.code, error.message) == (FunctionsErrorCode.NOT_FOUND, f"There is no such {what}.")
    assert functions.read(REQUEST) is None


@pytest.mark.parametrize(
    ("handle", "data", "said"),
    [
        (requesting.create_voice_profile, {**VOICE, "voiceId": "a/b"}, "`voiceId` must be an id"),
        (requesting.create_voice_profile, {**VOICE, "consent": None}, "`consent` is missing."),
        (requesting.create_voice_profile, {**VOICE, "consent": {"speaker": "Mum"}}, "`consent.statement` is missing."),
        (
            requesting.create_voice_profile,
            {**VOICE, "consent": {"speaker": "M", "statement": "I.", "acceptedAt": "yesterday"}},
            "`consent.acceptedAt` must be a timestamp.",
        ),
        (
            requesting.create_voice_profile,
            {**VOICE, "consent": {"speaker": "M", "statement": "I.", "acceptedAt": "2026-11-22T12:00:00"}},
            "`consent.acceptedAt` must be a timestamp.",
        ),
        (
            requesting.create_voice_profile,
            {**VOICE, "recordingKey": "recordings/u2/v9/x.wav"},
            "`recordingKey` must be a key that createUpload gave to this user.",
        ),
        (requesting.create_voice_profile, {**VOICE, "userId": "u2"}, "Unknown field `userId`; the fields are voiceId,"),
        (requesting.create_voice_profile, {**VOICE, "language": "xx"}, "`language` must be one of"),
        (requesting.request_story_audio, {**AUDIO, "status": "ready"}, "Unknown field `status`"),
        (requesting.request_story_audio, {**AUDIO, "createdAt": "now"}, "Unknown field `createdAt`"),
        (requesting.request_story_audio, {**AUDIO, "jobId": "x"}, "Unknown field `jobId`"),
        (requesting.request_story_audio, {**AUDIO, "speed": 3}, "`speed` must be a number from 0.5 to 2."),
        (requesting.request_story_audio, {**AUDIO, "requestId": ""}, "`requestId` must be an id"),
        (requesting.request_story_audio, {"requestId": "r1"}, "`storyId` is missing."),
        (requesting.cancel_request, {}, "Give either `requestId` or `voiceId`."),
        (requesting.cancel_request, {"requestId": "r1", "voiceId": "v1"}, "Give either"),
    ],
)
def test_what_cannot_be(functions: FunctionsWorld, handle: Any, data: Any, said: str) -> None:
    error = refused(functions, handle, data)
    assert error.code is FunctionsErrorCode.INVALID_ARGUMENT
    assert said in error.message
    assert functions.read("voice_profiles/v9") is None
    assert functions.read(REQUEST) is None


HALF = "\ud800"  # of a surrogate pair: JSON can spell it, and firebase-functions' reader passes it on


@pytest.mark.parametrize("value", [HALF, [HALF], {HALF: 1}, {"a": HALF}, {"a": {HALF: HALF}}], ids=ascii)
def test_half_a_character_is_refused_wherever_it_stands(functions: FunctionsWorld, value: Any) -> None:
    calls: tuple[tuple[Any, dict[str, Any], Any], ...] = (
        (requesting.create_voice_profile, VOICE, requesting.CreateVoiceProfile),
        (requesting.request_story_audio, AUDIO, requesting.RequestStoryAudio),
        (requesting.cancel_request, {}, requesting.CancelRequest),
    )
    for handle, data, shape in calls:
        for name in shape.__struct_encode_fields__:
            error = refused(functions, handle, {**data, name: value})
            assert error.code is FunctionsErrorCode.INVALID_ARGUMENT, (name, error.message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) | st.just(HALF),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*VOICE, *AUDIO, "text", "cast", "seed", "modelType", "userId", "status", "surprise"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([VOICE, AUDIO]), st.dictionaries(NAMES, JSON, max_size=3), JSON)
def test_anything_else_is_refused_in_a_sentence_or_is_valid(
    functions: FunctionsWorld, base: dict[str, Any], changes: dict[str, Any], whole: Any
) -> None:
    for handle in (requesting.create_voice_profile, requesting.request_story_audio, requesting.cancel_request):
        for data in ({**base, **changes}, whole):
            error = None
            try:
                handle(functions.services, USER, data)
            except StoryvoiceError as raised:
                error = raised
            assert error is None or (not error.retryable and error.message.endswith("."))


# ── taking back ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED, State.RUNNING])
def test_an_unfinished_request_is_taken_back_with_its_job(functions: FunctionsWorld, state: State) -> None:
    functions.bring_to(state)

    answer = ask(functions, requesting.cancel_request, {"requestId": "r1"})

    assert answer == {"path": REQUEST, "status": "cancelled"}
    assert functions.get(REQUEST)["status"] == "cancelled"
    assert "jobActive" not in functions.get(REQUEST)
    assert functions.job().state is State.CANCELLED
    assert functions.topic.told()[-1] == "cancelled.1"
    assert ask(functions, requesting.cancel_request, {"requestId": "r1"}) == answer


def test_before_it_is_admitted_nothing_else_is_there_to_stop(functions: FunctionsWorld) -> None:
    functions.request()
    ask(functions, requesting.cancel_request, {"requestId": "r1"})
    assert functions.get(REQUEST)["status"] == "cancelled"
    assert admission.admit(functions.services, REQUEST) is None


def test_a_voice_is_taken_back_too(functions: FunctionsWorld) -> None:
    ask(functions, requesting.create_voice_profile, VOICE)
    admission.admit(functions.services, "voice_profiles/v9")
    ask(functions, requesting.cancel_request, {"voiceId": "v9"})
    assert functions.get("voice_profiles/v9")["status"] == "cancelled"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_what_is_finished_stays_finished(functions: FunctionsWorld, state: State) -> None:
    functions.bring_to(state)
    before = functions.get(REQUEST)
    error = refused(functions, requesting.cancel_request, {"requestId": "r1"})
    assert error.code is FunctionsErrorCode.FAILED_PRECONDITION
    assert error.message == "This audio request is finished already; there is nothing left to cancel."
    assert functions.get(REQUEST) == before


def test_anothers_request_cannot_be_taken_back(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    for data, uid in (({"requestId": "r1"}, "u2"), ({"requestId": "none"}, USER), ({"voiceId": "v1"}, "u2")):
        assert refused(functions, requesting.cancel_request, data, uid).code is FunctionsErrorCode.NOT_FOUND
    assert functions.job().state is State.QUEUED


def test_what_cannot_be_stopped_now_is_left_to_reconcile(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    functions.topic.down = True
    ask(functions, requesting.cancel_request, {"requestId": "r1"})
    assert functions.store.find(JOB).state is State.CANCELLED
    functions.topic.down = False
    assert reconcile(functions.services)["unpublished"] == 1
    assert functions.get("quotas/u1")["characters"] == 0, f"{len(TEXT)} characters are given back"
