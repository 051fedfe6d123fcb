"""The body of an upload on its way through the gate: checked as it passes, and stored only if it was right."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from aiohttp import StreamReader

from localcloud.bucket.s3_errors import S3Error

_CHUNK = 1 << 16


class Upload:
    """Passes a body on chunk by chunk, one chunk behind.

    The last chunk is kept back until the hashes of the whole body have been compared: if they differ, it is never sent,
    the server behind sees an upload that broke off, and stores nothing. `before_last` is entered before that chunk goes
    out and left by `finished()`: between the two lies the moment at which the object comes into being.
    """

    def __init__(
        self,
        content: StreamReader,
        *,
        sha256_hex: str | None,
        md5_base64: str | None,
        before_last: AbstractAsyncContextManager[object],
    ) -> None:
        self._content = content
        self._sha256_hex = sha256_hex
        self._md5 = _decoded_md5(md5_base64)
        self._before_last = before_last
        self._held = AsyncExitStack()
        self.error: S3Error | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        sha256 = hashlib.sha256()
        md5 = hashlib.md5(usedforsecurity=False)
        kept_back = b""
        async for chunk in self._content.iter_chunked(_CHUNK):
            if kept_back:
                yield kept_back
            kept_back = chunk
            if self._sha256_hex:
                sha256.update(chunk)
            if self._md5:
                md5.update(chunk)
        self._compare(sha256.hexdigest(), md5.digest())
        await self._held.enter_async_context(self._before_last)
        if kept_back:
            yield kept_back

    async def finished(self) -> None:
        """The answer has come, or none will."""
        await self._held.aclose()

    def _compare(self, sha256_hex: str, md5: bytes) -> None:
        if self._sha256_hex and sha256_hex != self._sha256_hex:
            self.error = S3Error(
                400, "XAmzContentSHA256Mismatch", "The provided x-amz-content-sha256 does not match what was computed."
            )
        elif self._md5 and md5 != self._md5:
            self.error = S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
        if self.error:
            raise self.error


def _decoded_md5(md5_base64: str | None) -> bytes | None:
    if md5_base64 is None:
        return None
    try:
        digest = base64.b64decode(md5_base64, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
    return digest
