"""Signed URLs for R2: a phone uploads a recording and fetches audio without ever holding a key.

Signed with botocore's SigV4 alone: boto3 would load the whole of S3's model into every cold start. Content type and
length are part of the signature, so that a URL for a 200 KB WAV file cannot be used for a 2 GB film.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from backend.settings import Settings


class Signer:
    """Makes presigned URLs for one bucket. Thread-safe; nothing is sent anywhere."""

    def __init__(self, settings: Settings) -> None:
        from botocore.credentials import Credentials  # noqa: PLC0415  (a third of a second, for callables only)

        self._credentials = Credentials(settings.r2_access_key_id, settings.r2_secret_access_key)
        self._base = f"{settings.r2_endpoint.rstrip('/')}/{settings.r2_bucket}"

    def put(self, key: str, *, content_type: str, size_bytes: int, seconds: int) -> tuple[str, datetime]:
        """A URL that accepts exactly one body: of this type and length. Returns it and when it expires."""
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return self._sign("PUT", key, headers, seconds)

    def get(self, key: str, *, seconds: int) -> tuple[str, datetime]:
        return self._sign("GET", key, {}, seconds)

    def _sign(self, method: str, key: str, headers: dict[str, str], seconds: int) -> tuple[str, datetime]:
        from botocore.auth import S3SigV4QueryAuth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest(method=method, url=f"{self._base}/{quote(key)}", headers=headers)
        S3SigV4QueryAuth(self._credentials, "s3", "auto", expires=seconds).add_auth(request)
        return str(request.url), datetime.now(UTC) + timedelta(seconds=seconds)
