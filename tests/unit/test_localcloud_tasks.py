"""The local Cloud Tasks: its rules by the clock, and its protocol by Google's own client."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksGrpcTransport,
)
from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localcloud.clock import Clock, ManualClock
from localcloud.faults import Faults
from localcloud.state import State, StateError
from localcloud.tasks import TasksServer
from localcloud.tasks.pacing import Throttle
from localcloud.tasks.queue import Outcome, QueueLimits, Task, TaskQueue, Verdict
from localcloud.tasks.retry import RetryPolicy

PARENT = "projects/demo/locations/us-central1"
QUEUE = f"{PARENT}/queues/jobs"
NOW = 1_700_000_000.0
OK, BAD, BUSY = Outcome(200), Outcome(500), Outcome(429)


# Rules, by the clock alone


def waiting(name: str, schedule_at: float = NOW) -> Task:
    return Task(name, QUEUE, b"", named=True, created_at=NOW, schedule_at=schedule_at, deadline=600.0)


def queue_of(*tasks: Task, retry: RetryPolicy | None = None, **limits: Any) -> TaskQueue:
    queue = TaskQueue(QUEUE, QueueLimits(**limits), retry or RetryPolicy())
    for task in tasks:
        queue.add(task)
    return queue


def finish(queue: TaskQueue, task: Task, outcome: Outcome, now: float) -> Verdict:
    verdict = queue.finish(task.name, task.last_dispatch_at or 0, outcome, now)
    if verdict in {Verdict.DONE, Verdict.EXHAUSTED}:
        queue.remove(task.name)
    return verdict


def test_backoff_doubles_then_grows_evenly_then_stays() -> None:
    policy = RetryPolicy(min_backoff=10, max_backoff=300, max_doublings=3)
    assert [policy.backoff(n) for n in range(1, 10)] == [10, 20, 40, 80, 160, 240, 300, 300, 300]


def test_backoff_without_doublings_is_linear() -> None:
    policy = RetryPolicy(min_backoff=10, max_backoff=45, max_doublings=0)
    assert [policy.backoff(n) for n in range(1, 7)] == [10, 20, 30, 40, 45, 45]


def test_backoff_has_no_overflow() -> None:
    assert RetryPolicy(max_doublings=10**6).backoff(10**6) == 3600


@pytest.mark.parametrize(
    ("max_attempts", "max_duration", "attempts", "age", "exhausted"),
    [
        (3, 0, 2, 1e5, False),
        (3, 0, 3, 0, True),
        (3, 60, 3, 59, False),  # both limits are set: the first alone does not end it
        (3, 60, 2, 60, False),
        (3, 60, 3, 60, True),
        (-1, 60, 1000, 59, False),
        (-1, 60, 1, 60, True),
        (-1, 0, 1000, 30 * 86400, False),
        (-1, 0, 1, 31 * 86400, True),  # the longest that any task is kept
    ],
)
def test_a_task_is_given_up_when_every_limit_that_is_set_is_reached(
    max_attempts: int, max_duration: float, attempts: int, age: float, *, exhausted: bool
) -> None:
    policy = RetryPolicy(max_attempts=max_attempts, max_retry_duration=max_duration)
    found = policy.exhausted(attempts=attempts, first_attempt_at=NOW, created_at=NOW, now=NOW + age)
    assert found is exhausted


def test_tasks_go_in_order_of_their_schedule_time() -> None:
    queue = queue_of(waiting("late", NOW + 10), waiting("early", NOW + 5))
    assert queue.take(NOW + 4.9) == []
    assert queue.next_due() == NOW + 5
    assert [task.name for task in queue.take(NOW + 20)] == ["early", "late"]


def test_a_failed_task_waits_for_its_backoff_and_is_given_up_at_last() -> None:
    queue = queue_of(waiting("a"), retry=RetryPolicy(max_attempts=3, min_backoff=10, max_doublings=3))
    now, waits = NOW, []
    for _ in range(2):
        (task,) = queue.take(now)
        assert finish(queue, task, BAD, now) is Verdict.RETRY
        waits.append((queue.next_due() or 0) - now)
        now = queue.next_due() or 0
    (task,) = queue.take(now)
    assert waits == [10, 20]
    assert finish(queue, task, BAD, now) is Verdict.EXHAUSTED
    assert queue.next_due() is None


def test_the_rate_is_a_token_bucket_with_a_burst() -> None:
    queue = queue_of(*(waiting(str(n)) for n in range(30)), max_dispatches_per_second=4)
    assert len(queue.take(NOW)) == 10  # the burst
    assert queue.take(NOW + 0.2) == []
    assert queue.next_due() == NOW + 0.25
    assert len(queue.take(NOW + 1)) == 4
    assert len(queue.take(NOW + 100)) == 10  # idle time fills the bucket up to the burst, no further


def test_no_more_than_the_allowed_number_run_at_once() -> None:
    queue = queue_of(*(waiting(str(n)) for n in range(5)), max_concurrent_dispatches=2)
    first, second = queue.take(NOW)
    assert queue.take(NOW + 1) == []
    assert queue.next_due() is None
    finish(queue, first, OK, NOW + 1)
    assert len(queue.take(NOW + 1)) == 1
    finish(queue, second, OK, NOW + 1)
    assert queue.running == 1


def test_a_paused_queue_dispatches_only_what_is_forced() -> None:
    queue = queue_of(waiting("a"), waiting("b", NOW + 3600))
    queue.paused = True
    assert queue.take(NOW) == []
    queue.force("b", NOW)
    assert [task.name for task in queue.take(NOW)] == ["b"]
    queue.force("b", NOW)  # it runs already
    assert queue.take(NOW) == []
    queue.paused = False
    assert [task.name for task in queue.take(NOW)] == ["a"]


def test_an_outcome_for_a_removed_task_means_nothing() -> None:
    queue = queue_of(waiting("a"))
    (task,) = queue.take(NOW)
    queue.remove("a")
    assert finish(queue, task, BAD, NOW) is Verdict.GONE
    assert queue.running == 0


def test_execution_count_leaves_out_server_errors_and_silence() -> None:
    queue = queue_of(waiting("a"))
    for status in (500, None, 404):
        (task,) = queue.take(queue.next_due() or 0)
        finish(queue, task, Outcome(status), task.last_dispatch_at or 0)
    assert (task.dispatch_count, task.response_count, task.execution_count) == (3, 2, 1)


def test_429_halves_the_pace_and_success_restores_it() -> None:
    throttle = Throttle(full_rate=100)
    for n in range(40):
        throttle.dispatched(NOW + n / 100)
    throttle.overloaded(NOW + 0.4)
    assert throttle.rate == 20
    assert throttle.ready_at() == NOW + 0.4 + 1 / 20
    throttle.overloaded(NOW + 0.5)  # an answer to what was sent before the cut
    assert throttle.rate == 20
    throttle.overloaded(NOW + 10)
    assert throttle.rate == 1  # nothing was dispatched in the last second: the floor
    for _ in range(60):
        throttle.succeeded()
    assert throttle.rate == 100
    assert throttle.ready_at() <= NOW + 10


def test_retry_after_holds_the_whole_queue() -> None:
    queue = queue_of(waiting("a"), waiting("b", NOW + 1))
    (task,) = queue.take(NOW)
    finish(queue, task, Outcome(503, retry_after=30), NOW)
    assert queue.next_due() == NOW + 30


class QueueMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: limits hold, nothing is lost, nothing is dispatched early or too often."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.queue = queue_of(
            retry=RetryPolicy(max_attempts=3, min_backoff=1, max_backoff=8),
            max_concurrent_dispatches=3,
            max_dispatches_per_second=2,
        )
        self.running: list[Task] = []
        self.alive: set[str] = set()
        self.added = 0

    @rule(delay=strategies.sampled_from([0, 0, 1, 7]))
    def add(self, delay: int) -> None:
        self.added += 1
        self.alive.add(str(self.added))
        self.queue.add(waiting(str(self.added), self.now + delay))

    @rule()
    def take(self) -> None:
        for task in self.queue.take(self.now):
            assert task.name in self.alive
            assert task not in self.running
            assert (task.last_schedule_at or 0) <= self.now
            assert task.dispatch_count <= 3
            self.running.append(task)

    @precondition(lambda self: self.running)
    @rule(data=strategies.data(), status=strategies.sampled_from([200, 204, 404, 429, 500, None]))
    def answer(self, data: strategies.DataObject, status: int | None) -> None:
        task = self.running.pop(data.draw(strategies.integers(0, len(self.running) - 1)))
        verdict = finish(self.queue, task, Outcome(status), self.now)
        if task.name not in self.alive:
            assert verdict is Verdict.GONE
        elif status in {200, 204}:
            assert verdict is Verdict.DONE
            self.alive.discard(task.name)
        else:
            assert verdict is (Verdict.EXHAUSTED if task.dispatch_count == 3 else Verdict.RETRY)
            if verdict is Verdict.EXHAUSTED:
                self.alive.discard(task.name)

    @precondition(lambda self: self.alive)
    @rule(data=strategies.data(), force=strategies.booleans())
    def remove_or_force(self, data: strategies.DataObject, *, force: bool) -> None:
        name = data.draw(strategies.sampled_from(sorted(self.alive)))
        task = self.queue.tasks[name]
        if force and self.queue.running < 3 and task.dispatch_count < 3:
            self.queue.force(name, self.now)
            self.take()
        elif not force:
            self.queue.remove(name)
            self.alive.discard(name)

    @rule(seconds=strategies.sampled_from([0.1, 0.5, 1, 5]))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def pause_or_resume(self) -> None:
        self.queue.paused = not self.queue.paused

    @invariant()
    def holds(self) -> None:
        assert set(self.queue.tasks) == self.alive
        assert self.queue.running <= 3
        assert {task.name for task in self.running} & self.alive == {
            name for name in self.alive if self.queue.is_running(name)
        }

    def teardown(self) -> None:
        """All that is left comes through once handlers answer."""
        self.queue.paused = False
        for _ in range(1000):
            for task in [*self.running, *self.queue.take(self.now)]:
                finish(self.queue, task, OK, self.now)
            self.running.clear()
            if (due := self.queue.next_due()) is None:
                break
            self.now = max(self.now, due)
        assert not self.queue.tasks


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


# Over the protocol


class Handler:
    """A real HTTP server that notes what it is sent and answers what it is told (200 when nothing is left)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        await self.hold.wait()
        return web.Response(status=status)

    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.requests]

    def header(self, name: str) -> list[str | None]:
        return [headers.get(name) for _, headers, _ in self.requests]


