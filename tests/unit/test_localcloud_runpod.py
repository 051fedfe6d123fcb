"""The local RunPod: its rules by the clock, its API over HTTP, and its workers by the unmodified runpod SDK."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from localcloud.clock import Clock, ManualClock
from localcloud.faults import Faults
from localcloud.runpod import RunPodServer
from localcloud.runpod.job import Job, Status
from localcloud.runpod.queue import MAX_LOSSES, PING_LOSS_SECONDS, JobQueue
from localcloud.state import State

NOW = 1_700_000_000.0
KEY = "local-key"


# Rules, by the clock alone


def job(name: str = "a", **fields: Any) -> Job:
    defaults = {"execution_timeout": 600.0, "ttl": 86400.0, "retention": 1800.0, "queued_at": NOW}
    return Job(id=name, endpoint="gpu", input="{}", webhook=None, **{**defaults, **fields})


def queue_of(*jobs: Job) -> JobQueue:
    queue = JobQueue("gpu")
    for one in jobs:
        queue.submit(one)
    return queue


def test_jobs_go_out_once_and_in_order() -> None:
    queue = queue_of(job("a"), job("b"), job("c"))
    assert [one.id for one in queue.take("w1", 2, NOW)] == ["a", "b"]
    assert [one.id for one in queue.take("w2", 2, NOW)] == ["c"]
    assert queue.take("w1", 1, NOW) == []
    assert queue.depth() == 3


def test_a_result_ends_the_job_and_is_kept_for_half_an_hour() -> None:
    queue = queue_of(job())
    (one,) = queue.take("w1", 1, NOW + 2)
    assert queue.finish("a", "w1", '{"x": 1}', None, NOW + 5)
    assert one.as_response() == {
        "id": "a",
        "status": "COMPLETED",
        "delayTime": 2000,
        "executionTime": 3000,
        "output": {"x": 1},
        "workerId": "w1",
        "retries": 0,
    }
    assert queue.drain().finished == [one]
    queue.seen("w1", NOW + 1800)
    queue.expire(NOW + 5 + 1799)
    assert "a" in queue.jobs
    queue.expire(NOW + 5 + 1800)
    assert queue.jobs == {}
    assert queue.drain().removed == {"a"}


def test_an_error_fails_the_job_and_it_can_be_retried() -> None:
    queue = queue_of(one := job())
    queue.take("w1", 1, NOW)
    assert not queue.retry(one, NOW)
    queue.finish("a", "w1", None, "no voice", NOW + 1)
    assert (one.status, one.error) == (Status.FAILED, "no voice")
    assert queue.retry(one, NOW + 2)
    assert (one.status, one.error, one.retries) == (Status.IN_QUEUE, None, 1)
    assert queue.take("w1", 1, NOW + 3) == [one]


def test_execution_timeout_stops_the_job() -> None:
    queue = queue_of(one := job(execution_timeout=10))
    queue.take("w1", 1, NOW + 100)
    assert queue.next_due() == NOW + 110
    queue.expire(NOW + 109)
    assert one.status == Status.IN_PROGRESS
    queue.expire(NOW + 110)
    assert one.status == Status.TIMED_OUT
    assert queue.take_stops("w1") == ["a"]
    assert queue.take_stops("w1") == []
    assert not queue.finish("a", "w1", "1", None, NOW + 111)
    assert one.status == Status.TIMED_OUT


@pytest.mark.parametrize("taken", [False, True])
def test_ttl_covers_queue_and_run_and_then_forgets_the_job(*, taken: bool) -> None:
    queue = queue_of(job(ttl=60))
    if taken:
        queue.take("w1", 1, NOW + 50)
    queue.expire(NOW + 59)
    assert "a" in queue.jobs
    queue.expire(NOW + 60)
    assert "a" not in queue.jobs
    assert queue.take_stops("w1") == (["a"] if taken else [])
    assert queue.take("w2", 1, NOW + 60) == []


def test_cancelling_stops_what_runs_and_skips_what_waits() -> None:
    queue = queue_of(first := job("a"), second := job("b"), third := job("c"))
    queue.take("w1", 1, NOW)
    queue.cancel(first, NOW)
    queue.cancel(second, NOW)
    assert queue.take_stops("w1") == ["a"]
    assert queue.take("w1", 5, NOW) == [third]
    queue.finish("c", "w1", None, None, NOW)
    queue.cancel(third, NOW)
    assert [one.status for one in (first, second, third)] == [Status.CANCELLED, Status.CANCELLED, Status.COMPLETED]


def test_a_worker_that_does_not_ping_loses_its_jobs() -> None:
    queue = queue_of(one := job())
    queue.take("w1", 1, NOW)
    queue.seen("w1", NOW + 10)
    assert queue.next_due() == NOW + 10 + PING_LOSS_SECONDS
    queue.expire(NOW + PING_LOSS_SECONDS)
    assert one.status == Status.IN_PROGRESS
    queue.expire(NOW + 10 + PING_LOSS_SECONDS)
    assert (one.status, one.retries) == (Status.IN_QUEUE, 1)
    assert queue.take("w2", 1, NOW + 30) == [one]
    assert not queue.finish("a", "w1", '"late"', None, NOW + 31)
    assert queue.finish("a", "w2", '"second"', None, NOW + 32)
    assert one.output == '"second"'


def test_a_job_that_loses_too_many_workers_fails() -> None:
    queue = queue_of(one := job())
    for n in range(MAX_LOSSES + 1):
        assert queue.take(f"w{n}", 1, NOW) == [one]
        queue.lost(f"w{n}", NOW)
    assert one.status == Status.FAILED
    assert "lost" in (one.error or "")
    assert queue.retry(one, NOW)


def test_an_orphaned_ping_does_not_bring_a_dead_worker_back() -> None:
    queue = queue_of(job())
    queue.seen("w1", NOW)
    queue.lost("w1", NOW)
    queue.seen("w1", NOW + 1)
    assert queue.health()["workers"]["ready"] == 0
    assert queue.take("w1", 1, NOW + 2) == []
    queue.arrive("w1", NOW + 2)  # a new process under the old name
    assert queue.health()["workers"]["ready"] == 1


def test_progress_never_overwrites_a_result() -> None:
    queue = queue_of(one := job())
    assert not queue.progress("a", "w1", '"early"')
    queue.take("w1", 1, NOW)
    assert queue.progress("a", "w1", '"half"')
    assert one.as_response()["output"] == "half"
    queue.finish("a", "w1", '"all"', None, NOW)
    assert not queue.progress("a", "w1", '"half"')
    assert one.output == '"all"'


def test_a_duplicated_job_goes_to_another_worker_and_the_first_result_counts() -> None:
    queue = queue_of(one := job())
    queue.seen("w2", NOW)
    queue.take("w1", 1, NOW)
    queue.echo(one, "w1")
    assert queue.take("w1", 1, NOW) == []
    assert queue.take("w2", 1, NOW) == [one]
    assert queue.depth() == 2
    assert queue.finish("a", "w2", "2", None, NOW)
    assert not queue.finish("a", "w1", "1", None, NOW)
    assert (one.output, one.worker_id, queue.depth()) == ("2", "w2", 0)


def test_what_was_in_progress_waits_again_after_a_restart() -> None:
    queue = JobQueue("gpu")
    queue.restore(job("a", status="IN_PROGRESS", worker_id="w1", started_at=NOW))
    queue.restore(job("b"))
    queue.restore(job("c", status="COMPLETED", finished_at=NOW))
    assert [one.id for one in queue.take("w2", 9, NOW)] == ["a", "b"]


# Over HTTP


class Cloud:
    def __init__(self, clock: Clock, state: State) -> None:
        self.clock = clock
        self.state = state
        self.faults = Faults()
        self.server = RunPodServer(state, clock, self.faults, KEY)
        self.http: Any = None

    async def call(self, method: str, path: str, body: Any = None, *, key: str = KEY) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.server.port}/v2/{path}"
        async with self.http.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def submit(self, **fields: Any) -> str:
        status, body = await self.call("POST", "gpu/run", {"input": {}, **fields})
        assert (status, body["status"]) == (200, "IN_QUEUE")
        return str(body["id"])

    async def status(self, job_id: str) -> Any:
        return (await self.call("GET", f"gpu/status/{job_id}"))[1]

    async def take(self, worker: str = "w1") -> Any:
        """As the SDK does; None for 204."""
        url = self.server.worker_environment("gpu", worker)["RUNPOD_WEBHOOK_GET_JOB"] + "&job_in_progress=0"
        async with self.http.get(url) as response:
            return await response.json() if response.status == 200 else None

    async def done(self, job_id: str, result: Any, worker: str = "w1") -> int:
        url = self.server.worker_environment("gpu", worker)["RUNPOD_WEBHOOK_POST_OUTPUT"]
        async with self.http.post(url.replace("$ID", job_id) + "&isStream=false", json=result) as response:
            return int(response.status)

    async def reaches(self, job_id: str, wanted: str) -> Any:
        return await self.shows(job_id, "status", wanted)

    async def shows(self, job_id: str, name: str, wanted: Any) -> Any:
        async with asyncio.timeout(20):
            while (body := await self.status(job_id)).get(name) != wanted:  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.01)  # over HTTP there is nothing to wait for but /status
        return body


async def settled() -> None:
    """What is on its way has arrived: clients and server share this loop, so its turns decide, not time."""
    for _ in range(200):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def cloud(clock: Clock | None = None, state: State | None = None) -> AsyncIterator[Cloud]:
    made = Cloud(clock or Clock(), state or State())
    await made.server.start()
    made.http = aiohttp.ClientSession()
    try:
        yield made
    finally:
        await made.http.close()
        await made.server.stop()
        made.state.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def call() -> None:
        asyncio.run(test())

    call.__name__, call.__doc__ = test.__name__, test.__doc__
    return call


@run
async def test_a_job_from_run_to_result() -> None:
    async with cloud() as it:
        waiting = asyncio.create_task(it.take())
        await settled()
        job_id = await it.submit(input={"say": "hello"})
        assert await asyncio.wait_for(waiting, 20) == {"id": job_id, "input": {"say": "hello"}}
        assert (await it.status(job_id))["status"] == "IN_PROGRESS"
        await it.done(job_id, {"status": "IN_PROGRESS", "output": {"done": 1}})
        assert (await it.status(job_id))["output"] == {"done": 1}
        assert await it.done(job_id, {"output": {"key": "audio"}}) == 200
        assert await it.done(job_id, {"status": "IN_PROGRESS", "output": {"done": 2}}) == 200
        body = await it.status(job_id)
        assert (body["status"], body["output"], body["workerId"]) == ("COMPLETED", {"key": "audio"}, "w1")
        assert (await it.call("GET", "gpu/health"))[1]["jobs"]["completed"] == 1
        assert it.server.depth() == 0


@run
async def test_bad_calls_are_refused() -> None:
    async with cloud() as it:
        assert (await it.call("POST", "gpu/run", {"input": {}}, key="wrong"))[0] == 401
        assert (await it.call("GET", "gpu/status/missing"))[0] == 404
        bad: list[Any] = [{}, {"input": 1}, {"input": {}, "webhook": 5}, {"input": {}, "policy": {"ttl": -1}}, []]
        for body in bad:
            assert (await it.call("POST", "gpu/run", body))[0] == 400
        assert (await it.call("POST", "gpu/run", {"input": {"x": "y" * 10_000_000}}))[0] == 413
        status, body = await it.call("GET", "gpu/stream/abc")
        assert (status, "/v2/gpu/stream/abc" in body["error"]) == (501, True)


@run
async def test_runsync_answers_with_the_result() -> None:
    async with cloud() as it:
        call = asyncio.create_task(it.call("POST", "gpu/runsync", {"input": {"n": 1}}))
        taken = await it.take()
        await it.done(taken["id"], {"output": 2})
        status, body = await call
        assert (status, body["status"], body["output"]) == (200, "COMPLETED", 2)


@run
async def test_long_polls_end_by_the_clock_and_the_endpoints_are_apart() -> None:
    clock = ManualClock()
    async with cloud(clock) as it:
        waiting = asyncio.create_task(it.take())
        await settled()
        await it.call("POST", "other/run", {"input": {}})
        await settled()
        assert not waiting.done()
        clock.advance(25)
        assert await asyncio.wait_for(waiting, 20) is None


@run
async def test_a_poll_that_was_given_up_takes_no_job() -> None:
    async with cloud() as it:
        waiting = asyncio.create_task(it.take("gone"))
        await settled()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await settled()
        job_id = await it.submit()
        assert (await it.take("w2"))["id"] == job_id


@run
async def test_batches_purges_and_retries() -> None:
    async with cloud() as it:
        ids = [await it.submit() for _ in range(4)]
        url = it.server.worker_environment("gpu", "w1")["RUNPOD_WEBHOOK_GET_JOB"]
        batch_url = url.replace("/job-take/", "/job-take-batch/") + "&batch_size=3&job_in_progress=0"
        async with it.http.get(batch_url) as response:
            assert [one["id"] for one in await response.json()] == ids[:3]
        assert await it.call("POST", "gpu/purge-queue") == (200, {"removed": 1, "status": "completed"})
        assert (await it.call("POST", f"gpu/retry/{ids[0]}"))[0] == 400
        await it.done(ids[0], {"error": "no"})
        assert await it.call("POST", f"gpu/retry/{ids[0]}") == (200, {"id": ids[0], "status": "IN_QUEUE"})
        assert (await it.take("w2"))["id"] == ids[0]


@run
async def test_a_lost_worker_is_replaced_and_its_late_result_ignored() -> None:
    async with cloud() as it:
        job_id = await it.submit()
        await it.take("w1")
        waiting = asyncio.create_task(it.take("w2"))
        await settled()
        it.server.worker_lost("w1")
        assert (await asyncio.wait_for(waiting, 20))["id"] == job_id
        assert await it.done(job_id, {"output": "late"}, "w1") == 200
        assert (await it.status(job_id))["status"] == "IN_PROGRESS"
        await it.done(job_id, {"output": "right"}, "w2")
        body = await it.status(job_id)
        assert (body["output"], body["workerId"], body["retries"]) == ("right", "w2", 1)


@contextlib.asynccontextmanager
async def webhook(answers: list[int]) -> AsyncIterator[tuple[str, list[Any]]]:
    received: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response(status=answers.pop(0) if answers else 200)

    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", received
    finally:
        await runner.cleanup()


@run
async def test_a_webhook_is_tried_three_times_ten_seconds_apart() -> None:
    clock = ManualClock()
    async with cloud(clock) as it, webhook([500] * 9) as (url, received):
        job_id = await it.submit(webhook=url)
        await it.take()
        await it.done(job_id, {"output": 1})
        for tries in (1, 2, 3, 3):
            await settled()
            assert len(received) == tries
            clock.advance(10)
        assert received[0] == await it.status(job_id)


@pytest.mark.parametrize(("fault", "posts"), [("drop", 0), ("duplicate", 2)])
def test_webhook_faults(fault: str, posts: int) -> None:
    async def play() -> None:
        async with cloud() as it, webhook([]) as (url, received):
            it.faults.set(f"runpod.webhook:{fault}")
            job_id = await it.submit(webhook=url)
            await it.call("POST", f"gpu/cancel/{job_id}")
            await settled()
            assert [body["status"] for body in received] == ["CANCELLED"] * posts

    asyncio.run(play())


@run
async def test_run_faults() -> None:
    async with cloud() as it:
        it.faults.set("runpod.run:429 x1")
        assert (await it.call("POST", "gpu/run", {"input": {}}))[0] == 429
        assert it.server.depth() == 0
        it.faults.set("runpod.run:reset x1")
        with pytest.raises(aiohttp.ClientError):
            await it.submit()
        assert it.server.depth() == 1
        it.faults.set("runpod.run:duplicate x1")
        await it.submit()
        assert it.server.depth() == 3
        it.faults.set("runpod.run:drop x1")
        vanished = await it.submit()
        assert it.server.depth() == 3
        assert (await it.call("GET", f"gpu/status/{vanished}"))[0] == 404


@run
async def test_worker_faults() -> None:
    async with cloud() as it:
        job_id = await it.submit()
        it.faults.set("runpod.take:duplicate x1")
        both = await asyncio.gather(it.take("w1"), it.take("w2"))
        assert [one["id"] for one in both] == [job_id, job_id]
        it.faults.set("runpod.done:500 x1, runpod.status:503 x1")
        assert await it.done(job_id, {"output": 1}) == 500
        assert (await it.call("GET", f"gpu/status/{job_id}"))[0] == 503
        it.faults.set("runpod.done:drop x1")
        assert await it.done(job_id, {"output": 1}) == 200
        assert (await it.status(job_id))["status"] == "IN_PROGRESS"
        await it.done(job_id, {"output": 1})
        assert (await it.status(job_id))["status"] == "COMPLETED"


def left_behind(path: Path, directory: Path) -> Path:
    """The database as a killed process leaves it: never closed, its last changes only in the WAL."""
    directory.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, directory / file.name)
    return directory / path.name


@run
async def test_a_dead_workers_open_poll_gets_no_job() -> None:
    async with cloud() as it:
        dead, alive = asyncio.create_task(it.take("dead")), asyncio.create_task(it.take("alive"))
        await settled()
        it.server.worker_lost("dead")  # its connection still looks open
        job_id = await it.submit()
        assert (await asyncio.wait_for(alive, 20))["id"] == job_id
        assert await asyncio.wait_for(dead, 20) is None


def test_a_killed_process_loses_no_job_and_no_result(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "state.db"
        async with cloud(state=State(path)) as it:
            done, running, waiting = [await it.submit(input={"n": n}) for n in range(3)]
            await it.take()
            await it.done(done, {"output": "kept"})
            await it.take()
            survivor = left_behind(path, tmp_path / "copy")
        async with cloud(state=State(survivor)) as it:
            assert (await it.status(done))["output"] == "kept"
            assert [(await it.take())["input"] for _ in range(2)] == [{"n": 1}, {"n": 2}]
            assert (await it.status(running))["retries"] == 1
            assert (await it.status(waiting))["retries"] == 0

    asyncio.run(play())


# By the unmodified SDK

HANDLER = """
    import asyncio
    import pathlib
    import runpod

    async def handler(job):
        wish = job["input"]
        if wish.get("fail"):
            return {"error": "no voice"}
        if wish.get("raise"):
            raise ValueError("broken")
        runpod.serverless.progress_update(job, {"stage": "speaking"})
        if "mark" in wish:
            pathlib.Path(wish["mark"]).touch()
        try:
            await asyncio.sleep(wish.get("seconds", 0))
        except asyncio.CancelledError:
            pathlib.Path(wish["mark"] + ".stopped").touch()
            raise
        return {"said": wish.get("say")}

    runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda _: 4})
