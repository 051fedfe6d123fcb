"""The functions host: serves functions/main.py and brings it what the cloud would bring.

    Firestore emulator ─ /functions/projects/P/triggers/NAME ▶ answered at once, delivered in the background, with retry
    Pub/Sub emulator ─── /pubsub/NAME ──────────────────────▶ answered when the function has; not 2xx: it comes again
    the clock ────────── schedules ─────────────────────────▶ like Cloud Scheduler
    clients, queues ──── /PROJECT/REGION/NAME/… ────────────▶ passed through, bodies streamed both ways

Fault points: `events.deliver`, `pubsub.push`, `functions.call`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from localcloud.clock import Clock
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.emulators.pubsub import PubSubEmulator
from localcloud.faults import Faults
from localcloud.functions.activity import Activity
from localcloud.functions.delivery import Attempts, EventDelivery
from localcloud.functions.events import CloudEvent, EventError, document_event, message_event
from localcloud.functions.manifest import FunctionSpec, Kind, parse_manifest
from localcloud.functions.process import ServerProcess, Unreachable
from localcloud.functions.scheduler import Scheduler

log = logging.getLogger(__name__)

_LARGEST_BODY = 32 << 20
_BLOCK_BYTES = 64 << 10
_ACK_DEADLINE_SECONDS = (10, 600)  # Pub/Sub's limits
_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization"),
    )
)


class ClientGone(ConnectionError):
    """Whoever called has left before the answer was complete."""


class FunctionsHost:
    """On 127.0.0.1; its port is known before `start`. It lives on the event loop that started it."""

    def __init__(
        self,
        *,
        project: str,
        functions_dir: Path,
        env: Mapping[str, str],
        clock: Clock,
        faults: Faults,
        run_dir: Path,
        region: str = "us-central1",
        port: int = 0,
        threads: int | None = None,
        schedules: bool = True,
    ) -> None:
        """`env` is what the functions get beside the project's name. `threads`: the server's, by default 8 or more."""
        self.project = project
        self.region = region
        self.functions: dict[str, FunctionSpec] = {}
        self.activity = Activity(clock)
        threads = threads or max(8, 4 * (os.cpu_count() or 1))
        known = {
            "GOOGLE_CLOUD_PROJECT": project,
            "GCLOUD_PROJECT": project,
            "FIREBASE_CONFIG": json.dumps({"projectId": project}),
        }
        self._server = ServerProcess(functions_dir, {**known, **env}, run_dir, threads)
        self._attempts = Attempts(self.activity, faults, self._server.crash)
        self._events = EventDelivery(clock, self.activity, self._attempts, concurrency=threads)
        self._scheduler = Scheduler(clock, self.activity, self._invoke)
        self._with_schedules = schedules
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """host:port, for the Firestore emulator's `events_to`."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def pid(self) -> int:
        """Of the server child, which leads a process group."""
        return self._server.pid

    @property
    def counts(self) -> Counter[str]:
        """How events fared: `{function}:delivered|redelivered|failed|dropped|expired|lost`."""
        return self._events.counts

    @property
    def restarts(self) -> int:
        """How often the server child has died and was started again."""
        return self._server.restarts

    async def start(self) -> None:
        """Raises ChildExited with main.py's traceback, ManifestError or ScheduleError."""
        try:
            self.functions = parse_manifest(await self._server.start(), self.region)
            schedules = self._of_kind("schedule")
            self._scheduler.check(schedules)
            app = web.Application(client_max_size=_LARGEST_BODY)
            app.router.add_post("/functions/projects/{project}/triggers/{function}", self._receive_document_event)
            app.router.add_post("/pubsub/{function}", self._receive_push)
            app.router.add_route("*", "/{project}/{region}/{function}{rest:(?s:/.*)?}", self._pass_through)
            self._runner = web.AppRunner(app, access_log=None)
            await self._runner.setup()
            await web.SockSite(self._runner, self._socket).start()
            if self._with_schedules:
                self._scheduler.start(schedules)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._scheduler.stop()
        await self._events.stop()
        if self._runner:
            await self._runner.cleanup()
        await self._server.stop()
        self._socket.close()

    async def connect(self, firestore: FirestoreEmulator, pubsub: PubSubEmulator) -> None:
        """Register every document trigger, and a topic with a push subscription for every Pub/Sub function."""
        for function in self._of_kind("document"):
            await firestore.register_trigger(
                function.name,
                event_type=function.event_type,
                document=function.document,
                is_pattern=function.is_pattern,
                database=function.database,
                namespace=function.namespace,
            )
        least, most = _ACK_DEADLINE_SECONDS
        for function in self._of_kind("pubsub"):
            await pubsub.create_topic(function.topic)
            await pubsub.create_push_subscription(
                f"gcf-{function.name}-{self.region}-{function.topic}",
                topic=function.topic,
                endpoint=f"http://{self.address}/pubsub/{function.name}",
                ack_deadline_seconds=min(most, max(least, int(function.timeout_seconds))),
            )

    def function_url(self, name: str) -> str:
        """Where to call it over HTTP, also for a task queue. Raises KeyError for a name that main.py does not have."""
        return f"http://{self.address}/{self.project}/{self.functions[name].region}/{name}"

    async def run_schedule(self, name: str) -> int:
        """Run a scheduled function now, as `gcloud scheduler jobs run` does; its HTTP status."""
        return await self._scheduler.run(self.functions[name])

    async def crash(self) -> None:
        """SIGKILL the server child in the middle of whatever it does; it comes back by itself."""
        await self._server.crash()

    def depth(self) -> int:
        """Events, pushes, calls and scheduled runs that wait or are being delivered."""
        return self.activity.depth()

    async def idle(self) -> None:
        """Until `depth()` is 0. An event in its backoff counts."""
        await self.activity.idle()

    async def settle(self) -> None:
        """Until whatever is left waits for a time of the clock that has not come yet."""
        await self.activity.settle()

    def _of_kind(self, kind: Kind) -> list[FunctionSpec]:
        return [function for function in self.functions.values() if function.kind == kind]

    def _function(self, request: web.Request, *kinds: Kind) -> FunctionSpec:
        function = self.functions.get(request.match_info["function"])
        if function is None or function.kind not in kinds:
            raise web.HTTPNotFound(text=f"There is no such function here: {request.path}\n")
        return function

    async def _receive_document_event(self, request: web.Request) -> web.Response:
        function = self._function(request, "document")
        try:
            event = document_event(request.headers, await request.read(), self.region)
        except EventError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        self._events.submit(function, self._sender(function, event))
        return web.Response()

    async def _receive_push(self, request: web.Request) -> web.Response:
        """The answer acknowledges or not. Where the trigger asks for no retry, whatever the function says does."""
        function = self._function(request, "pubsub")
        with self.activity.work() as work:
            try:
                event = message_event(await request.read(), self.project, function.topic)
            except EventError as error:
                raise web.HTTPBadRequest(text=f"{error}\n") from error
            send = self._sender(function, event)
            outcome = await self._attempts.one("pubsub.push", work, send, function.timeout_seconds)
        if outcome.lost or outcome.ack_lost:
            self.counts[f"{function.name}:{'lost' if outcome.lost else 'redelivered'}"] += 1
            return web.Response(status=204 if outcome.lost else 503)
        self.counts[f"{function.name}:{'delivered' if outcome.ok else 'failed'}"] += 1
        if outcome.ok or function.retry:
            return web.Response(status=outcome.status)
        self.counts[f"{function.name}:dropped"] += 1
        return web.Response(status=204)

    def _sender(self, function: FunctionSpec, event: CloudEvent) -> Callable[[], Awaitable[int]]:
        return lambda: self._invoke(function, event.headers, event.body)

    async def _invoke(self, function: FunctionSpec, headers: Mapping[str, str], body: bytes) -> int:
        """POST to the function and wait for its end; 504 where it takes too long, 503 where the server dies."""
        try:
            async with self._server.request(
                "POST", f"/{function.name}/", seconds=function.timeout_seconds, headers=headers, body=body
            ) as response:
                await response.read()
                return response.status
        except TimeoutError:
            log.warning("%s took longer than its %g s.", function.name, function.timeout_seconds)
            return 504
        except Unreachable:
            return 503

    async def _pass_through(self, request: web.Request) -> web.StreamResponse:
        function = self._function(request, "https", "callable", "task", "schedule")
        if request.match_info["project"] != self.project or request.match_info["region"] != function.region:
            raise web.HTTPNotFound(text=f"{function.name} is at {self.function_url(function.name)}\n")
        answer: web.StreamResponse | None = None

        async def send() -> int:
            nonlocal answer
            answer = await self._forward(request, function)
            return answer.status

        async def unheard() -> int:
            return (await self._forward(request, function, discard=True)).status

        with self.activity.work() as work:
            try:
                seconds = function.timeout_seconds
                outcome = await self._attempts.one("functions.call", work, send, seconds, unheard=unheard)
            except NotImplementedError as error:
                raise web.HTTPNotImplemented(text=f"{error}\n") from error
        if outcome.lost or outcome.ack_lost:
            return _broken_off(request, web.Response())
        return answer if answer is not None else web.Response(status=outcome.status)

    async def _forward(
        self, request: web.Request, function: FunctionSpec, *, discard: bool = False
    ) -> web.StreamResponse:
        """The function's answer, sent to the client already; with `discard` the client hears nothing."""
        path = _below_function(request, function.name)
        headers = _end_to_end(request.headers)
        body = request.content.iter_chunked(_BLOCK_BYTES) if request.body_exists else None
        answer: web.StreamResponse | None = None
        try:
            async with self._server.request(
                request.method, path, seconds=function.timeout_seconds, headers=headers, body=body
            ) as response:
                if discard:
                    await response.read()
                    return web.Response(status=response.status)
                answer = web.StreamResponse(status=response.status, headers=_end_to_end(response.headers))
                await answer.prepare(request)
                await _copy(response.content.iter_chunked(_BLOCK_BYTES), answer)
                return answer
        except ClientGone:
            return answer or web.Response()
        except (TimeoutError, Unreachable) as error:
            if answer is not None:  # half of it is out already
                return _broken_off(request, answer)
            if isinstance(error, TimeoutError):
                return web.Response(
                    status=504, text=f"{function.name} took longer than {function.timeout_seconds:g} s.\n"
                )
            return web.Response(status=503, text=f"{function.name}: the instance died.\n")


def _below_function(request: web.Request, name: str) -> str:
    """`/{name}/…?…` from `/{project}/{region}/{name}…`, as it was written: not even %2F is decoded."""
    rest = request.raw_path.split("/", 3)[3].removeprefix(name)
    return f"/{name}{rest}" if rest.startswith("/") else f"/{name}/{rest}"


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


async def _copy(blocks: AsyncIterator[bytes], answer: web.StreamResponse) -> None:
    async for block in blocks:
        try:
            await answer.write(block)
        except ConnectionResetError as error:
            raise ClientGone from error
    await answer.write_eof()


def _broken_off(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """What the client sees is a connection that ends in mid-air."""
    if request.transport:
        request.transport.abort()
    return answer
