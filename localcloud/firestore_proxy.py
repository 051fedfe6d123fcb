"""A gRPC proxy in front of Google's Firestore emulator: it counts what would be billed, and misbehaves on request.

Messages pass as the bytes that they are, in both directions and in any order, with metadata, deadline, status and
trailers; so whatever the emulator can do goes through, an ID token of a phone included. Only what is counted is parsed.

    client ──▶ fault before? ──▶ emulator ──▶ fault after? ──▶ client
                 409 → ABORTED, 429 → RESOURCE_EXHAUSTED,       `reset`: done, and the answer lost (UNAVAILABLE)
                 503 → UNAVAILABLE, 504 → DEADLINE_EXCEEDED,
                 drop → UNAVAILABLE, hang, delay

Only gRPC: the emulator's REST and WebChannel (browsers) and its control paths `/emulator/v1/…` are at its own port.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults

_UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
_STATUS_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT, 401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND, 409: grpc.StatusCode.ABORTED, 412: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED, 499: grpc.StatusCode.CANCELLED, 500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED, 503: grpc.StatusCode.UNAVAILABLE, 504: grpc.StatusCode.DEADLINE_EXCEEDED,
}  # fmt: skip
_LASTING = frozenset({"Listen", "Write"})  # have no end to wait for: a reset cuts them at once
# Written by gRPC itself on the next hop.
_HOP_METADATA = frozenset({"user-agent", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"})
_Metadata = tuple[tuple[str, str | bytes], ...]


class FirestoreProxy:
    """`upstream` is the emulator's host:port; `port` 0 takes a free one, read `port` after `start()`.

    `counts` holds `document_reads`, `document_writes`, `document_deletes` in all, and for each method `Commit` (calls)
    and `Commit.document_writes` and so on.
    """

    def __init__(self, upstream: str, clock: Clock, faults: Faults, port: int = 0) -> None:
        self.upstream = upstream
        self.port = port
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._faults = faults
        self._server: grpc.aio.Server | None = None
        self._channel: grpc.aio.Channel | None = None
        self._billing: Any = None

    @property
    def host(self) -> str:
        """For FIRESTORE_EMULATOR_HOST."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        # Firestore's message types take 0.4 s and 34 MB to import; nobody else waits for that.
        self._billing = await asyncio.to_thread(importlib.import_module, "localcloud.firestore_billing")
        self._channel = grpc.aio.insecure_channel(self.upstream, options=_UNLIMITED)
        self._server = grpc.aio.server(options=[*_UNLIMITED, ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_EveryMethod(self),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server:
            await self._server.stop(grace=0.1)
            self._server = None
        if self._channel:
            await self._channel.close()
            self._channel = None

    def reset_counts(self) -> None:
        self.counts.clear()

    async def pass_on(
        self, path: str, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """One call, of whatever kind: on the wire a unary call is a stream of one message."""
        method = path.rpartition("/")[2]
        fault = self._faults.at(f"firestore.{method}")
        if fault:
            await self._misbehave(fault, method, context)
        self.counts[method] += 1
        assert self._channel, "start() first"  # noqa: S101
        meter = self._billing.Meter(method)
        call: grpc.aio.StreamStreamCall[bytes, bytes] = self._channel.stream_stream(path)(
            timeout=context.time_remaining(), metadata=grpc.aio.Metadata(*_end_to_end(context.invocation_metadata()))
        )
        lose_answer = fault is not None and fault.action == "reset"
        sending = asyncio.create_task(_send(requests, call, meter))
        try:
            await self._return(call, context, method, meter, lose_answer=lose_answer)
        finally:
            sending.cancel()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        code = await call.code()
        self._count(method, meter.end(succeeded=code is grpc.StatusCode.OK))
        if lose_answer:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by a fault rule, after the call.")
        context.set_trailing_metadata(_end_to_end(await call.trailing_metadata()))
        if code is not grpc.StatusCode.OK:
            await context.abort(code, await call.details(), _end_to_end(await call.trailing_metadata()))

    async def _return(
        self,
        call: grpc.aio.StreamStreamCall[bytes, bytes],
        context: grpc.aio.ServicerContext[Any, Any],
        method: str,
        meter: Any,
        *,
        lose_answer: bool,
    ) -> None:
        """Every answer, until the call has ended, well or not."""
        try:
            if not lose_answer:
                await context.send_initial_metadata(_end_to_end(await call.initial_metadata()))
            while (message := await call.read()) is not grpc.aio.EOF:
                self._count(method, meter.response(message))
                if not lose_answer:
                    await context.write(message)
        except grpc.aio.AioRpcError:
            return  # its code is the call's, and is passed on by our caller

    async def _misbehave(self, fault: Fault, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        if fault.status:
            code = _STATUS_CODES.get(fault.status, grpc.StatusCode.UNKNOWN)
            await context.abort(code, "The local cloud was asked to fail here.")
        elif fault.action == "drop" or (fault.action == "reset" and method in _LASTING):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by a fault rule, before the call.")
        elif fault.action == "hang":
            await asyncio.Event().wait()  # until the client's deadline, its cancellation or our stop ends it
        elif fault.action == "delay":
            await self._clock.sleep(fault.seconds)
        elif fault.action != "reset":
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"Fault {fault.action!r} at firestore.{method} is not implemented."
            )

    def _count(self, method: str, billed: Counter[str]) -> None:
        for name, number in billed.items():
            if number:
                self.counts[name] += number
                self.counts[f"{method}.{name}"] += number


class _EveryMethod(grpc.GenericRpcHandler):
    """Serves every path, as raw bytes."""

    def __init__(self, proxy: FirestoreProxy) -> None:
        self._proxy = proxy

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        path = handler_call_details.method

        async def serve(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> None:
            await self._proxy.pass_on(path, requests, context)

        return grpc.stream_stream_rpc_method_handler(serve)


async def _send(requests: AsyncIterator[bytes], call: grpc.aio.StreamStreamCall[bytes, bytes], meter: Any) -> None:
    """Every request, then the half-close. A call that has ended takes no more: its reader reports why."""
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        async for message in requests:
            meter.request(message)
            await call.write(message)
        await call.done_writing()


def _end_to_end(metadata: Iterable[Any] | None) -> _Metadata:
    return tuple((key, value) for key, value in metadata or () if key.lower() not in _HOP_METADATA)
