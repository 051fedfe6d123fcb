"""RunPod's handler: what it answers, and the fitness check that the SDK runs before it takes a job."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest
from runpod.serverless.modules import rp_fitness

from gpu_job.engines.protocol import Engine
from gpu_job.handler import Handler, register_fitness
from gpu_job.running import Jobs
from gpu_job.worker import Worker
from jobs.errors import FailedPrecondition, Unavailable
from tests.unit.test_server import HeldWorker


@pytest.fixture(autouse=True)
def sdks() -> Iterator[list[int]]:
    """In the place of the SDK's handler of SIGTERM: the signals that it was given."""
    given: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: given.append(number))
    yield given
    signal.signal(signal.SIGTERM, before)


def answer(worker: HeldWorker, job: dict[str, Any]) -> dict[str, Any]:
    worker.let_go.set()
    return asyncio.run(Handler(Jobs(cast(Worker, worker), concurrency=1))(job))


def test_it_says_how_the_attempt_ended() -> None:
    worker = HeldWorker()
    assert answer(worker, {"id": "x", "input": {"job_id": "job1", "attempt": 3}}) == {"outcome": "succeeded"}
    assert worker.asked == [("job1", 3)]


@pytest.mark.parametrize("wrong", [None, "text", {}, {"job_id": "job1"}, {"job_id": 7, "attempt": 1}])
def test_an_input_that_cannot_be_read_is_an_error_of_the_gpu_job(wrong: object) -> None:
    worker = HeldWorker()
    assert set(answer(worker, {"id": "x", "input": wrong})) == {"error"}
    assert not worker.asked


def test_an_error_of_ours_is_told_in_our_words() -> None:
    worker = HeldWorker()
    worker.error = Unavailable("The database cannot be reached at the moment.")
    assert answer(worker, {"input": {"job_id": "job1", "attempt": 1}}) == {"error": worker.error.message}


def test_sigterm_hands_the_job_back_and_the_sdk_learns_of_it(sdks: list[int]) -> None:
    worker = HeldWorker()
    handler = Handler(Jobs(cast(Worker, worker), concurrency=1))

    async def stopped() -> dict[str, Any]:
        answer = asyncio.create_task(handler({"input": {"job_id": "job1", "attempt": 1}}))
        await asyncio.to_thread(worker.begun.wait, 5)
        os.kill(os.getpid(), signal.SIGTERM)
        return await answer

    assert asyncio.run(asyncio.wait_for(stopped(), 5)) == {"outcome": "failed"}
    assert sdks == [signal.SIGTERM]


class Speaker:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.words = 0

    def warm_up(self) -> None:
        self.words += 1
        if self.error is not None:
            raise self.error


class Ended(BaseException):
    pass


@pytest.fixture
def _fitness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's checks with ours alone among them; ending the process is an exception."""

    def end(status: int) -> None:
        raise Ended(status)

    monkeypatch.setenv("RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "true")
    monkeypatch.setenv("RUNPOD_SKIP_GPU_CHECK", "true")
    monkeypatch.delenv("RUNPOD_WEBHOOK_PING", raising=False)
    monkeypatch.setattr(rp_fitness, "_fitness_checks", [])
    monkeypatch.setattr(os, "_exit", end)


@pytest.mark.usefixtures("_fitness")
def test_a_worker_speaks_before_it_works() -> None:
    engine = Speaker()
    register_fitness(cast(Engine, engine))
    asyncio.run(rp_fitness.run_fitness_checks())
    assert engine.words == 1


@pytest.mark.usefixtures("_fitness")
@pytest.mark.parametrize("error", [FailedPrecondition("The weights are missing."), RuntimeError("no CUDA device")])
def test_a_worker_that_cannot_speak_takes_no_job(error: Exception) -> None:
    register_fitness(cast(Engine, Speaker(error)))
    with pytest.raises(Ended):
        asyncio.run(rp_fitness.run_fitness_checks())
