"""R2 from the functions: signed URLs for a phone, and the deletion of everything under a prefix.

Signed with botocore's SigV4 alone: boto3 would load the whole of S3's model into every cold start. Content type and
length are part of an upload's signature, so that a URL for a 200 KB WAV file cannot be used for a 2 GB film.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from xml.etree import ElementTree as Xml
from xml.sax.saxutils import escape

import httpx

from backend.settings import Settings
from jobs.errors import FailedPrecondition, Internal, StoryvoiceError, Unavailable

log = logging.getLogger(__name__)
PAGE = 1000  # keys that S3 lists, and deletes, at once
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
KINDS = ("recordings", "voices", "stories", "chunks")
_ERASABLE = re.compile(rf"({'|'.join(KINDS)})/[A-Za-z0-9_-]{{1,128}}/.*")
_NOT_READABLE = "The object storage gave an answer that cannot be read."


class Signer:
    """Makes presigned URLs for one bucket. Thread-safe; nothing is sent anywhere."""

    def __init__(self, settings: Settings) -> None:
        from botocore.credentials import Credentials  # noqa: PLC0415  (a third of a second, for callables only)

        self._credentials = Credentials(settings.r2_access_key_id, settings.r2_secret_access_key)
        self._base = _base(settings)

    def put(self, key: str, *, content_type: str, size_bytes: int, seconds: int) -> tuple[str, datetime]:
        """A URL that accepts exactly one body: of this type and length. Returns it and when it expires."""
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return self._sign("PUT", key, headers, seconds)

    def get(self, key: str, *, seconds: int) -> tuple[str, datetime]:
        return self._sign("GET", key, {}, seconds)

    def delete(self, key: str, *, seconds: int) -> tuple[str, datetime]:
        return self._sign("DELETE", key, {}, seconds)

    def _sign(self, method: str, key: str, headers: dict[str, str], seconds: int) -> tuple[str, datetime]:
        from botocore.auth import S3SigV4QueryAuth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest(method=method, url=f"{self._base}/{quote(key)}", headers=headers)
        S3SigV4QueryAuth(self._credentials, "s3", "auto", expires=seconds).add_auth(request)
        return str(request.url), datetime.now(UTC) + timedelta(seconds=seconds)


class Eraser:
    """Deletes objects of one bucket by prefix: ListObjectsV2 and DeleteObjects, a page at a time. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        from botocore.credentials import Credentials  # noqa: PLC0415

        self._credentials = Credentials(settings.r2_access_key_id, settings.r2_secret_access_key)
        self._base = _base(settings)
        self._http = httpx.Client(timeout=_TIMEOUT)

    def delete_some(self, prefix: str) -> int:
        """Delete up to PAGE objects whose keys begin so; how many there were. Fewer than PAGE: none is left.

        Raises Unavailable; FailedPrecondition when the storage refuses us; Internal for a prefix that is nobody's.
        """
        if not _ERASABLE.fullmatch(prefix):
            raise Internal("These files cannot be deleted: the prefix does not belong to a user or a voice.")
        keys = self._some(prefix)
        if any(not key.startswith(prefix) for key in keys):
            raise Unavailable(_NOT_READABLE)
        if keys:
            objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
            self._delete(f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode())
        return len(keys)

    def count_some(self, prefix: str) -> int:
        """How many objects there are below it, PAGE at most. Raises as `delete_some`."""
        return len(self._some(prefix))

    def _some(self, prefix: str) -> list[str]:
        found = self._call("GET", f"list-type=2&max-keys={PAGE}&prefix={quote(prefix, safe='')}")
        return [key.text or "" for key in found.iterfind("{*}Contents/{*}Key")]

    def _delete(self, body: bytes) -> None:
        """Quietly: the answer names only those that could not be deleted."""
        failed = self._call("POST", "delete=", body).findall("{*}Error")
        if failed:
            log.warning("objects could not be deleted", extra={"count": len(failed)})
            raise Unavailable("Some files could not be deleted yet. Please try again.")

    def _call(self, method: str, query: str, body: bytes = b"") -> Xml.Element:
        url = f"{self._base}?{query}"
        try:
            response = self._http.request(method, url, content=body or None, headers=self._sign(method, url, body))
        except httpx.HTTPError as error:
            raise Unavailable("The object storage cannot be reached at the moment.") from error
        if response.status_code != 200:
            raise trouble(response.status_code)
        try:
            return Xml.fromstring(response.content)  # noqa: S314  (our own storage's answer to a signed request)
        except Xml.ParseError as error:
            raise Unavailable(_NOT_READABLE) from error

    def _sign(self, method: str, url: str, body: bytes) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        # S3 wants a checksum beside a list of keys to delete; this is the one of its first day.
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = {"Content-MD5": md5, "Content-Type": "application/xml"} if body else {}
        request = AWSRequest(method=method, url=url, data=body, headers=headers)
        S3SigV4Auth(self._credentials, "s3", "auto").add_auth(request)
        return dict(request.headers.items())


def trouble(status: int) -> StoryvoiceError:
    """What an answer of this status means, where another one was expected."""
    if status == 429 or status >= 500:
        return Unavailable("The object storage is not answering as it should at the moment.")
    log.error("the object storage refuses us: check R2's settings", extra={"status": status})
    return FailedPrecondition("Files cannot be reached at the moment: the storage is not set up correctly.")


def _base(settings: Settings) -> str:
    return f"{settings.r2_endpoint.rstrip('/')}/{settings.r2_bucket}"
