"""The gate's way to moto: raw paths in, streams out, none of the client's authentication."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import aiohttp
import yarl

_NAMESPACE = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
# moto checks no signature, but takes a request that claims none for anonymous and refuses it.
_AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=gate/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
_NOT_OURS_TO_ADD = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamError(Exception):
    """moto's server did not start, or answered what it should not."""


class Upstream:
    """One bucket on moto's server at `url`. Bodies are never held whole."""

    def __init__(self, url: str, bucket: str) -> None:
        self._url = url.rstrip("/")
        self.bucket = bucket
        self._session: aiohttp.ClientSession | None = None

    async def start(self, patience_seconds: float) -> None:
        """Wait until moto answers, and make the bucket. UpstreamError when it does not in time."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=_NOT_OURS_TO_ADD,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            connector=aiohttp.TCPConnector(limit=0),
        )
        try:
            async with asyncio.timeout(patience_seconds):
                while not await self._create_bucket():  # noqa: ASYNC110  (another process: there is no event)
                    await asyncio.sleep(0.03)
        except TimeoutError as error:
            await self.stop()
            raise UpstreamError(f"The S3 server at {self._url} was not ready in {patience_seconds:g} s.") from error

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    def request(
        self, method: str, raw_target: str, headers: Mapping[str, str], body: Any = None
    ) -> aiohttp.client._RequestContextManager:
        """`raw_target` is path and query as they go over the wire."""
        assert self._session, "start() first"  # noqa: S101  (a programming error, not a state of the world)
        return self._session.request(
            method,
            yarl.URL(self._url + raw_target, encoded=True),
            headers={**headers, "Authorization": _AUTHORIZATION},
            data=body,
            allow_redirects=False,
        )

    def target(self, key: str) -> str:
        return f"/{self.bucket}/{quote(key, safe='/-_.~')}"

    async def keys(self) -> AsyncIterator[str]:
        """Every key, in order."""
        token = ""
        while True:
            query = "list-type=2&encoding-type=url" + (f"&continuation-token={quote(token, safe='')}" if token else "")
            async with self.request("GET", f"/{self.bucket}?{query}", {}) as response:
                listing = ElementTree.fromstring(await response.text())  # noqa: S314  (our own process wrote it)
            for entry in listing.iterfind("s3:Contents/s3:Key", _NAMESPACE):
                yield unquote(entry.text or "")
            token = listing.findtext("s3:NextContinuationToken", "", _NAMESPACE)
            if not token:
                return

    async def _create_bucket(self) -> bool:
        try:
            async with self.request("PUT", f"/{self.bucket}", {}) as response:
                if response.status in {200, 409}:  # 409: it is there already
                    return True
                raise UpstreamError(f"The S3 server refused to make bucket {self.bucket!r}: {await response.text()}")
        except aiohttp.ClientConnectionError:
            return False
