"""An internal service, as it calls the API: every request signed, for the user that it names in the query."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from localcloud.phone import new_id
from tests.cloud import RECORDING, TestCloud, until

Fields = dict[str, Any]
Body = Fields | bytes | None


class Service:
    """Acts for one user. `call` gives the answer, whatever its status."""

    def __init__(self, cloud: TestCloud, user_id: str) -> None:
        self.cloud = cloud
        self.user_id = user_id
        self.http = httpx.Client(base_url=cloud.api_url, timeout=60)

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Body = None, **more: Any) -> httpx.Response:
        return self.http.send(self.request(method, path, body, **more))

    def request(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        content_type: str = "application/json",
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Request:
        """`key`: the idempotency key, a new one if none is given. A body of bytes is sent as it is."""
        target = f"{path}{'&' if '?' in path else '?'}user_id={quote(self.user_id)}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        signed = {
            **self.signed(method, target, content),
            **({"X-Idempotency-Key": key or new_id()} if method != "GET" else {}),
            **({"Content-Type": content_type} if body is not None else {}),
        }
        return self.http.build_request(method, target, content=content, headers={**signed, **(headers or {})})

    def signed(self, method: str, target: str, content: bytes) -> dict[str, str]:
        timestamp = str(time.time_ns() // 1_000_000)
        message = f"{method}\n{target}\n{timestamp}\n".encode() + content
        secret = self.cloud.cloud.shared_secret.encode()
        signature = hmac.new(secret, message, hashlib.sha256).hexdigest()
        return {"X-Daezend-Timestamp": timestamp, "X-Daezend-Signature": signature}

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    @staticmethod
    def at(second: int) -> datetime:
        """A moment of the past: the later, the larger."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)

    def get(self, path: str) -> Fields:
        """The answer to a GET that goes well."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        found: Fields = answer.json()
        return found

    def post(self, path: str, body: Fields) -> Fields:
        """The answer to a POST that is accepted."""
        answer = self.call("POST", path, body)
        assert answer.status_code == 202, answer.text
        found: Fields = answer.json()
        return found

    def finished(self, job_id: str) -> Fields:
        """The job when it is over. It may take a while on a busy machine, so it is waited for more than once."""
        last: Fields = {}

        def is_over() -> bool:
            nonlocal last
            last = self.get(f"/jobs/{job_id}?wait=20")
            return last["status"] in {"ready", "failed", "cancelled"}

        until(is_over, f"job {job_id}")
        return last


def clone_body(**more: Any) -> Fields:
    audio = base64.b64encode(RECORDING).decode()
    return {"name": "Mum", "audio_data": audio, "audio_format": "flac", **more}
