"""One trace a job: in every line about it, on every task, in its timeline, and at a collector if there is one."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from google.cloud import tasks_v2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from backend import notifications
from backend.services import Services
from jobs import logs, trace
from jobs.model import State
from jobs.outbox import JobEvent
from jobs.store import Progress
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB, REQUEST, RESULT, START, WORKER, StoryTime

PROJECT = "demo-trace"


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def line(**extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("backend.x", logging.INFO, __file__, 1, "said", (), None)
    record.__dict__.update(extra)
    written: dict[str, Any] = json.loads(logs.JsonFormatter(PROJECT).format(record))
    return written


def traced(written: dict[str, Any]) -> str | None:
    return written.get("logging.googleapis.com/trace")


def test_a_line_that_names_a_job_carries_its_trace() -> None:
    assert traced(line(jobId=JOB)) == f"projects/{PROJECT}/traces/{trace.trace_id(JOB)}"
    assert traced(line(userId="u1")) is None


def test_what_is_logged_meanwhile_belongs_to_the_job_in_threads_too() -> None:
    seen: list[str | None] = []

    def work() -> None:
        carry_on()
        seen.append(traced(line()))

    with logs.about(JOB):
        carry_on = logs.also_about()
        for target in (work, lambda: seen.append(traced(line()))):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert traced(line()) == traced(line(jobId=JOB))
    assert seen == [traced(line(jobId=JOB)), None]
    assert traced(line()) is None


def test_a_trace_has_the_form_of_w3c_trace_context() -> None:
    parts = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", trace.traceparent(JOB))
    assert parts
    assert parts.groups() == (trace.trace_id(JOB), trace.span_id(JOB))
    assert len({trace.span_id(JOB, name) for name in ("job", "queue", "work")}) == 3
    assert trace.trace_id("another") != trace.trace_id(JOB)


def test_a_task_brings_the_trace_along(functions: FunctionsWorld) -> None:
    functions.request()
    job = functions.admit()
    functions.queues().enqueue(job)
    parent = functions.services.settings().queue_path("dispatchJob")
    request = {"parent": parent, "response_view": tasks_v2.Task.View.FULL}
    (task,) = functions.queues()._client.list_tasks(request=request)
    assert task.http_request.headers["traceparent"] == trace.traceparent(JOB)


# ── the timeline ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def told(functions: FunctionsWorld) -> FunctionsWorld:
    """A story told, a second between one step and the next."""
    functions.deploy_queues()
    functions.request()
    functions.wait(1)
    job = functions.admit()
    functions.wait(1)
    functions.store.lease(JOB, 1)
    functions.wait(1)
    functions.store.record_submission(JOB, functions.services.gpu().submit(job))
    functions.wait(1)
    functions.store.claim(JOB, 1, WORKER)
    for shows in ({}, {"playlistKey": "k"}, {"playlistKey": "k"}):
        functions.wait(1)
        functions.store.report_progress(JOB, 1, WORKER, Progress(1, 2, "speaking", shows))
    functions.wait(1)
    functions.store.succeed(JOB, 1, WORKER, RESULT)
    return functions


def test_the_timeline_says_when_each_part_did_what(told: FunctionsWorld) -> None:
    names = ("createdAt", "admittedAt", "dispatchedAt", "submittedAt", "claimedAt", "firstAudioAt", "finishedAt")
    at = told.job().timeline
    assert [(at[name] - START).total_seconds() for name in names] == [0, 1, 2, 3, 4, 6, 8]


def test_a_story_without_a_beginning_is_first_heard_when_it_is_told(functions: StoryTime) -> None:
    functions.bring_to(State.SUCCEEDED)
    job = functions.get(f"jobs/{JOB}")
    assert job["timeline"]["firstAudioAt"] == job["timeline"]["finishedAt"]


def test_another_attempt_has_times_of_its_own_and_the_first_sound_stays(functions: StoryTime) -> None:
    functions.bring_to(State.RUNNING)
    functions.store.report_progress(JOB, 1, WORKER, Progress(1, 2, "speaking", {"playlistKey": "k"}))
    functions.wait(1000)
    functions.store.requeue_lapsed(JOB, 1)
    timeline = functions.get(f"jobs/{JOB}")["timeline"]
    assert not {"submittedAt", "startedAt", "claimedAt"} & set(timeline)
    assert (timeline["admittedAt"], timeline["firstAudioAt"]) == (START, START)
    assert timeline["queuedAt"] == START + timedelta(seconds=1000)


# ── the collector ────────────────────────────────────────────────────────────────────────────────────────────────────


class Collector:
    """OTLP over HTTP, as far as a test looks at it."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(collector.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[Any]:
        (request,) = self.requests
        return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.server.shutdown()
    running.server.server_close()


def deliver(world: FunctionsWorld, **settings: str) -> None:
    """The end of the job, to functions with these settings."""
    services = Services({**world.environ, **settings})
    for name in ("firestore", "store", "outbox", "queues"):
        setattr(services, name, getattr(world.services, name))
    notifications.handle(services, JobEvent.of(world.job(), "succeeded.1"))


def test_a_collector_gets_the_job_and_its_phases(told: FunctionsWorld, collector: Collector) -> None:
    deliver(told, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    spans = {span.name: span for span in collector.spans()}
    seconds = {name: (each.end_time_unix_nano - each.start_time_unix_nano) / 1e9 for name, each in spans.items()}
    assert seconds == {
        "narrate job": 8,
        "admission": 1,
        "queue": 1,
        "submission": 1,
        "GPU wait": 1,
        "first audio": 2,
        "work": 4,
    }
    whole = spans.pop("narrate job")
    assert {span.trace_id.hex() for span in (whole, *spans.values())} == {trace.trace_id(JOB)}
    assert whole.span_id.hex() == trace.span_id(JOB)
    assert {span.parent_span_id for span in spans.values()} == {whole.span_id}
    told_of = {each.key: each.value for each in whole.attributes}
    assert told_of["storyvoice.request"].string_value == REQUEST
    assert told_of["storyvoice.usage.gpuSeconds"].double_value == RESULT.usage["gpuSeconds"]


def test_the_same_event_sends_the_same_spans(told: FunctionsWorld, collector: Collector) -> None:
    for _ in range(2):
        deliver(told, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    first, second = collector.requests
    assert first == second


def test_a_collector_that_refuses_changes_nothing(
    told: FunctionsWorld, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    deliver(told, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert "not traced: the collector did not take it" in caplog.messages


def test_without_a_collector_nothing_of_opentelemetry_is_made(told: FunctionsWorld, collector: Collector) -> None:
    deliver(told)
    assert collector.requests == []
