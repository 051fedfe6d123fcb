"""gpu_job/server.py over real HTTP: every answer is one that Cloud Tasks makes the right thing of."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.running import Attempt, Jobs
from gpu_job.server import Server
from gpu_job.worker import Worker
from jobs.errors import Unavailable
from tests.unit.loop_thread import LoopThread

BODY = {"input": {"job_id": "job1", "attempt": 2}}


class HeldWorker:
    """In the place of a Worker: holds its job until it is let go or told to stop."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.ended = threading.Event()
        self.error: Exception | None = None

    def run(self, job_id: str, attempt: int, stop: threading.Event) -> str:
        try:
            return self._run(job_id, attempt, stop)
        finally:
            self.ended.set()

    def _run(self, job_id: str, attempt: int, stop: threading.Event) -> str:
        self.asked.append((job_id, attempt))
        self.begun.set()
        while not self.let_go.wait(0.01):
            if stop.is_set():
                return "failed"
        if self.error is not None:
            raise self.error
        return "succeeded"


class Service:
    """The server on a port, and a client that can wait for an answer while others ask."""

    def __init__(self, loop: LoopThread) -> None:
        self.worker = HeldWorker()
        self._loop = loop
        self._runner = loop.call(self._make_runner)
        loop.run(self._start())
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._threads = ThreadPoolExecutor()
        self._client = httpx.Client(base_url=self.url)

    def _make_runner(self) -> web.AppRunner:
        application = Server(Jobs(cast(Worker, self.worker), concurrency=1)).application()
        return web.AppRunner(application, access_log=None, shutdown_timeout=5.0)

    async def _start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    def post(self, content: bytes | None = None) -> httpx.Response:
        return self._client.post("/run", content=json.dumps(BODY).encode() if content is None else content)

    def post_meanwhile(self) -> Future[httpx.Response]:
        answer = self._threads.submit(self.post)
        assert self.worker.begun.wait(5)
        return answer

    def stop(self) -> None:
        """What web.run_app does at SIGTERM. Safe to call twice."""
        self._loop.run(self._runner.cleanup())
        self._threads.shutdown()
        self._client.close()


@pytest.fixture
def service(loop: LoopThread) -> Iterator[Service]:
    service = Service(loop)
    yield service
    service.worker.let_go.set()
    service.stop()


def test_an_attempt_is_answered_when_it_is_over(service: Service) -> None:
    service.worker.let_go.set()
    answer = service.post()
    assert (answer.status_code, answer.json()) == (200, {"outcome": "succeeded"})
    assert service.worker.asked == [("job1", 2)]


def test_a_busy_worker_says_so_and_is_healthy(service: Service) -> None:
    first = service.post_meanwhile()
    assert service.post().status_code == 429
    health = httpx.get(f"{service.url}/health")
    assert (health.status_code, health.json()) == (200, {"status": "ok", "busy": True})

    service.worker.let_go.set()

    assert first.result(5).status_code == 200
    assert service.post().status_code == 200
    assert service.worker.asked == [("job1", 2)] * 2


def test_a_store_that_cannot_be_reached_is_asked_again_without_slowing_the_queue(service: Service) -> None:
    service.worker.error = Unavailable("The database cannot be reached at the moment.")
    service.worker.let_go.set()
    answer = service.post()
    assert (answer.status_code, answer.json()) == (500, {"error": service.worker.error.message})


def test_a_stop_hands_the_job_back_and_still_answers(service: Service) -> None:
    answer = service.post_meanwhile()

    service.stop()

    assert answer.result(5).json() == {"outcome": "failed"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/health")


MEANT = st.fixed_dictionaries({"input": st.fixed_dictionaries({"job_id": st.text(), "attempt": st.integers()})})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["input", "job_id", "attempt"]), inner),
    max_leaves=6,
)


def test_whatever_is_posted_is_never_asked_for_again(loop: LoopThread) -> None:
    """A task whose body cannot be read would come back for an hour."""
    service = Service(loop)
    service.worker.let_go.set()

    @settings(max_examples=60, deadline=None)
    @given(
        JSON.map(lambda value: json.dumps(value).encode()) | MEANT.map(lambda v: json.dumps(v).encode()) | st.binary()
    )
    def post(content: bytes) -> None:
        answer = service.post(content)
        assert answer.status_code == 200
        assert set(answer.json()) <= {"outcome", "error"}

    try:
        post()
    finally:
        service.stop()


def test_a_cancelled_wait_stops_the_job_which_counts_until_it_has_ended(loop: LoopThread) -> None:
    """What RunPod's stop signal does to the handler."""
    worker = HeldWorker()
    jobs = Jobs(cast(Worker, worker), concurrency=1)

    async def cancelled() -> bool:
        waiting = asyncio.create_task(jobs.run(Attempt(job_id="job1", attempt=1)))
        await asyncio.to_thread(worker.begun.wait, 5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        was_busy = jobs.busy
        await asyncio.to_thread(worker.ended.wait, 5)
        while jobs.busy:  # noqa: ASYNC110 - its thread is free a moment later
            await asyncio.sleep(0.01)
        return waiting.cancelled() and was_busy

    assert loop.run(cancelled(), timeout=20)
