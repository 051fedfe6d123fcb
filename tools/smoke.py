"""`python -m tools.smoke`: a real narration in a deployed environment, as an app would have it, and nothing of it left.

    python -m tools.smoke --project storyvoice-staging --app-id 1:123:android:abc

Signs a user up, uploads a recording, has a voice made and a story told, downloads it, looks at the audio, and deletes
the account with all that is in it, also when something failed. Over HTTPS and JSON only: Firebase's own REST API, with
the rights of a user and nothing else, so rules, App Check and functions are all in it. Exits with 1 and a sentence when
anything did not come true within --seconds.

SMOKE_API_KEY is the app's public API key, SMOKE_APP_CHECK_TOKEN a debug token that App Check has been told of.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

Fields = dict[str, Any]
RECORDING = Path(__file__).parents[1] / "assets" / "recording.flac"
STORY = "A lion slept in the forest. A little mouse ran over his nose, and he woke up, and let her go."
CONSENT = "I am the speaker, and I agree that stories are told in my voice."
SECONDS_A_WORD = (0.15, 1.5)  # nobody tells a story faster or slower
ONCE = frozenset({"deleteAccount"})  # takes an App Check token only once


class SmokeError(RuntimeError):
    """Something did not come true; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A deployed environment as a client sees it. The addresses are Google's unless others are given."""

    project: str
    app_id: str
    api_key: str
    app_check_token: str
    callables: str
    auth: str = "https://identitytoolkit.googleapis.com"
    app_check: str = "https://firebaseappcheck.googleapis.com"
    firestore: str = "https://firestore.googleapis.com"


