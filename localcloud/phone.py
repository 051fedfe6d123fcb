"""The mobile app, in Python: signed in, over the same protocols, bound by the same rules as a phone.

Firestore is reached with the user's ID token as the bearer, so firestore.rules decide; callables get the ID token and
an App Check token, as the Firebase SDKs send them; recordings go up and audio comes down by signed URLs. The demo, the
flow tests and the benchmarks all act through this.
"""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

Fields = dict[str, Any]
TERMINAL = frozenset({"ready", "failed", "cancelled"})
LOOK_SECONDS = 2.0
APP_ID = "1:1234567890:android:0123456789abcdef"
# Callables that take an App Check token only once; the SDKs get one for each call with `limitedUseAppCheckTokens`.
ONCE = frozenset({"createVoiceProfile", "requestStoryAudio", "deleteVoice", "deleteAccount"})
CONSENT = "I am the speaker, and I agree that stories are told in my voice."


@dataclass(frozen=True)
class Endpoints:
    """Where a client finds the cloud. `callables`: a callable is at `{callables}/{name}`."""

    project: str
    firestore: str
    auth: str
    app_check: str
    callables: str


class PhoneError(RuntimeError):
    """The cloud did not answer as an app expects; the message is for people."""


class PhoneFirestore(firestore.Client):
    """google-cloud-firestore as a phone's user: left to itself, it presents itself to an emulator as the owner."""

    def __init__(self, project: str, id_token: str) -> None:
        super().__init__(project=project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        self._bearer = f"Bearer {id_token}"

    @property
    def _rpc_metadata(self) -> list[tuple[str, str]]:
        others = [pair for pair in super()._rpc_metadata if pair[0].lower() != "authorization"]
        return [*others, ("authorization", self._bearer)]


class Phone:
    """One signed-in user. FIRESTORE_EMULATOR_HOST must be set to `endpoints.firestore` in this process."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._http = httpx.Client(timeout=60)
        self.user_id, self._id_token = self._sign_up()
        self._app_check_token = self._attest()
        self.firestore: Any = PhoneFirestore(endpoints.project, self._id_token)

    def close(self) -> None:
        self._http.close()
        self.firestore.close()

    @property
    def id_token(self) -> str:
        return self._id_token

    @property
    def app_check_token(self) -> str:
        return self._app_check_token

    def call(self, name: str, data: Fields) -> Fields:
        """Call a callable. Raises PhoneError with its message."""
        app_check_token = self._attest() if name in ONCE else self._app_check_token
        headers = {"Authorization": f"Bearer {self._id_token}", "X-Firebase-AppCheck": app_check_token}
        answer = self._post(f"{self.endpoints.callables}/{name}", {"data": data}, headers)
        if "error" in answer:
            raise PhoneError(f"{name}: {answer['error'].get('message')}")
        result: Fields = answer["result"]
        return result

    def upload(self, voice_id: str, recording: bytes, content_type: str) -> str:
        """Upload a recording through a signed URL and return its key."""
        wanted = {"voiceId": voice_id, "contentType": content_type, "sizeBytes": len(recording)}
        granted = self.call("createUpload", wanted)
        self._transfer("PUT", granted["url"], content=recording, headers=granted["headers"])
        key: str = granted["recordingKey"]
        return key

    def create_voice(self, voice_id: str, name: str, recording_key: str, **more: Any) -> str:
        """Create `voice_profiles/{voice_id}`; returns its path."""
        consent = {"speaker": name, "statement": CONSENT, "acceptedAt": datetime.now(UTC)}
        fields = {"name": name, "language": "en", "isKidsVoice": False, "recordingKey": recording_key}
        return self._create("voice_profiles", voice_id, {**fields, "consent": consent, **self._pending(), **more})

    def create_story(self, title: str, text: str, story_id: str | None = None) -> str:
        """Create a story; returns its id."""
        story_id = story_id or new_id()
        self._create("stories", story_id, {"userId": self.user_id, "title": title, "text": text, "language": "en"})
        return story_id

    def request_audio(self, story_id: str, voice_id: str, request_id: str | None = None, **more: Any) -> str:
        """Create an `audio_requests` document; returns its path."""
        fields = {"storyId": story_id, "voiceId": voice_id, "language": "en"}
        return self._create("audio_requests", request_id or new_id(), {**fields, **self._pending(), **more})

    def cancel(self, path: str) -> None:
        self.firestore.document(path).update({"status": "cancelled"})

    def delete_voice(self, voice_id: str) -> Fields:
        """With everything that was told in it."""
        return self.call("deleteVoice", {"voiceId": voice_id})

    def delete_account(self) -> Fields:
        """With everything; returns the receipt."""
        return self.call("deleteAccount", {})

    def get(self, path: str) -> Fields:
        """Raises PhoneError when there is no such document."""
        found: Fields | None = self.firestore.document(path).get().to_dict()
        if found is None:
            raise PhoneError(f"There is no document {path}.")
        return found

    def watch(self, path: str, seconds: float) -> Iterator[Fields]:
        """The document's versions as a listener brings them, until its status is terminal. PhoneError if it is late.

        The Firestore emulator loses a write that lands while a listener is being attached (1 to 2 of 100 that were
        made within 30 ms of it), and no other may follow. So after LOOK_SECONDS without news the document is read.
        """
        reference = self.firestore.document(path)
        brought: queue.Queue[Any] = queue.Queue()
        listener: Any = reference.on_snapshot(lambda snapshots, changes, when: [*map(brought.put, snapshots)])
        deadline = time.monotonic() + seconds
        seen = None
        try:
            while (left := deadline - time.monotonic()) > 0:
                snapshot = _next(brought, min(LOOK_SECONDS, left)) or reference.get()
                if not snapshot.exists or (seen and snapshot.update_time <= seen):
                    continue
                seen = snapshot.update_time
                yield snapshot.to_dict()
                if snapshot.get("status") in TERMINAL:
                    return
            raise PhoneError(f"{path} did not finish within {seconds:.0f} s.")
        finally:
            listener.unsubscribe()

    def finished(self, path: str, seconds: float = 60, seen: Callable[[Fields], None] = lambda _: None) -> Fields:
        """Wait until the document's status is terminal; returns its last version."""
        last: Fields = {}
        for last in self.watch(path, seconds):
            seen(last)
        return last

    def download(self, url: str) -> bytes:
        return self._transfer("GET", url)

    def _pending(self) -> Fields:
        return {"userId": self.user_id, "status": "pending", "createdAt": firestore.SERVER_TIMESTAMP}

    def _create(self, collection: str, document_id: str, fields: Fields) -> str:
        path = f"{collection}/{document_id}"
        self.firestore.document(path).create(fields)
        return path

    def _sign_up(self) -> tuple[str, str]:
        body = {"email": f"parent-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
        url = f"http://{self.endpoints.auth}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=local"
        answer = self._post(url, {**body, "returnSecureToken": True})
        return answer["localId"], answer["idToken"]

    def _attest(self) -> str:
        path = f"/v1/projects/{self.endpoints.project}/apps/{APP_ID}:exchangeDebugToken"
        answer = self._post(self.endpoints.app_check + path, {"debugToken": "local"})
        token: str = answer["token"]
        return token

    def _transfer(self, method: str, url: str, **options: Any) -> bytes:
        try:
            response = self._http.request(method, url, **options)
        except httpx.HTTPError as error:
            raise PhoneError(f"The bucket did not answer: {type(error).__name__}.") from error
        if response.status_code != 200:
            raise PhoneError(f"The bucket refused {method} with status {response.status_code}.")
        return response.content

    def _post(self, url: str, body: Fields, headers: dict[str, str] | None = None) -> Fields:
        try:
            answer: Fields = self._http.post(url, json=body, headers=headers).json()
        except (httpx.HTTPError, ValueError) as error:
            raise PhoneError(f"No answer from {httpx.URL(url).path}.") from error
        return answer


def new_id() -> str:
    return secrets.token_hex(10)


def _next(brought: queue.Queue[Any], seconds: float) -> Any:
    """None when nothing is brought in time."""
    try:
        return brought.get(timeout=seconds)
    except queue.Empty:
        return None
