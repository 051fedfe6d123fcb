"""Cloud Run in front of the GPU service: lets in whom it knows, finds an instance that is free, passes the request on.

    Cloud Tasks ── POST /run, OIDC token ──▶ front ── token? ── an instance with room? ──▶ gpu_job.server, PORT
                                               401, 403            429 after a while

The instances are processes of the worker pool. As in production one gets requests once its startup probe (GET /health)
has been answered, and never more at a time than the service's concurrency; a request that finds none waits for a few
seconds first. Scaling is left out: there are as many instances as the pool has workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from localcloud.emulators.ports import free_port

log = logging.getLogger(__name__)
Verify = Callable[[str, str], dict[str, Any]]  # (token, audience) → its claims, or jwt.InvalidTokenError

WAIT_SECONDS = 10.0  # for an instance with room; then 429, as production documents it
_PROBE_SECONDS = 0.05
_NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass
class _Instance:
    port: int
    ready: bool = False
    requests: int = 0
    probe: asyncio.Task[None] | None = None


class CloudRun:
    """One service. Listens on 127.0.0.1; `invoker` is the service account that may call it."""

    module = "gpu_job.server"

    def __init__(self, verify: Verify, invoker: str, concurrency: int) -> None:
        self._verify = verify
        self._invoker = invoker
        self._concurrency = concurrency
        self._instances: dict[str, _Instance] = {}
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        application = web.Application()
        application.add_routes([web.post("/run", self._request)])
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for worker_id in list(self._instances):
            self.worker_lost(worker_id)
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    # ── the pool's side ──────────────────────────────────────────────────────────────────────────────────────────────

    def worker_environment(self, worker_id: str) -> dict[str, str]:
        """What Cloud Run sets in an instance. The instance counts from now on, and gets requests once it is ready."""
        instance = self._instances[worker_id] = _Instance(free_port())
        instance.probe = asyncio.create_task(self._probe(instance), name=f"startup probe of {worker_id}")
        return {"PORT": str(instance.port), "K_SERVICE": "gpu"}

    def has_worker(self, worker_id: str) -> bool:
        instance = self._instances.get(worker_id)
        return instance is not None and instance.ready

    def worker_lost(self, worker_id: str) -> None:
        instance = self._instances.pop(worker_id, None)
        if instance is not None and instance.probe is not None:
            instance.probe.cancel()

    def busy(self, worker_id: str) -> bool:
        """Whether it has a request to answer."""
        return worker_id in self._instances and self._instances[worker_id].requests > 0

    async def _probe(self, instance: _Instance) -> None:
        while not await self._answers(instance.port):  # noqa: ASYNC110  another process cannot set an event of ours
            await asyncio.sleep(_PROBE_SECONDS)
        instance.ready = True
        async with self._changed:
            self._changed.notify_all()

    async def _answers(self, port: int) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._client().get(f"http://127.0.0.1:{port}/health") as response:
                return response.status == 200
        return False

    # ── the callers' side ────────────────────────────────────────────────────────────────────────────────────────────

    async def _request(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return web.Response(status=refusal)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                instance = await self._with_room()
        except TimeoutError:
            return web.Response(status=429, text="Rate exceeded.")
        try:
            return await self._passed_on(request, instance)
        except (aiohttp.ClientError, OSError) as error:
            log.info("An instance has gone while it was answering (%s).", type(error).__name__)
            return web.Response(status=500)  # what production's proxy says of an instance that died
        finally:
            instance.requests -= 1
            async with self._changed:
                self._changed.notify_all()

    def _refusal(self, request: web.Request) -> int | None:
        """401 for who shows no good token, 403 for somebody else than the invoker, None for who may come in."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return 401
        try:
            claims = self._verify(token, f"{self.url}{request.path}")
        except jwt.InvalidTokenError:
            return 401
        return None if claims["email"] == self._invoker else 403

    async def _with_room(self) -> _Instance:
        """The least busy instance that is ready, with this request counted."""
        async with self._changed:
            while True:
                free = [each for each in self._instances.values() if each.ready and each.requests < self._concurrency]
                if free:
                    instance = min(free, key=lambda each: each.requests)
                    instance.requests += 1
                    return instance
                await self._changed.wait()

    async def _passed_on(self, request: web.Request, instance: _Instance) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        url = f"http://127.0.0.1:{instance.port}{request.path_qs}"
        async with self._client().post(url, data=await request.read(), headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Start the service first.")
        return self._session