class Cloud:
    """The server under test, its handler, and Google's client."""

    def __init__(self, clock: Clock, state: State) -> None:
        self.clock = clock
        self.faults = Faults()
        self.state = state
        self.handler = Handler()
        self.server = TasksServer(state, clock, self.faults, lambda email, audience: f"{email}|{audience}")
        self.client: Any = None

    def message(self, body: bytes = b"{}", name: str = "", **fields: Any) -> tasks_v2.Task:
        request = tasks_v2.HttpRequest(url=self.handler.url, body=body, **fields.pop("http", {}))
        return tasks_v2.Task(name=f"{QUEUE}/tasks/{name}" if name else "", http_request=request, **fields)

    async def create(self, body: bytes = b"{}", name: str = "", **fields: Any) -> Any:
        return await self.client.create_task(parent=QUEUE, task=self.message(body, name, **fields), timeout=5)

    async def quiet(self) -> None:
        await until(lambda: self.server.depth() == 0)


@contextlib.asynccontextmanager
async def cloud(
    clock: Clock | None = None, state: State | None = None, queue: tasks_v2.Queue | None = None
) -> AsyncIterator[Cloud]:
    made = Cloud(clock or Clock(), state or State())
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", made.handler.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.handler.url = f"http://127.0.0.1:{runner.addresses[0][1]}/work?x=a%2Fb"
    await made.server.start()
    made.server.create_queue(queue or tasks_v2.Queue(name=QUEUE))
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{made.server.port}")
    made.client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
    try:
        yield made
    finally:
        await channel.close()
        await made.server.stop()
        await runner.cleanup()
        made.state.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds, in tests only
            await asyncio.sleep(0.002)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def call() -> None:
        asyncio.run(test())

    call.__name__, call.__doc__ = test.__name__, test.__doc__
    return call


