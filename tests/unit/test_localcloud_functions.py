"""The functions host, with a miniature main.py of real decorators, Google's emulators, and time that a test moves."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from localcloud.clock import Clock, ManualClock
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.emulators.pubsub import PubSubEmulator
from localcloud.faults import Faults
from localcloud.functions.activity import Activity
from localcloud.functions.delivery import Attempts, EventDelivery
from localcloud.functions.events import EventError, document_event, message_event, percent_encoded
from localcloud.functions.host import FunctionsHost
from localcloud.functions.manifest import FunctionSpec, ManifestError, parse_manifest
from localcloud.functions.schedules import ScheduleError, parse_schedule
from localcloud.processes import ChildExited

PROJECT = "demo-functions"
REGION = "europe-west1"

MAIN = '''
import json, os, sys, threading, time
import flask
from firebase_admin import initialize_app
from google.cloud import firestore
from firebase_functions import firestore_fn, https_fn, options, pubsub_fn, scheduler_fn, tasks_fn

initialize_app()
LOADED = []
LOADED.append(1)
LOCK = threading.Lock()
_client = None

def client():
    global _client
    with LOCK:
        _client = _client or firestore.Client()
    return _client

def note(kind, **seen):
    """Leaves a line where the test can read it, whatever becomes of this process."""
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps({"kind": kind, **seen}) + "\\n")

@firestore_fn.on_document_created(document="things/{thing}")
def on_thing(event):
    note("on_thing", id=event.params["thing"], source=event.source, location=event.location, document=event.document)
    client().document(f"seen/{event.params['thing']}").set({"text": event.data.get("text")})

@firestore_fn.on_document_created(document="stubborn/{thing}")
def on_stubborn(event):
    note("on_stubborn", id=event.params["thing"], event=event.id)
    if not os.path.exists(os.environ["NOTES"] + ".well"):
        time.sleep(event.data.to_dict().get("hang", 0))
        raise RuntimeError("not today")
on_stubborn.__firebase_endpoint__.eventTrigger["retry"] = True

@firestore_fn.on_document_created(document="brittle/{thing}")
def on_brittle(event):
    note("on_brittle", id=event.params["thing"])
    raise RuntimeError("not today, and not again")

@tasks_fn.on_task_dispatched(
    retry_config=options.RetryConfig(max_attempts=5, min_backoff_seconds=2),
    rate_limits=options.RateLimits(max_concurrent_dispatches=6),
)
def do_task(request):
    note("do_task", data=request.data)

@scheduler_fn.on_schedule(schedule="every 1 minutes")
def tick(event):
    note("tick", job=event.job_name, time=event.schedule_time.isoformat())

@pubsub_fn.on_message_published(topic="some-topic", retry=True)
def on_message(event):
    note("on_message", json=event.data.message.json, attributes=event.data.message.attributes, source=event.source)

@https_fn.on_call(timeout_sec=30)
def add(request):
    return sum(request.data)

@https_fn.on_request(timeout_sec=1, cors=options.CorsOptions(cors_origins="*", cors_methods=["get"]))
def page(request):
    if request.path == "/slow":
        time.sleep(float(request.args["seconds"]))
    if request.path == "/die":
        os._exit(7)
    if request.path == "/stream":
        def halves():
            yield "first "
            while not os.path.exists(os.environ["NOTES"] + ".well"):
                time.sleep(0.01)
            yield "second"
        return flask.Response(halves())
    if request.path == "/echo":
        query = request.query_string.decode()
        return flask.Response(request.get_data(), headers={"X-Method": request.method, "X-Query": query})
    ours = [name for name in sys.modules if name.startswith("localcloud")]
    return {"loaded": len(LOADED), "path": sys.path, "target": os.environ.get("FUNCTION_TARGET"), "modules": ours}
'''


class Cloud:
    """Google's two emulators and one functions host for the whole module; `scene` gives each test a clean one."""

    def __init__(self, root: Path) -> None:
        self.runner = asyncio.Runner()
        self.root = root
        (root / "functions").mkdir()
        (root / "functions" / "main.py").write_text(MAIN)
        self.notes_file = root / "notes"
        self.clock = ManualClock()
        self.faults = Faults()

    async def start(self) -> None:
        self.pubsub = PubSubEmulator(PROJECT, run_dir=self.root)
        self.firestore = FirestoreEmulator(PROJECT, run_dir=self.root)
        self.host = self.new_host(self.clock)
        self.firestore.events_to = self.host.address
        await asyncio.gather(self.firestore.start(), self.pubsub.start(), self.host.start())
        await self.host.connect(self.firestore, self.pubsub)

    async def stop(self) -> None:
        await asyncio.gather(self.firestore.stop(), self.pubsub.stop(), self.host.stop())

    def new_host(self, clock: Clock, *, schedules: bool = False) -> FunctionsHost:
        return FunctionsHost(
            project=PROJECT,
            functions_dir=self.root / "functions",
            env={"NOTES": str(self.notes_file), "FIRESTORE_EMULATOR_HOST": self.firestore.address},
            clock=clock,
            faults=self.faults,
            run_dir=self.root,
            region=REGION,
            schedules=schedules,
        )

    @asynccontextmanager
    async def scene(self, faults: str = "") -> AsyncIterator[FunctionsHost]:
        for leftover in (self.notes_file, self.well):
            leftover.unlink(missing_ok=True)
        await self.firestore.clear()
        self.host.counts.clear()
        self.faults.set(faults)
        try:
            yield self.host
        finally:
            self.faults.set("")
            self.well.touch()
            while self.host.depth():
                await self.host.settle()
                self.clock.advance(600)

    @property
    def well(self) -> Path:
        return self.root / "notes.well"

    def notes(self, kind: str) -> list[dict[str, Any]]:
        lines = self.notes_file.read_text().splitlines() if self.notes_file.exists() else []
        return [note for note in map(json.loads, lines) if note["kind"] == kind]

    async def create(self, path: str, fields: dict[str, Any] | None = None) -> None:
        from google.cloud import firestore  # noqa: PLC0415

        def write() -> None:
            client.document(path).create(fields or {"text": "hello"})

        client = firestore.Client(project=PROJECT)
        await asyncio.to_thread(write)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    cloud.runner.run(cloud.start())
    patch = pytest.MonkeyPatch()
    patch.setenv("FIRESTORE_EMULATOR_HOST", cloud.firestore.address)
    yield cloud
    cloud.runner.run(cloud.stop())
    cloud.runner.close()
    patch.undo()


