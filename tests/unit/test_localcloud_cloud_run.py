"""Cloud Run's front: who gets in, and what a caller sees of instances that are busy or gone. Flow: test_http_gpu.py."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from aiohttp import web

from localcloud import cloud_run
from localcloud.clock import Clock
from localcloud.cloud_run import CloudRun
from localcloud.identity.oidc import OidcServer
from tests.cloud import until
from tests.unit.loop_thread import LoopThread

INVOKER = "tasks@example.iam.gserviceaccount.com"


class Front:
    def __init__(self, loop: LoopThread) -> None:
        self.loop = loop
        self.oidc = OidcServer("demo", Clock())
        self.service: CloudRun = loop.call(lambda: CloudRun(self.oidc.verify, INVOKER, 1))
        loop.run(self.service.start())

    def add(self, worker_id: str) -> int:
        """The port of a new instance."""
        return int(self.loop.call(self.service.worker_environment, worker_id)["PORT"])

    def post(self, account: str = INVOKER, path: str = "/run") -> int:
        token = self.oidc.mint(account, f"{self.service.url}{path}")
        return httpx.post(f"{self.service.url}/run", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def front(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setattr(cloud_run, "WAIT_SECONDS", 0.1)
    front = Front(loop)
    yield front
    loop.run(front.service.stop())


async def instance(port: int) -> web.AppRunner:
    async def health(_: web.Request) -> web.Response:
        return web.Response()

    async def run(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.close()  # as a process that is killed
        return web.Response()

    application = web.Application()
    application.add_routes([web.get("/health", health), web.post("/run", run)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


def test_nobody_is_ready_in_time(front: Front) -> None:
    front.add("worker-1")  # its process never comes up
    assert front.post() == 429


def test_only_the_invoker_with_a_token_for_this_call(front: Front) -> None:
    assert (front.post("somebody@example.com"), front.post(path="/else")) == (403, 401)
    assert httpx.post(f"{front.service.url}/run").status_code == 401


def test_an_instance_that_dies_in_mid_answer_is_a_500_and_has_room_again(front: Front) -> None:
    runner = front.loop.run(instance(front.add("worker-1")))
    until(lambda: front.service.has_worker("worker-1"), "the startup probe", seconds=5)

    assert [front.post(), front.post()] == [500, 500]

    assert not front.service.busy("worker-1")
    front.loop.call(front.service.worker_lost, "worker-1")
    assert not front.service.has_worker("worker-1")
    assert front.post() == 429
    front.loop.run(runner.cleanup())
