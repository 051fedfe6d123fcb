"""The gate: an S3 endpoint that answers as R2 would, in front of a server that lets everything pass.

    client ──▶ preflight? ─▶ public domain? ─▶ which operation ─▶ signature ─▶ fault ─▶ moto ──▶ client
                  │              │                  │501             │403        │          streamed both ways
                  └ CORS         └ unsigned GET     └ names itself   └ S3 XML    └ XML error, cut, hang, delay

Faults come after the signature, so that a rule such as `r2.PutObject:500 x1` is not used up by a request that would
have been refused anyway. `reset` on an operation that changes something means: done, and the answer lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from aiohttp import web

from localcloud.bucket import archive
from localcloud.bucket.operations import CLASS_A, CLASS_B, MUTATIONS, Operation, classify, split_path
from localcloud.bucket.s3_errors import S3Error
from localcloud.bucket.signature import Credentials, SignedRequest, verify
from localcloud.bucket.upload import Upload
from localcloud.bucket.upstream import Upstream
from localcloud.clock import Clock
from localcloud.faults import Fault, Faults

log = logging.getLogger(__name__)
PUBLIC_PATH = "/public/"
_CHUNK = 1 << 16
_UPLOADS = frozenset({"PutObject", "UploadPart"})
_METHODS = "GET, HEAD, PUT, POST, DELETE"
# Belong to one connection (RFC 9110 7.6.1), or are the gate's own business.
_NOT_FORWARDED = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "host", "expect", "authorization",
    }
)  # fmt: skip
_NOT_RETURNED = _NOT_FORWARDED | {"server", "date", "location"}


class BucketGate:
    """R2's endpoint for one bucket, on 127.0.0.1. `port` 0 takes a free one; read `port` after `start()`.

    `public_prefixes`: keys under them can be read unsigned below `public_url`, as on R2's public custom domain.
    `counts`: operations that reached the bucket, by S3 name. Nothing is counted for what the gate refused.
    """

    def __init__(
        self,
        upstream_url: str,
        bucket: str,
        credentials: Credentials,
        clock: Clock,
        faults: Faults,
        *,
        port: int = 0,
        public_prefixes: tuple[str, ...] = (),
        cors_origins: tuple[str, ...] = ("*",),
    ) -> None:
        if bucket == PUBLIC_PATH.strip("/"):
            raise ValueError(f"A bucket cannot be named {bucket!r} here: that path is the public domain's.")
        self.bucket = bucket
        self.credentials = credentials
        self.port = port
        self.counts: Counter[str] = Counter()
        self._upstream = Upstream(upstream_url, bucket)
        self._clock = clock
        self._faults = faults
        self._public_prefixes = public_prefixes
        self._cors_origins = cors_origins
        self._conditional_puts = asyncio.Lock()
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """The endpoint that clients are configured with."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def public_url(self) -> str:
        return self.url + PUBLIC_PATH.rstrip("/")

    @property
    def class_a(self) -> int:
        return sum(self.counts[name] for name in CLASS_A)

    @property
    def class_b(self) -> int:
        return sum(self.counts[name] for name in CLASS_B)

    async def start(self, patience_seconds: float = 20.0) -> None:
        """Wait for the server behind, make the bucket, listen. UpstreamError if it is not there in time."""
        await self._upstream.start(patience_seconds)
        # No web.Application: its router would normalise paths, and a key may well hold `//` or `..`.
        # handler_cancellation: a client that goes away takes its half-sent upload with it.
        self._runner = web.ServerRunner(web.Server(self._handle, handler_cancellation=True))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, shutdown_timeout=1.0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
        await self._upstream.stop()

    async def save(self, folder: Path) -> int:
        """Write every object to the folder (replacing it); how many there were."""
        return await archive.save(self._upstream, folder)

    async def load(self, folder: Path) -> int:
        """Restore what `save` wrote; how many objects. A folder that is not there restores none."""
        return await archive.load(self._upstream, folder)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.method == "OPTIONS":
                return self._preflight(request)
            return await self._serve(request)
        except S3Error as error:
            log.info("%s refused: %d %s", request.method, error.status, error.code)
            response = error.response(request.method, request.path)
            response.headers.update(self._cors_headers(request))
            if not request.content.is_eof():
                # A client that waits for `100 Continue` will now never send its body: the connection is out of step.
                response.force_close()
            return response
        except _Cut:
            return web.Response()  # for aiohttp only: nobody gets it
        except aiohttp.ClientConnectionError:
            if request.transport is None or request.transport.is_closing():
                return web.Response()  # our client went away while it was being answered
            log.exception("The S3 server behind the gate did not answer.")
            return S3Error(502, "InternalError", "The S3 server behind the gate did not answer.").response(
                request.method, request.path
            )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        raw_path, _, raw_query = request.raw_path.partition("?")
        if raw_path.startswith(PUBLIC_PATH):
            operation, target, body_sha256 = self._public_read(request.method, raw_path)
        else:
            operation = classify(request.method, raw_path, raw_query, request.headers)
            body_sha256 = self._authorise(request, raw_path, raw_query)
            self._check_conditions_of_r2(operation, request)
            target = f"{raw_path}?{_without_signature(raw_query)}".rstrip("?")
        fault = self._faults.at(f"r2.{operation.name}")
        if fault:
            await self._misbehave(fault, operation, request)
        lose_answer = fault is not None and fault.action == "reset"
        return await self._forward(request, operation, target, body_sha256, lose_answer=lose_answer)

    def _public_read(self, method: str, raw_path: str) -> tuple[Operation, str, None]:
        key = split_path(raw_path)[1]
        if method not in {"GET", "HEAD"} or not key.startswith(self._public_prefixes or ("\0",)):
            raise S3Error(404, "NoSuchKey", "The public domain has no such object.")
        name = "GetObject" if method == "GET" else "HeadObject"
        return Operation(name, self.bucket, key), self._upstream.target(key), None

    def _authorise(self, request: web.BaseRequest, raw_path: str, raw_query: str) -> str | None:
        headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
        signed = SignedRequest(request.method, raw_path, raw_query, headers)
        return verify(signed, self.credentials, self._clock.now())

    def _check_conditions_of_r2(self, operation: Operation, request: web.BaseRequest) -> None:
        if operation.bucket and operation.bucket != self.bucket:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist.")
        if operation.name in _UPLOADS and request.content_length is None:
            raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        checksum = next((n for n in request.headers if n.lower().startswith(("x-amz-checksum-", "x-amz-sdk-c"))), None)
        if checksum and operation.name in _UPLOADS:
            # What boto3 sends unless request_checksum_calculation="when_required", and R2 does not take.
            raise S3Error.not_implemented(f"{operation.name} with header {checksum!r}")

    async def _misbehave(self, fault: Fault, operation: Operation, request: web.BaseRequest) -> None:
        """What comes before the operation. A `reset` of one that changes something comes after it, see `_forward`."""
        if fault.status:
            raise S3Error.injected(fault.status)
        if fault.action == "delay":
            await self._clock.sleep(fault.seconds)
        elif fault.action == "hang":
            await asyncio.Event().wait()  # until the client gives up, or the gate stops: both cancel us
        elif fault.action == "reset":
            if operation.name not in MUTATIONS:
                _cut(request)
        else:
            raise S3Error.not_implemented(f"Fault {fault.action!r} at r2.{operation.name}")

    async def _forward(
        self,
        request: web.BaseRequest,
        operation: Operation,
        target: str,
        body_sha256: str | None,
        *,
        lose_answer: bool,
    ) -> web.StreamResponse:
        conditional = operation.name == "PutObject" and "If-None-Match" in request.headers
        upload = Upload(
            request.content,
            sha256_hex=body_sha256,
            md5_base64=request.headers.get("Content-MD5"),
            # moto looks and stores in two steps; one conditional put at a time makes them one.
            before_last=self._conditional_puts if conditional else contextlib.nullcontext(),
        )
        await _continue(request)
        try:
            async with self._upstream.request(
                request.method,
                target,
                _forwarded(request.headers),
                # An empty body too is checked: it may not be the one that was signed.
                upload.chunks() if request.method in {"PUT", "POST"} else None,
            ) as answer:
                await upload.finished()
                if answer.status < 500:
                    self.counts[operation.name] += 1
                if lose_answer:
                    _cut(request)
                return await self._return(request, answer)
        except aiohttp.ClientError as error:
            raise upload.error or error from error  # an upload that we broke off looks like a lost connection
        finally:
            await upload.finished()

    async def _return(self, request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _NOT_RETURNED:
                response.headers.add(name, value)
        response.headers.update(self._cors_headers(request))
        await response.prepare(request)
        async for chunk in answer.content.iter_chunked(_CHUNK):
            await response.write(chunk)
        await response.write_eof()
        return response

    def _preflight(self, request: web.BaseRequest) -> web.Response:
        """A browser asks before it PUTs to a signed URL; the question itself is never signed."""
        headers = self._cors_headers(request)
        if not headers:
            raise S3Error(403, "AccessForbidden", "CORSResponse: This CORS request is not allowed.")
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        headers["Access-Control-Max-Age"] = "3600"
        return web.Response(status=204, headers=headers)

    def _cors_headers(self, request: web.BaseRequest) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or not {"*", origin} & set(self._cors_origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "ETag, Content-Length, Content-Range, Content-Type",
            "Vary": "Origin",
        }


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_FORWARDED}


def _without_signature(raw_query: str) -> str:
    """The operation's own parameters: moto need not see how the request was signed."""
    return "&".join(part for part in raw_query.split("&") if part and not part.lower().startswith("x-amz-"))


async def _continue(request: web.BaseRequest) -> None:
    """Ask for the body only now: a client that sent `Expect: 100-continue` has not sent it in vain if refused."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _cut(request: web.BaseRequest) -> None:
    """Break the connection without an answer, as a network does."""
    if request.transport:
        request.transport.abort()
    raise _Cut


class _Cut(Exception):
    """A fault rule has cut the connection to our client: there is nobody left to answer."""