@run
async def test_a_task_arrives_as_cloud_tasks_sends_it() -> None:
    async with cloud() as it:
        oidc = tasks_v2.OidcToken(service_account_email="invoker@demo")
        headers = {"Content-Type": "application/json", "X-CloudTasks-TaskName": "forged", "User-Agent": "forged"}
        created = await it.create(b'{"data": 1}', "first", http={"headers": headers, "oidc_token": oidc})
        assert created.name == f"{QUEUE}/tasks/first"
        assert created.http_request.body == b""  # the BASIC view
        await it.quiet()
        ((method, sent, body),) = it.handler.requests
        assert (method, body) == ("POST", b'{"data": 1}')
        assert sent["Content-Type"] == "application/json"
        assert sent["User-Agent"] == "Google-Cloud-Tasks"
        assert sent["X-CloudTasks-QueueName"] == "jobs"
        assert sent["X-CloudTasks-TaskName"] == "first"
        assert sent["X-CloudTasks-TaskRetryCount"] == "0"
        assert abs(float(sent["X-CloudTasks-TaskETA"]) - it.clock.now()) < 5
        assert sent["Authorization"] == f"Bearer invoker@demo|{it.handler.url}"


@run
async def test_failures_are_retried_with_what_came_before() -> None:
    async with cloud() as it:
        it.handler.answers = [500, 404, 200]
        await it.create(name="retried")
        await it.quiet()
        assert it.handler.header("X-CloudTasks-TaskRetryCount") == ["0", "1", "2"]
        assert it.handler.header("X-CloudTasks-TaskExecutionCount") == ["0", "0", "1"]
        assert it.handler.header("X-CloudTasks-TaskPreviousResponse") == [None, "500", "404"]
        assert it.handler.header("X-CloudTasks-TaskRetryReason")[1] == "HTTP status code 500"