async def until(what: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)


def post(url: str, **options: Any) -> Awaitable[tuple[int, Any]]:
    return call("POST", url, **options)


async def call(method: str, url: str, **options: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as response:
        return response.status, (await response.read()).decode()


# --- every kind of function -------------------------------------------------------------------------------------------


def test_a_written_document_reaches_its_function_as_production_would_bring_it(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene() as host:
            await cloud.create("things/one", {"text": "Es war einmal"})
            await until(lambda: host.counts["on_thing:delivered"] == 1)
            await host.idle()
            path = f"/v1/projects/{PROJECT}/databases/(default)/documents/seen/one"
            seen = await cloud.firestore.call("GET", path)
            assert seen["fields"]["text"]["stringValue"] == "Es war einmal"
            assert cloud.notes("on_thing") == [
                {
                    "kind": "on_thing",
                    "id": "one",
                    "source": f"//firestore.googleapis.com/projects/{PROJECT}/databases/(default)",
                    "location": REGION,
                    "document": "things/one",
                }
            ]

    cloud.runner.run(scenario())


def test_a_pubsub_message_a_task_a_schedule_and_a_callable(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene() as host:
            data = base64.b64encode(b'{"job": 7}').decode()
            messages = {"messages": [{"data": data, "attributes": {"k": "v"}}]}
            await cloud.pubsub.call("POST", f"/v1/projects/{PROJECT}/topics/some-topic:publish", messages)
            assert await post(host.function_url("do_task"), json={"data": {"x": 1}}) == (200, '{"result":null}\n')
            assert await post(host.function_url("add"), json={"data": [1, 2]}) == (200, '{"result":3}\n')
            assert await host.run_schedule("tick") == 200
            await until(lambda: cloud.notes("on_message"))
            await host.idle()
            [message], [task], [tick] = (cloud.notes(kind) for kind in ("on_message", "do_task", "tick"))
            assert (message["json"], message["attributes"]) == ({"job": 7}, {"k": "v"})
            assert message["source"] == f"//pubsub.googleapis.com/projects/{PROJECT}/topics/some-topic"
            assert task["data"] == {"x": 1}
            assert tick["job"] == f"firebase-schedule-tick-{REGION}"
            assert datetime.fromisoformat(tick["time"]).timestamp() == pytest.approx(cloud.clock.now())
            with pytest.raises(ValueError, match="not a scheduled function"):
                await host.run_schedule("add")

    cloud.runner.run(scenario())


def test_the_manifest_says_what_there_is(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene() as host:
            functions = host.functions
            assert {name: function.kind for name, function in functions.items()} == {
                "on_thing": "document", "on_stubborn": "document", "on_brittle": "document", "do_task": "task",
                "tick": "schedule", "on_message": "pubsub", "add": "callable", "page": "https",
            }  # fmt: skip
            assert [name for name, function in functions.items() if function.retry] == ["on_message", "on_stubborn"]
            assert (functions["add"].timeout_seconds, functions["on_thing"].timeout_seconds) == (30, 60)
            assert functions["do_task"].rate_limits == {"maxConcurrentDispatches": 6}
            assert functions["do_task"].retry_config == {"maxAttempts": 5, "minBackoffSeconds": 2}
            assert (functions["tick"].schedule, functions["on_message"].topic) == ("every 1 minutes", "some-topic")
            assert (functions["on_thing"].document, functions["on_thing"].is_pattern) == ("things/{thing}", True)
            assert {function.region for function in functions.values()} == {REGION}

    cloud.runner.run(scenario())


def test_main_is_loaded_once_and_sees_nothing_of_the_local_cloud(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene() as host:
            status, text = await call("GET", host.function_url("page"))
            page = json.loads(text)
            assert status == 200
            assert page["loaded"] == 1
            assert page["target"] is None
            assert page["modules"] == []
            assert page["path"][0] == str(cloud.root / "functions")
            repository = Path(__file__).parents[2]
            assert not [path for path in page["path"] if Path(path) == repository or "localcloud" in path]

    cloud.runner.run(scenario())


def test_http_is_passed_through_untouched_and_streamed_both_ways(cloud: Cloud) -> None:
    async def halves() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await asyncio.sleep(0)
        yield b"y" * 100_000

    async def scenario() -> None:
        async with cloud.scene() as host, aiohttp.ClientSession() as session:
            url = host.function_url("page")
            async with session.put(yarl.URL(f"{url}/echo?a=%2Fb&a=c", encoded=True), data=halves()) as response:
                assert await response.read() == b"x" * 100_000 + b"y" * 100_000
                assert (response.headers["X-Method"], response.headers["X-Query"]) == ("PUT", "a=%2Fb&a=c")
            async with session.get(f"{url}/stream") as response:
                assert await response.content.readany() == b"first ", "the first half must not wait for the second"
                cloud.well.touch()
                assert await response.content.read() == b"second"
            preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
            async with session.options(url, headers=preflight) as response:
                assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert (await call("GET", url.replace("page", "nothing")))[0] == 404
            assert (await call("GET", url.replace(REGION, "us-east1")))[0] == 404
            assert (await call("GET", url.replace("page", "on_thing")))[0] == 404
            assert await call("GET", f"{url}/slow?seconds=1.5") == (504, "page took longer than 1 s.\n")
            assert await call("GET", f"{url}/die") == (503, "page: the instance died.\n")
            # Up again by itself; what starts until then is cut off by the function's own second, as in production.
            statuses = [(await call("GET", url))[0] for _ in range(15)]
            assert 200 in statuses
            assert statuses == sorted(statuses, reverse=True), "once it is up it stays up"

    cloud.runner.run(scenario())


# --- when it goes wrong -----------------------------------------------------------------------------------------------


def test_retry_backs_off_from_10_to_600_seconds_until_it_works(cloud: Cloud) -> None:
    async def scenario() -> None:
        clock = cloud.clock
        async with cloud.scene() as host:
            await cloud.create("stubborn/one")
            await until(lambda: host.counts["on_stubborn:failed"] == 1)
            for attempt, pause in enumerate((10, 20, 40, 80, 160, 320, 600, 600), start=1):
                await host.settle()
                assert len(cloud.notes("on_stubborn")) == attempt
                clock.advance(pause - 1)
                await host.settle()
                assert len(cloud.notes("on_stubborn")) == attempt, f"too early, {pause} s were due"
                clock.advance(1)
            await host.settle()
            assert host.depth() == 1
            cloud.well.touch()
            clock.advance(600)
            await host.idle()
            assert host.counts == {"on_stubborn:failed": 9, "on_stubborn:delivered": 1}
            assert len({note["event"] for note in cloud.notes("on_stubborn")}) == 1

    cloud.runner.run(scenario())


def test_without_retry_a_failure_is_the_end_of_the_event(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene() as host:
            await cloud.create("brittle/one")
            await until(lambda: host.counts["on_brittle:dropped"] == 1)
            await host.idle()
            assert len(cloud.notes("on_brittle")) == 1

    cloud.runner.run(scenario())


def test_schedules_follow_the_clock_and_a_leap_is_one_run(cloud: Cloud) -> None:
    async def scenario() -> None:
        clock = ManualClock(start=1_700_000_040.0)
        host = cloud.new_host(clock, schedules=True)
        async with cloud.scene():
            await host.start()
            for seconds, runs in ((59, 0), (1, 1), (60, 2), (3600, 3)):
                clock.advance(seconds)
                await host.settle()
                assert len(cloud.notes("tick")) == runs
            await host.idle()
            await host.stop()

    cloud.runner.run(scenario())


@pytest.mark.parametrize(
    ("fault", "ran", "counts"),
    [
        ("drop x1", 0, {"lost": 1}),
        ("duplicate x1", 2, {"delivered": 1}),
        ("reset x1", 2, {"redelivered": 1, "delivered": 1}),
        ("500 x1", 0, {"failed": 1, "dropped": 1}),
        ("delay=30 x1", 1, {"delivered": 1}),
        ("reorder x1", 1, {"delivered": 1}),
        ("hang x1", 0, {"failed": 1, "dropped": 1}),
    ],
)
def test_event_faults_do_what_they_say(cloud: Cloud, fault: str, ran: int, counts: dict[str, int]) -> None:
    async def scenario() -> None:
        async with cloud.scene(f"events.deliver:{fault}") as host:
            await cloud.create("things/one")
            await until(lambda: host.depth() or host.counts)
            await host.settle()
            cloud.clock.advance(60)
            await host.idle()
            assert len(cloud.notes("on_thing")) == ran
            assert host.counts == {f"on_thing:{what}": number for what, number in counts.items()}

    cloud.runner.run(scenario())


def test_a_reordered_event_is_overtaken_by_the_next(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene("events.deliver:reorder x1") as host:
            await cloud.create("things/first")
            await until(lambda: host.depth() == 1)
            await cloud.create("things/second")
            await until(lambda: host.counts["on_thing:delivered"] == 2)
            assert [note["id"] for note in cloud.notes("on_thing")] == ["second", "first"]

    cloud.runner.run(scenario())


def test_a_crash_in_mid_delivery_is_retried_by_a_new_process(cloud: Cloud) -> None:
    async def scenario() -> None:
        async with cloud.scene("events.deliver:crash x1") as host:
            restarts = host.restarts
            await cloud.create("stubborn/one", {"hang": 5})
            await until(lambda: host.counts["on_stubborn:failed"] == 1)
            await cloud.create("things/meanwhile")  # waits for the new process, and is not lost
            await until(lambda: host.counts["on_thing:delivered"] == 1)
            assert host.restarts == restarts + 1
            await host.settle()
            assert host.depth() == 1

    cloud.runner.run(scenario())


@pytest.mark.parametrize(("fault", "ran"), [("drop x1", 0), ("duplicate x1", 2), ("503 x1", 1), ("reset x1", 2)])
def test_push_faults_are_a_lost_a_doubled_and_an_unacknowledged_message(cloud: Cloud, fault: str, ran: int) -> None:
    async def scenario() -> None:
        async with cloud.scene(f"pubsub.push:{fault}") as host:
            url = f"http://{host.address}/pubsub/on_message"
            message = {"messageId": "1", "message_id": "1", "publishTime": "2026-01-01T00:00:00Z"}
            message |= {"publish_time": "2026-01-01T00:00:00Z", "data": "e30=", "attributes": {}}  # type: ignore[dict-item]
            push = {"message": message, "subscription": f"projects/{PROJECT}/subscriptions/s"}
            status, _ = await post(url, json=push)
            if status >= 300:  # what Pub/Sub does with a refused push
                status, _ = await post(url, json=push)
            assert status < 300
            assert len(cloud.notes("on_message")) == ran
            assert (await post(url, data=b"nonsense"))[0] == 400
            assert (await post(url.replace("on_message", "on_thing"), json=push))[0] == 404

    cloud.runner.run(scenario())


def test_http_faults(cloud: Cloud) -> None:
    async def scenario() -> None:
        spec = "functions.call:429 x1,functions.call:reset x1,functions.call:duplicate x1"
        async with cloud.scene(spec) as host:
            url = host.function_url("do_task")
            assert (await post(url, json={"data": 0}))[0] == 429
            with pytest.raises(aiohttp.ClientConnectionError):
                await post(url, json={"data": 1})
            assert await post(url, json={"data": 2}) == (
                501,
                "the fault duplicate is not implemented at functions.call\n",
            )
            assert (await post(url, json={"data": 3}))[0] == 200
            assert [note["data"] for note in cloud.notes("do_task")] == [1, 3]

    cloud.runner.run(scenario())


def test_a_main_that_cannot_be_loaded_shows_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import no_such_module\n")

    async def scenario() -> None:
        host = FunctionsHost(
            project=PROJECT, functions_dir=tmp_path, env={}, clock=ManualClock(), faults=Faults(), run_dir=tmp_path
        )
        with pytest.raises(ChildExited, match=r"(?s)main\.py.*No module named 'no_such_module'"):
            await host.start()

    asyncio.run(scenario())


def test_an_event_that_fails_for_a_day_expires() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        activity, tries = Activity(clock), []

        async def refuse() -> int:
            tries.append(clock.now())
            return 500

        async def crash() -> None:
            raise AssertionError("no fault was asked for")

        delivery = EventDelivery(clock, activity, Attempts(activity, Faults(), crash), concurrency=2)
        delivery.submit(FunctionSpec(name="f", kind="document", region=REGION, retry=True), refuse)
        while activity.depth():
            await activity.settle()
            clock.advance(1 if len(tries) < 3 else 10)
        assert tries[-1] - tries[0] <= 24 * 3600
        assert tries[-1] - tries[0] > 23 * 3600
        assert delivery.counts["f:expired"] == 1

    asyncio.run(scenario())


# --- pure parts -------------------------------------------------------------------------------------------------------


def spec_of(**endpoint: Any) -> FunctionSpec:
    manifest = {"endpoints": {"f": {"entryPoint": "f", **endpoint}}}
    return parse_manifest(manifest, REGION)["f"]


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        ({"blockingTrigger": {}}, "blockingTrigger"),
        ({"eventTrigger": {"eventType": "google.firebase.x"}}, "google.firebase.x"),
        ({"scheduleTrigger": {"schedule": "* * * * *", "retryConfig": {"retryCount": 2}}}, "retries of a scheduled"),
        ({"httpsTrigger": {}, "timeoutSeconds": "{{ params.T }}"}, "timeoutSeconds"),
        ({}, "no trigger"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(endpoint: dict[str, Any], named: str) -> None:
    with pytest.raises(ManifestError, match=f"^f: .*{named}"):
        spec_of(**endpoint)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        ("every 1 minutes", "2026-03-01T10:00:00", "2026-03-01T10:01:00"),
        ("every minute", "2026-03-01T10:00:59", "2026-03-01T10:01:00"),
        ("every 5 mins", "2026-03-01T10:03:00", "2026-03-01T10:05:00"),
        ("every 24 hours", "2026-03-01T10:03:00", "2026-03-02T00:00:00"),
        ("* * * * *", "2026-03-01T10:00:00", "2026-03-01T10:01:00"),
        ("*/15 8-10 * * *", "2026-03-01T10:45:00", "2026-03-02T08:00:00"),
        ("0,30 12 * * 1-5", "2026-03-06T12:30:00", "2026-03-09T12:00:00"),
        ("0 0 * * 7", "2026-03-06T12:30:00", "2026-03-08T00:00:00"),
        ("0 0 13 * 5", "2026-03-01T00:00:00", "2026-03-06T00:00:00"),
        ("0 0 29 2 *", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_schedules_are_due_when_they_say(schedule: str, now: str, due: str) -> None:
    assert parse_schedule(schedule).next_after(at(now)) == at(due)


@pytest.mark.parametrize(
    "text", ["", "every 0 minutes", "every day 09:00", "* * * *", "60 * * * *", "5-1 * * * *", "a b c d e"]
)
def test_schedules_that_cannot_be_read_are_quoted(text: str) -> None:
    with pytest.raises(ScheduleError, match="schedule"):
        parse_schedule(text)


def test_a_date_that_never_comes_and_a_zone_are_refused() -> None:
    with pytest.raises(ScheduleError, match="never comes"):
        parse_schedule("0 0 30 2 *").next_after(0)
    with pytest.raises(ScheduleError, match="Europe/Berlin"):
        parse_schedule("0 9 * * *", "Europe/Berlin")


@given(st.text())
def test_any_schedule_text_is_read_or_refused_with_our_error(text: str) -> None:
    try:
        due = parse_schedule(text).next_after(1_700_000_000)
    except ScheduleError:
        return
    assert due > 1_700_000_000


@given(st.text())
def test_percent_encoding_is_printable_and_can_be_undone(value: str) -> None:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415

    try:
        raw = value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return  # no header that was read from a socket has such a character
    encoded = percent_encoded(value)
    assert all(0x21 <= ord(character) <= 0x7E for character in encoded)
    assert unquote_to_bytes(encoded) == raw


@given(
    st.dictionaries(st.sampled_from(["ce-id", "CE-Source", "ce-type", "x"]), st.text(max_size=5)),
    st.binary(max_size=40),
)
def test_posts_that_are_no_events_are_refused_with_our_error(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(EventError, match="without ce-"):
        document_event(headers, body, REGION)
    with pytest.raises(EventError, match="not a Pub/Sub push"):
        message_event(body, PROJECT, "t")
