"""What a phone may ask for: who it is, what it gets, and how it is refused, in the callable protocol's own words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from firebase_functions.https_fn import FunctionsErrorCode, HttpsError

from backend import callables
from jobs import errors, keys
from jobs.errors import StoryvoiceError
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import REQUEST, STORY, USER

UPLOAD = {"voiceId": "v9", "contentType": "audio/wav", "sizeBytes": 1000}
AUDIO_KEY = "stories/u1/s1/j/1/audio.mp3"
PLAYLIST_KEY = "stories/u1/s1/j/1/playlist.m3u8"


def ask(world: FunctionsWorld, handle: Callable[..., Any], data: Any, uid: str | None = USER) -> dict[str, Any]:
    request: Any = SimpleNamespace(data=data, auth=None if uid is None else SimpleNamespace(uid=uid))
    return callables.answer(world.services, request, handle)


def refused(world: FunctionsWorld, handle: Callable[..., Any], data: Any, uid: str | None = USER) -> HttpsError:
    with pytest.raises(HttpsError) as raised:
        ask(world, handle, data, uid)
    return raised.value


def test_an_upload_is_bound_to_the_user_the_type_and_the_length(functions: FunctionsWorld) -> None:
    answer = ask(functions, callables.create_upload, UPLOAD)
    assert keys.is_own_recording(USER, answer["recordingKey"])
    assert answer["recordingKey"].startswith("recordings/u1/v9/")
    assert answer["recordingKey"].endswith(".wav")
    assert urlsplit(answer["url"]).path == f"/stories/{answer['recordingKey']}"
    assert answer["method"] == "PUT"
    assert answer["headers"] == {"Content-Type": "audio/wav", "Content-Length": "1000"}
    assert answer["expiresAt"].endswith("+00:00")
    assert ask(functions, callables.create_upload, UPLOAD)["recordingKey"] != answer["recordingKey"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contentType": "video/mp4"}, "`contentType` must be one of audio/3gpp"),
        ({"sizeBytes": 0}, "`sizeBytes` must be the length in bytes, at most 50 MB."),
        ({"sizeBytes": keys.MAX_RECORDING_BYTES + 1}, "`sizeBytes` must be"),
        ({"sizeBytes": "1000"}, "`sizeBytes` must be"),
        ({"voiceId": "../x"}, "`voiceId` must be an id"),
        ({"voiceId": "v\n"}, "`voiceId` must be an id"),
        ({"userId": "u2"}, "Unknown field `userId`"),
    ],
)
def test_an_upload_that_cannot_be(functions: FunctionsWorld, change: dict[str, Any], said: str) -> None:
    error = refused(functions, callables.create_upload, {**UPLOAD, **change})
    assert error.code is FunctionsErrorCode.INVALID_ARGUMENT
    assert error.message.startswith(said)
    assert error.details == {"code": "invalid_argument", "message": error.message, "retryable": False}


@pytest.mark.parametrize("data", [None, [], "x", 5])
@pytest.mark.parametrize("handle", [callables.create_upload, callables.get_audio_url])
def test_something_that_is_no_object(functions: FunctionsWorld, handle: Callable[..., Any], data: Any) -> None:
    assert refused(functions, handle, data).message == "An object with named fields is expected."


@pytest.mark.parametrize("uid", [None, "", "a/b", "u\n"])
def test_nobody_we_know(functions: FunctionsWorld, uid: str | None) -> None:
    error = refused(functions, callables.create_upload, UPLOAD, uid)
    assert error.code is FunctionsErrorCode.UNAUTHENTICATED
    assert functions.database.collection("quotas").get() == []


def test_too_many_calls(functions: FunctionsWorld) -> None:
    functions.write(f"quotas/{USER}", {"buckets": {"call": {"tokens": 0.0, "at": functions.now}}})
    error = refused(functions, callables.create_upload, UPLOAD)
    assert error.code is FunctionsErrorCode.RESOURCE_EXHAUSTED
    assert error.details is not None
    assert error.details["retryAfterSeconds"] == 1


def test_the_audio_of_a_request(functions: FunctionsWorld) -> None:
    functions.request(status="ready", audioKey=AUDIO_KEY)
    answer = ask(functions, callables.get_audio_url, {"requestId": "r1"})
    assert urlsplit(answer["url"]).path == f"/stories/{AUDIO_KEY}"


def test_the_beginning_of_a_request_that_is_still_being_told(functions: FunctionsWorld) -> None:
    functions.request(status="running", playlistKey=PLAYLIST_KEY)
    answer = ask(functions, callables.get_audio_url, {"requestId": "r1"})
    assert urlsplit(answer["playlistUrl"]).path == f"/stories/{PLAYLIST_KEY}"
    assert "url" not in answer


def test_the_audio_of_a_story_is_the_newest_or_the_one_that_is_named(functions: FunctionsWorld) -> None:
    versions = [{"id": name, "audioKey": f"stories/u1/s1/{name}/1/audio.mp3"} for name in ("a", "b")]
    functions.patch(STORY, audioVersions=versions)
    newest = ask(functions, callables.get_audio_url, {"storyId": "s1"})
    named = ask(functions, callables.get_audio_url, {"storyId": "s1", "versionId": "a"})
    assert (urlsplit(newest["url"]).path, urlsplit(named["url"]).path) == (
        "/stories/stories/u1/s1/b/1/audio.mp3",
        "/stories/stories/u1/s1/a/1/audio.mp3",
    )


@pytest.mark.parametrize(
    ("data", "uid", "code"),
    [
        ({}, USER, FunctionsErrorCode.INVALID_ARGUMENT),
        ({"requestId": "r1", "storyId": "s1"}, USER, FunctionsErrorCode.INVALID_ARGUMENT),
        ({"requestId": "r1"}, USER, FunctionsErrorCode.FAILED_PRECONDITION),
        ({"requestId": "r1"}, "u2", FunctionsErrorCode.NOT_FOUND),
        ({"requestId": "none"}, USER, FunctionsErrorCode.NOT_FOUND),
        ({"storyId": "s1"}, "u2", FunctionsErrorCode.NOT_FOUND),
        ({"storyId": "s1"}, USER, FunctionsErrorCode.NOT_FOUND),
        ({"storyId": "s1", "versionId": "none"}, USER, FunctionsErrorCode.NOT_FOUND),
    ],
)
def test_audio_that_cannot_be_had(
    functions: FunctionsWorld, data: dict[str, Any], uid: str, code: FunctionsErrorCode
) -> None:
    functions.request()
    assert refused(functions, callables.get_audio_url, data, uid).code is code


def test_a_bug_is_internal_and_says_nothing(functions: FunctionsWorld) -> None:
    def broken(*_: Any) -> dict[str, Any]:
        raise KeyError(REQUEST)

    error = refused(functions, broken, {})
    assert error.code is FunctionsErrorCode.INTERNAL
    assert error.message == "Something went wrong on our side. Please try again."
    assert REQUEST not in str(error.details)


def test_every_error_of_ours_has_a_code_of_the_protocol() -> None:
    ours = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, StoryvoiceError)]
    assert len(ours) > 15
    for error in ours:
        FunctionsErrorCode(error.code.replace("_", "-"))
