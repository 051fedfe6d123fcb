"""Single objects of the bucket, read and written by the functions themselves: by signed URLs, as a phone would.

A phone uploads and downloads for itself. This is for callers of the HTTP API, who send a recording in the request and
want the sound in the answer. What is read is passed on block by block, so that a long story needs no memory here.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from backend.storage import Signer, trouble
from jobs.errors import FailedPrecondition, NotFound, StoryvoiceError, Unavailable

log = logging.getLogger(__name__)
_SECONDS = 60  # how long our own signatures are good
_BLOCK_BYTES = 1 << 16
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_UNREACHABLE = "The object storage cannot be reached at the moment."
# What a caller is told of an object. Never its key, its URL or the storage's own headers.
_PASSED_ON = ("content-type", "content-length", "content-range", "etag", "last-modified")


@dataclass(frozen=True)
class Sound:
    """An object on its way: `status` 200, 206 for a part, 416 for one that is not there. To be closed."""

    status: int
    headers: dict[str, str]
    blocks: Iterator[bytes]
    close: Callable[[], None]


class Objects:
    """Thread-safe."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Raises Unavailable, FailedPrecondition."""
        url, _ = self._signer.put(key, content_type=content_type, size_bytes=len(data), seconds=_SECONDS)
        response = self._send("PUT", url, data, {"Content-Type": content_type})
        response.close()
        if response.status_code != 200:
            raise trouble(response.status_code)

    def delete(self, key: str) -> None:
        """Not raising: what nothing refers to may lie there until the account's prefix is deleted."""
        try:
            url, _ = self._signer.delete(key, seconds=_SECONDS)
            self._send("DELETE", url).close()
        except StoryvoiceError as error:
            log.warning("an object is left behind: %s", error.code)

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Raises NotFound, Unavailable, FailedPrecondition, also where it is larger than `max_bytes`."""
        collected = bytearray()
        with contextlib.closing(self.open(key)) as sound:
            for block in sound.blocks:
                collected += block
                if len(collected) > max_bytes:
                    raise FailedPrecondition(f"This file is larger than {max_bytes // 2**20} MB; download it instead.")
        return bytes(collected)

    def open(self, key: str, byte_range: str = "") -> Sound:
        """`byte_range`: a caller's Range header, answered by the storage. Raises NotFound, Unavailable."""
        url, _ = self._signer.get(key, seconds=_SECONDS)
        # Not compressed on the way: the lengths that are passed on are those of the object.
        headers = {"Accept-Encoding": "identity", **({"Range": byte_range} if byte_range else {})}
        response = self._send("GET", url, headers=headers)
        if response.status_code == 404:
            response.close()
            raise NotFound("This file is there no more.")
        if response.status_code not in {200, 206, 416}:
            response.close()
            raise trouble(response.status_code)
        passed_on = {name: response.headers[name] for name in _PASSED_ON if name in response.headers}
        if response.status_code == 416:  # its body is the storage's own words
            response.close()
            return Sound(416, {}, iter(()), response.close)
        return Sound(response.status_code, passed_on, _blocks(response), response.close)

    def _send(
        self, method: str, url: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._http.send(self._http.build_request(method, url, content=content, headers=headers), stream=True)
        except httpx.HTTPError as error:
            raise Unavailable(_UNREACHABLE) from error


def _blocks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(_BLOCK_BYTES)
    except httpx.HTTPError as error:
        raise Unavailable(_UNREACHABLE) from error