@run
async def test_a_name_is_free_an_hour_after_its_task_is_gone() -> None:
    clock = ManualClock()
    async with cloud(clock) as it:
        await it.create(name="once", schedule_time=timestamp_pb2.Timestamp(seconds=int(clock.now()) + 60))
        with pytest.raises(exceptions.AlreadyExists):
            await it.create(name="once")
        clock.advance(60)
        await it.quiet()
        clock.advance(3599)
        with pytest.raises(exceptions.AlreadyExists):
            await it.create(name="once")
        clock.advance(1)
        await it.create(name="once")
        await it.quiet()
        assert len(it.handler.requests) == 2


@run
async def test_bad_requests_are_refused_by_name() -> None:
    async with cloud() as it:
        long_deadline = duration_pb2.Duration(seconds=1801)
        for arguments in (
            {"name": "no spaces"},
            {"name": "x" * 501},
            {"body": b"x" * 102_400},
            {"dispatch_deadline": long_deadline},
            {"http": {"http_method": "GET"}},
        ):
            with pytest.raises(exceptions.InvalidArgument):
                await it.create(**arguments)
        with pytest.raises(exceptions.FailedPrecondition):
            await it.client.create_task(parent=f"{PARENT}/queues/missing", task=it.message())
        with pytest.raises(exceptions.NotFound):
            await it.client.get_queue(name=f"{PARENT}/queues/missing")
        with pytest.raises(exceptions.MethodNotImplemented, match="GetIamPolicy"):
            await it.client.get_iam_policy(request={"resource": QUEUE})
        app_engine = tasks_v2.Task(app_engine_http_request=tasks_v2.AppEngineHttpRequest())
        with pytest.raises(exceptions.MethodNotImplemented, match="app_engine_http_request"):
            await it.client.create_task(parent=QUEUE, task=app_engine)
        assert it.server.depth() == 0