"""


@contextlib.contextmanager
def sdk_worker(it: Cloud, directory: Path, worker_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process in a group of its own, so that its ping process can be killed with it."""
    script = directory / "handler.py"
    script.write_text(textwrap.dedent(HANDLER))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        **it.server.worker_environment("gpu", worker_id),
    }
    with (directory / f"{worker_id}.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env=environment,
            cwd=directory,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.01)


def test_the_sdk_takes_finishes_fails_and_is_stopped(tmp_path: Path) -> None:
    async def play() -> None:
        async with cloud() as it:
            with sdk_worker(it, tmp_path, "w1"):
                said, failed, raised = [
                    await it.submit(input=wish) for wish in ({"say": "hello"}, {"fail": True}, {"raise": True})
                ]
                assert (await it.reaches(said, "COMPLETED"))["output"] == {"said": "hello"}
                assert (await it.reaches(failed, "FAILED"))["error"] == "no voice"
                assert "broken" in (await it.reaches(raised, "FAILED"))["error"]

                mark = tmp_path / "long"
                cancelled = await it.submit(input={"mark": str(mark), "seconds": 60})
                await until(mark.exists)
                await it.shows(cancelled, "output", {"stage": "speaking"})
                assert (await it.call("POST", f"gpu/cancel/{cancelled}"))[1]["status"] == "CANCELLED"
                await until((tmp_path / "long.stopped").exists)
                assert (await it.call("GET", "gpu/health"))[1]["workers"]["ready"] == 1

    asyncio.run(play())


def test_a_killed_sdk_worker_is_replaced(tmp_path: Path) -> None:
    async def play() -> None:
        async with cloud() as it:
            mark = tmp_path / "mark"
            job_id = await it.submit(input={"mark": str(mark), "seconds": 0.5, "say": "again"})
            with sdk_worker(it, tmp_path, "w1") as first, sdk_worker(it, tmp_path, "w2") as second:
                await until(mark.exists)
                holder = (await it.status(job_id))["workerId"]
                os.killpg({"w1": first, "w2": second}[holder].pid, signal.SIGKILL)
                it.server.worker_lost(holder)
                body = await it.reaches(job_id, "COMPLETED")
                assert body["workerId"] != holder
                assert (body["output"], body["retries"]) == ({"said": "again"}, 1)

    asyncio.run(play())