class User:
    """A user of the app, who has just signed up."""

    def __init__(self, target: Target, http: httpx.Client) -> None:
        self._target, self._http = target, http
        self._documents = f"projects/{target.project}/databases/(default)/documents"
        body = {"email": f"smoke-{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(16)}
        answer = self._post(self._keyed(f"{target.auth}/v1/accounts:signUp"), {**body, "returnSecureToken": True})
        self.id: str = answer["localId"]
        self._bearer = {"Authorization": f"Bearer {answer['idToken']}"}
        self._attested = self._attest()

    def call(self, name: str, data: Fields) -> Fields:
        """Call a callable function."""
        token = self._attest() if name in ONCE else self._attested
        url = f"{self._target.callables}/{name}"
        answer = self._post(url, {"data": data}, {**self._bearer, "X-Firebase-AppCheck": token})
        result: Fields = answer["result"]
        return result

    def create(self, path: str, fields: Fields, *, at: str = "") -> None:
        """Create a document; the field named `at` becomes the server's time."""
        name = f"{self._documents}/{path}"
        write: Fields = {"update": {"name": name, "fields": encoded(fields)}, "currentDocument": {"exists": False}}
        if at:
            write["updateTransforms"] = [{"fieldPath": at, "setToServerValue": "REQUEST_TIME"}]
        self._post(f"{self._target.firestore}/v1/{self._documents}:commit", {"writes": [write]}, self._bearer)

    def get(self, path: str) -> Fields:
        response = self._http.get(f"{self._target.firestore}/v1/{self._documents}/{path}", headers=self._bearer)
        return decoded(_answer(response, f"reading {path.partition('/')[0]}").get("fields", {}))

    def _attest(self) -> str:
        app = f"projects/{self._target.project}/apps/{self._target.app_id}"
        url = self._keyed(f"{self._target.app_check}/v1/{app}:exchangeDebugToken")
        token: str = self._post(url, {"debugToken": self._target.app_check_token, "limitedUse": True})["token"]
        return token

    def _keyed(self, url: str) -> str:
        return f"{url}?key={self._target.api_key}"

    def _post(self, url: str, body: Fields, headers: Mapping[str, str] | None = None) -> Fields:
        return _answer(self._http.post(url, json=body, headers=headers), httpx.URL(url).path.rpartition("/")[2])


def narrate(target: Target, *, seconds: float, pause: float, stage: Callable[[str], Any]) -> None:
    """The whole way. `pause`: seconds between two looks at a document. Raises SmokeError."""
    with httpx.Client(timeout=60) as http:
        with stage("sign up"):
            user = User(target, http)
        try:
            _tell(user, http, seconds, pause, stage)
        finally:
            with stage("delete the account"):
                user.call("deleteAccount", {})


def _tell(user: User, http: httpx.Client, seconds: float, pause: float, stage: Callable[[str], Any]) -> None:
    voice_id, story_id, request_id = (secrets.token_hex(10) for _ in range(3))
    pending = {"userId": user.id, "status": "pending", "language": "en"}
    with stage("upload a recording"):
        recording = RECORDING.read_bytes()
        wanted = {"voiceId": voice_id, "contentType": "audio/flac", "sizeBytes": len(recording)}
        granted = user.call("createUpload", wanted)
        sent = http.put(granted["url"], content=recording, headers=granted["headers"])
        _require(sent.status_code == 200, f"The bucket refused the recording with status {sent.status_code}.")
    with stage("make a voice"):
        consent = {"speaker": "Smoke test", "statement": CONSENT, "acceptedAt": datetime.now(UTC)}
        voice = {"name": "Smoke", "isKidsVoice": False, "recordingKey": granted["recordingKey"], "consent": consent}
        user.create(f"voice_profiles/{voice_id}", {**pending, **voice}, at="createdAt")
        _until_ready(user, f"voice_profiles/{voice_id}", seconds, pause)
    with stage("tell a story"):
        user.create(f"stories/{story_id}", {"userId": user.id, "title": "Smoke", "text": STORY, "language": "en"})
        request = {**pending, "storyId": story_id, "voiceId": voice_id}
        user.create(f"audio_requests/{request_id}", request, at="createdAt")
        told = _until_ready(user, f"audio_requests/{request_id}", seconds, pause)
    with stage("listen to it"):
        audio = http.get(user.call("getAudioUrl", {"requestId": request_id})["url"])
        _require(audio.status_code == 200, f"The bucket refused the audio with status {audio.status_code}.")
        _check_audio(audio.content, told["durationSeconds"])
        versions = user.get(f"stories/{story_id}").get("audioVersions", [])
        _require(len(versions) == 1, f"The story has {len(versions)} audio versions instead of one.")


def _until_ready(user: User, path: str, seconds: float, pause: float) -> Fields:
    deadline = time.monotonic() + seconds
    while True:
        document = user.get(path)
        status = document.get("status")
        if status == "ready":
            return document
        collection = path.partition("/")[0]
        message = (document.get("error") or {}).get("message", "no reason given")
        _require(status not in ("failed", "cancelled"), f"The document in {collection} is {status}: {message}")
        _require(time.monotonic() < deadline, f"The document in {collection} is still {status} after {seconds:g} s.")
        time.sleep(pause)


def _check_audio(content: bytes, duration: float) -> None:
    is_mp3 = content.startswith(b"ID3") or (content[0] == 0xFF and content[1] & 0xE0 == 0xE0)
    _require(is_mp3, "What was downloaded is no MP3 file.")
    least, most = (each * len(STORY.split()) for each in SECONDS_A_WORD)
    _require(least <= duration <= most, f"The audio lasts {duration:.1f} s, which cannot be this story.")
    _require(len(content) >= duration * 2000, f"{len(content)} bytes are too few for {duration:.1f} s.")


def _require(true: bool, otherwise: str) -> None:
    if not true:
        raise SmokeError(otherwise)


def _answer(response: httpx.Response, what: str) -> Fields:
    try:
        answer: Fields = response.json()
    except ValueError:
        answer = {}
    if response.status_code >= 400:
        message = answer.get("error", {}).get("message", "no reason given")
        raise SmokeError(f"{what}: status {response.status_code}, {message}")
    return answer


def encoded(fields: Mapping[str, Any]) -> Fields:
    """Plain values as Firestore's REST interface has them."""
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Any) -> Fields:
    if isinstance(value, Mapping):
        return {"mapValue": {"fields": encoded(value)}}
    if isinstance(value, datetime):
        return {"timestampValue": value.isoformat()}
    return {("booleanValue" if isinstance(value, bool) else "stringValue"): value}


def decoded(fields: Mapping[str, Fields]) -> Fields:
    """Firestore's REST values as plain ones; times stay text."""
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Fields) -> Any:
    ((kind, content),) = value.items()
    if kind == "mapValue":
        return decoded(content.get("fields", {}))
    if kind == "arrayValue":
        return [_plain(each) for each in content.get("values", [])]
    return int(content) if kind == "integerValue" else content


@contextmanager
def _printed(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    sys.stdout.write(f"  {name:<22} {time.monotonic() - started:6.1f} s\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.smoke", description="A real narration in an environment.")
    parser.add_argument("--project", required=True)
    parser.add_argument("--app-id", required=True, help="a Firebase app of the project, 1:…:android:…")
    parser.add_argument("--region", default="us-central1", help="where the functions are")
    parser.add_argument("--seconds", type=float, default=600, help="how long a voice, and a story, may take")
    arguments = parser.parse_args()
    target = Target(
        project=arguments.project,
        app_id=arguments.app_id,
        api_key=os.environ["SMOKE_API_KEY"],
        app_check_token=os.environ["SMOKE_APP_CHECK_TOKEN"],
        callables=f"https://{arguments.region}-{arguments.project}.cloudfunctions.net",
    )
    try:
        narrate(target, seconds=arguments.seconds, pause=2, stage=_printed)
    except (SmokeError, httpx.HTTPError) as error:
        sys.exit(f"The smoke test failed: {error if isinstance(error, SmokeError) else type(error).__name__}")


if __name__ == "__main__":
    main()