@run
async def test_queues_are_created_changed_paused_purged_and_deleted() -> None:
    async with cloud() as it:
        other = f"{PARENT}/queues/other"
        made = await it.client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=other))
        assert made.retry_config.max_attempts == 100
        with pytest.raises(exceptions.AlreadyExists):
            await it.client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=other))
        change = tasks_v2.Queue(
            name=other, rate_limits={"max_concurrent_dispatches": 7, "max_dispatches_per_second": 1}
        )
        mask = field_mask_pb2.FieldMask(paths=["rate_limits.max_concurrent_dispatches"])
        changed = await it.client.update_queue(queue=change, update_mask=mask)
        assert changed.rate_limits.max_concurrent_dispatches == 7
        assert changed.rate_limits.max_dispatches_per_second == 500
        listed = [queue.name async for queue in await it.client.list_queues(request={"parent": PARENT, "page_size": 1})]
        assert listed == [QUEUE, other]

        paused = await it.client.pause_queue(name=QUEUE)
        assert paused.state == tasks_v2.Queue.State.PAUSED
        names = [(await it.create(name=f"t{n}")).name for n in range(3)]
        listing = await it.client.list_tasks(request={"parent": QUEUE, "page_size": 2})
        assert [task.name async for task in listing] == names
        await it.client.run_task(name=names[1])
        await until(lambda: it.server.depth() == 2)
        await it.client.delete_task(name=names[0])
        with pytest.raises(exceptions.NotFound):
            await it.client.get_task(name=names[0])
        purged = await it.client.purge_queue(name=QUEUE)
        assert purged.purge_time
        assert it.server.depth() == 0
        await it.client.resume_queue(name=QUEUE)
        await it.create(b"after")
        await it.quiet()
        assert it.handler.bodies() == [b"{}", b"after"]
        await it.client.delete_queue(name=QUEUE)
        with pytest.raises(exceptions.NotFound):
            await it.client.get_queue(name=QUEUE)


@run
async def test_a_deadline_that_passes_counts_as_no_answer() -> None:
    clock = ManualClock()
    async with cloud(clock) as it:
        it.handler.hold.clear()
        created = await it.create(name="slow", dispatch_deadline=duration_pb2.Duration(seconds=15))
        await until(lambda: len(it.handler.requests) == 1)
        clock.advance(14.9)
        await asyncio.sleep(0.01)
        task = await it.client.get_task(name=created.name)
        assert not task.last_attempt.response_status.message
        clock.advance(0.1)
        while task.last_attempt.response_status.message != "deadline exceeded":
            await asyncio.sleep(0.002)
            task = await it.client.get_task(name=created.name)
        assert (task.dispatch_count, task.response_count) == (1, 0)
        it.handler.hold.set()
        clock.advance(1)
        await it.quiet()
        assert it.handler.header("X-CloudTasks-TaskExecutionCount") == ["0", "0"]


@run
async def test_a_task_with_its_own_retry_config_follows_it() -> None:
    async with cloud() as it:
        it.handler.answers = [500] * 5
        await it.create(name="twice", retry_config=tasks_v2.RetryConfig(max_attempts=2))
        await it.quiet()
        assert len(it.handler.requests) == 2


@run
async def test_the_synchronous_client_works_too() -> None:
    async with cloud() as it:
        channel = grpc.insecure_channel(f"127.0.0.1:{it.server.port}")
        client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        created = await asyncio.to_thread(client.create_task, parent=QUEUE, task=it.message(b"sync"))
        assert created.name.startswith(f"{QUEUE}/tasks/")
        await it.quiet()
        await asyncio.to_thread(channel.close)
        assert it.handler.bodies() == [b"sync"]


async def _dispatched_with(fault: str, *, tasks: int = 1, advance: float = 0.0) -> Handler:
    clock = ManualClock() if advance else Clock()
    async with cloud(clock) as it:
        it.faults.set(fault)
        for n in range(tasks):
            await it.create(str(n).encode())
        if advance:
            await asyncio.sleep(0.02)
            assert not it.handler.requests
            clock.advance(advance)
        await it.quiet()
        assert it.faults.counts
        return it.handler


