"""A whole visit by HTTP: register, log in, list voices, make one of a recording, have a text spoken, fetch the sound.

    python examples/client.py http://127.0.0.1:5001/demo-storyvoice/us-central1/api --text "Good night." --out night.wav
    python examples/client.py https://api.example.com --recording mum.wav --name Mum

Needs httpx and nothing of this repository.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

Fields = dict[str, Any]
_PATIENCE_SECONDS = 600.0
_WAIT_SECONDS = 40  # at a time, in one request; the service allows 50


class ApiError(RuntimeError):
    """The service refused, or the job failed; the message is its own."""


class Client:
    """One user of the API. Its access token is renewed when it has expired."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_WAIT_SECONDS + 20)
        self._refresh_token = ""

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def register(self, username: str, password: str, email: str, full_name: str = "") -> Fields:
        body = {"username": username, "password": password, "email": email, "full_name": full_name}
        return self._json(self._http.post("/auth/register", json=body))

    def log_in(self, username: str, password: str) -> None:
        self._sign_in(self._http.post("/auth/login", json={"username": username, "password": password}))

    def voices(self) -> list[Fields]:
        """All of them, page by page."""
        found: list[Fields] = []
        cursor: str | None = None
        while True:
            query = {"limit": "50", **({"cursor": cursor} if cursor else {})}
            page = self._json(self._send("GET", "/voices", params=query))
            found += page["voices"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def create_voice(self, name: str, recording: Path) -> str:
        """Make a voice of a recording and wait until it can be used; its id."""
        with recording.open("rb") as file:
            answer = self._send("POST", "/voices", data={"name": name}, files={"audio_file": (recording.name, file)})
        asked = self._json(answer)
        self._finished(asked["metadata"]["job_id"])
        return str(asked["voice_id"])

    def synthesize(self, text: str, voice_id: str = "default", speed: float = 1.0, pitch: float = 1.0) -> str:
        """Have a text spoken; the id of the sound that will be."""
        body = {"text": text, "voice_id": voice_id, "speed": speed, "pitch": pitch}
        return str(self._json(self._send("POST", "/synthesize", json=body))["audio_id"])

    def audio(self, audio_id: str) -> bytes:
        """The sound, when it is there."""
        over = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < over:
            answer = self._send("GET", f"/audio/{audio_id}", params={"wait": _WAIT_SECONDS})
            if answer.status_code == 200:
                return answer.content
            if answer.status_code != 202:
                self._json(answer)
            time.sleep(float(answer.headers["Retry-After"]))
        raise ApiError("The sound is not there yet; ask again later.")

    def audio_info(self, audio_id: str) -> Fields:
        return self._json(self._send("GET", f"/audio/{audio_id}/info"))

    def delete_audio(self, audio_id: str) -> None:
        self._json(self._send("DELETE", f"/audio/{audio_id}"))

    def delete_voice(self, voice_id: str) -> None:
        self._json(self._send("DELETE", f"/voices/{voice_id}"))

    def _finished(self, job_id: str) -> None:
        over = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < over:
            job = self._json(self._send("GET", f"/jobs/{job_id}", params={"wait": _WAIT_SECONDS}))
            if job["status"] == "ready":
                return
            if job["status"] in {"failed", "cancelled"}:
                raise ApiError(job["error"]["message"] if job["error"] else "It was cancelled.")
            time.sleep(1)
        raise ApiError("This is taking longer than it should; ask again later.")

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """What changes something has a key of its own, so that it may be sent again when its answer is lost."""
        request = self._http.build_request(method, path, **content)
        if method != "GET":
            request.headers["X-Idempotency-Key"] = secrets.token_hex(16)
        answer = self._http.send(request)
        if answer.status_code != 401 or not self._refresh_token or "files" in content:
            return answer
        self._sign_in(self._http.post("/auth/refresh", json={"refresh_token": self._refresh_token}))
        request.headers["Authorization"] = self._http.headers["Authorization"]
        return self._http.send(request)

    def _sign_in(self, answer: httpx.Response) -> None:
        tokens = self._json(answer)
        self._refresh_token = tokens["refresh_token"]
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    @staticmethod
    def _json(answer: httpx.Response) -> Fields:
        """Raises ApiError with the service's sentence."""
        said: Fields = answer.json()
        if not answer.is_success:
            raise ApiError(str(said.get("detail", f"The service answered {answer.status_code}.")))
        return said


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Register, log in, list voices, synthesize, download.")
    parser.add_argument("url", help="where the API is")
    parser.add_argument("--username", help="log in as this user; without it a new one is registered")
    parser.add_argument("--password", default=secrets.token_urlsafe(16))
    parser.add_argument("--recording", type=Path, help="make a voice of this recording, and speak in it")
    parser.add_argument("--name", default="My voice", help="what the new voice is called")
    parser.add_argument("--text", default="Hello! This is a test of the TTS API.")
    parser.add_argument("--out", type=Path, default=Path("output.wav"))
    wanted = parser.parse_args(arguments)
    try:
        with Client(wanted.url) as client:
            visit(client, wanted)
    except (ApiError, httpx.HTTPError) as error:
        sys.exit(f"It did not work: {error}")


def visit(client: Client, wanted: argparse.Namespace) -> None:
    username = wanted.username
    if username is None:
        username = f"guest-{secrets.token_hex(4)}"
        client.register(username, wanted.password, f"{username}@example.com")
        _say(f"Registered as {username}.")
    client.log_in(username, wanted.password)
    voice_id = "default"
    if wanted.recording is not None:
        voice_id = client.create_voice(wanted.name, wanted.recording)
        _say(f"The voice {wanted.name} is ready.")
    _say("Voices: " + ", ".join(f"{voice['name']} ({voice['voice_id']})" for voice in client.voices()))
    audio_id = client.synthesize(wanted.text, voice_id)
    wanted.out.write_bytes(client.audio(audio_id))
    _say(f"{client.audio_info(audio_id)['duration_seconds']} seconds of speech are in {wanted.out}.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
