"""The RunPod client over HTTP against the local RunPod, and against answers that RunPod should not give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from backend import gpu
from backend.gpu import BackendState, RunPod
from backend.settings import Settings
from jobs.config import load
from jobs.errors import Busy, FailedPrecondition, StoryvoiceError, Unavailable
from jobs.model import Backend, Kind
from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.runpod import RunPodServer
from localcloud.state import State
from tests.unit.loop_thread import LoopThread
from tests.unit.story_time import a_job
from tests.unit.test_config import ENVIRONMENT

KEY = ENVIRONMENT["RUNPOD_API_KEY"]


def client(base: str, **environ: str) -> RunPod:
    return RunPod(load(Settings, {**ENVIRONMENT, "RUNPOD_API_BASE": base, **environ}))


class Cloud:
    def __init__(self, loop: LoopThread) -> None:
        self.faults = Faults()
        self.loop = loop
        self.server = loop.call(lambda: RunPodServer(State(), Clock(), self.faults, KEY))
        loop.run(self.server.start())
        self.base = f"http://127.0.0.1:{self.server.port}/v2"

    def fault(self, spec: str) -> None:
        self.loop.call(self.faults.set, spec)


@pytest.fixture
def cloud(loop: LoopThread) -> Iterator[Cloud]:
    cloud = Cloud(loop)
    yield cloud
    loop.run(cloud.server.stop())


def test_a_job_is_submitted_seen_and_cancelled(cloud: Cloud) -> None:
    runpod = client(cloud.base)
    backend = runpod.submit(a_job(attempt=3))
    assert (backend.name, backend.attempt) == ("runpod", 3)
    assert runpod.state(backend, Kind.NARRATE) is BackendState.WAITING
    runpod.cancel(backend, Kind.NARRATE)
    assert runpod.state(backend, Kind.NARRATE) is BackendState.OVER
    runpod.cancel(backend, Kind.NARRATE)


def test_kinds_go_to_their_own_endpoints(cloud: Cloud) -> None:
    runpod = client(cloud.base)
    backend = runpod.submit(a_job(kind=Kind.CLONE))
    assert runpod.state(backend, Kind.CLONE) is BackendState.WAITING
    assert runpod.state(backend, Kind.NARRATE) is BackendState.OVER, "nobody knows it there"


def test_an_unknown_job_is_over(cloud: Cloud) -> None:
    runpod, unknown = client(cloud.base), Backend(name="runpod", id="nothing-e1", attempt=1)
    assert runpod.state(unknown, Kind.NARRATE) is BackendState.OVER
    runpod.cancel(unknown, Kind.NARRATE)


def test_a_wrong_key_is_ours_to_mend_and_is_not_shown(cloud: Cloud) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        client(cloud.base, RUNPOD_API_KEY="wrong-key").submit(a_job())
    assert "wrong-key" not in refused.value.message


@pytest.mark.parametrize("fault", ["runpod.run:500", "runpod.run:503", "runpod.run:429", "runpod.run:reset"])
def test_what_passes_by_itself_is_unavailable(cloud: Cloud, fault: str) -> None:
    cloud.fault(fault)
    with pytest.raises(Unavailable):
        client(cloud.base).submit(a_job())
    cloud.fault("")
    assert client(cloud.base).submit(a_job()).id


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        client("http://127.0.0.1:9/v2").submit(a_job())


def test_an_answer_that_does_not_come_is_unavailable(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_TIMEOUT", httpx.Timeout(0.2))
    cloud.fault("runpod.run:hang")
    with pytest.raises(Unavailable):
        client(cloud.base).submit(a_job())


# ── a server that says what we want ──────────────────────────────────────────────────────────────────────────────────


class Odd:
    """Gives every request the same answer and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.requests: list[tuple[str, str, str, bytes]] = []
        odd = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                odd.requests.append((self.command, self.path, self.headers["Authorization"], body))
                status, content = odd.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/v2"


@pytest.fixture
def odd() -> Iterator[Odd]:
    odd = Odd()
    yield odd
    odd.server.shutdown()
    odd.server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"{}", FailedPrecondition),
        (401, b"{}", FailedPrecondition),
        (403, b"{}", FailedPrecondition),
        (404, b"{}", FailedPrecondition),
        (429, b"{}", Busy),
        (503, b"", Busy),
        (500, b"traceback", Unavailable),
        (502, b"<html>", Unavailable),
        (200, b"<html>busy</html>", Unavailable),
        (200, b"", Unavailable),
        (200, b"[]", Unavailable),
        (200, b"null", Unavailable),
        (200, b'{"status": "IN_QUEUE"}', Unavailable),
        (200, b'{"id": null}', Unavailable),
        (302, b"", Unavailable),
    ],
)
def test_every_answer_to_a_submission_is_one_of_ours(
    odd: Odd, status: int, body: bytes, error: type[StoryvoiceError]
) -> None:
    odd.answer = (status, body)
    with pytest.raises(error) as raised:
        client(odd.base).submit(a_job())
    assert type(raised.value) is error
    assert "html" not in raised.value.message


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("IN_QUEUE", BackendState.WAITING),
        ("IN_PROGRESS", BackendState.RUNNING),
        *[(name, BackendState.OVER) for name in ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT", "NEW_WORD")],
    ],
)
def test_states(odd: Odd, status: str, state: BackendState) -> None:
    odd.answer = (200, f'{{"id": "x", "status": "{status}"}}'.encode())
    assert client(odd.base).state(Backend(name="runpod", id="x", attempt=1), Kind.NARRATE) is state


@pytest.mark.parametrize(
    "call",
    [
        lambda runpod, backend: runpod.state(backend, Kind.CLONE),
        lambda runpod, backend: runpod.cancel(backend, Kind.CLONE),
    ],
)
@pytest.mark.parametrize("answer", [(500, b""), (429, b""), (200, b"garbage")])
def test_state_and_cancel_do_not_guess(
    odd: Odd, answer: tuple[int, bytes], call: Callable[[RunPod, Backend], object]
) -> None:
    odd.answer = answer
    with pytest.raises(Unavailable):
        call(client(odd.base), Backend(name="runpod", id="x", attempt=1))


def test_what_runpod_is_sent(odd: Odd) -> None:
    odd.answer = (200, b'{"id": "x-e1", "status": "IN_QUEUE"}')
    runpod = client(odd.base, RUNPOD_EXECUTION_SECONDS="120")
    assert runpod.submit(a_job(attempt=2, input={"text": "a secret story"})).id == "x-e1"
    ((method, path, authorization, body),) = odd.requests
    assert (method, path, authorization) == ("POST", "/v2/narrate/run", f"Bearer {KEY}")
    assert httpx.Response(200, content=body).json() == {
        "input": {"job_id": "job1", "attempt": 2},
        "policy": {"executionTimeout": 120_000},
    }