@pytest.mark.parametrize(
    ("fault", "calls"),
    [("drop x1", 0), ("duplicate x1", 2), ("reset x1", 2), ("503 x1", 1)],
)
def test_dispatch_faults(fault: str, calls: int) -> None:
    handler = asyncio.run(_dispatched_with(f"tasks.dispatch:{fault}"))
    assert len(handler.requests) == calls


def test_a_dispatch_can_be_late() -> None:
    handler = asyncio.run(_dispatched_with("tasks.dispatch:delay=30 x1", advance=30))
    assert len(handler.requests) == 1


def test_a_dispatch_can_be_overtaken() -> None:
    handler = asyncio.run(_dispatched_with("tasks.dispatch:reorder x1", tasks=2))
    assert handler.bodies() == [b"1", b"0"]


@pytest.mark.parametrize(
    ("fault", "error", "calls"),
    [
        ("503", exceptions.ServiceUnavailable, 0),
        ("429", exceptions.ResourceExhausted, 0),
        ("500", exceptions.InternalServerError, 0),
        ("reset", exceptions.ServiceUnavailable, 1),
        ("drop", None, 0),
    ],
)
def test_create_faults(fault: str, error: type[Exception] | None, calls: int) -> None:
    async def play() -> None:
        async with cloud() as it:
            it.faults.set(f"tasks.create:{fault} x1")
            with pytest.raises(error) if error else contextlib.nullcontext():
                await it.create(name="a")
            await it.quiet()
            assert len(it.handler.requests) == calls

    asyncio.run(play())


@run
async def test_a_create_that_hangs_ends_with_the_clients_patience() -> None:
    async with cloud() as it:
        it.faults.set("tasks.create:hang x1")
        with pytest.raises(exceptions.DeadlineExceeded):
            await it.client.create_task(parent=QUEUE, task=it.message(), timeout=0.1)
        assert it.server.depth() == 0


# Over a restart


def _left_behind(path: Path, directory: Path) -> Path:
    """The database as a killed process leaves it: never closed, its last changes only in the WAL."""
    directory.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, directory / file.name)
    return directory / path.name


def test_a_killed_process_loses_no_task_and_no_name(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "state.db"
        async with cloud(state=State(path)) as it:
            await it.create(b"done", "done")
            await it.quiet()
            it.handler.hold.clear()
            it.handler.answers = [500]
            await it.create(b"running", "running")
            await until(lambda: len(it.handler.requests) == 2)
            await it.client.pause_queue(name=QUEUE)
            await it.create(b"waiting", "waiting")
            survivor = _left_behind(path, tmp_path / "copy")
        async with cloud(state=State(survivor)) as it:
            assert it.server.depth() == 2
            with pytest.raises(exceptions.AlreadyExists):
                await it.create(name="done")
            assert (await it.client.get_queue(name=QUEUE)).state == tasks_v2.Queue.State.PAUSED
            task = await it.client.get_task(name=f"{QUEUE}/tasks/running")
            assert task.dispatch_count == 1
            # Its handler listens on another port now, and so would the functions host's.
            assert not it.handler.requests

    asyncio.run(play())


def test_what_was_being_dispatched_is_dispatched_again(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "state.db"
        clock = ManualClock()
        async with cloud(clock, State(path)) as it:
            it.handler.hold.clear()
            await it.create(b"again", "again")
            await until(lambda: len(it.handler.requests) == 1)
            survivor = _left_behind(path, tmp_path / "copy")
            second = TasksServer(State(survivor), clock, Faults(), lambda *_: "")
            it.handler.hold.set()
            await second.start()
            await until(lambda: second.depth() == 0)
            await second.stop()
            assert it.handler.header("X-CloudTasks-TaskRetryCount") == ["0", "1"]

    asyncio.run(play())


def test_a_state_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    first = State(tmp_path / "state.db")
    with pytest.raises(StateError, match="another local cloud"):
        State(tmp_path / "state.db")
    first.close()
    State(tmp_path / "state.db").close()


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    @contextlib.contextmanager
    def opened() -> Any:
        state = State(tmp_path / "state.db")
        yield state
        state.close()

    with opened() as state:
        state.table("tasks", Task)
    with opened() as state, pytest.raises(StateError, match="another version"):
        state.table("tasks", Outcome)
