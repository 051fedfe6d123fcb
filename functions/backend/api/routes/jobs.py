"""How a job is getting on: asked for, streamed as server-sent events, or taken back."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator

import msgspec
from werkzeug.wrappers import Response

from backend import narrations, requesting
from backend.api.routes.parts import POLL_SECONDS, iso
from backend.api.routing import CLIENTS, KILOBYTE, Call, Reply, Routes
from backend.api.schemas.common import Waiting, error_of, progress_of
from backend.api.schemas.jobs import JobCancelled, JobInfo
from backend.api.schemas.tts import FileId
from backend.narrations import JobView
from backend.watching import LONGEST_SECONDS
from jobs.model import Kind

routes = Routes("Jobs")
EVENTS = "text/event-stream"


@routes.get("/jobs/<job_id>", doors=CLIENTS, answers={200: JobInfo})
def get_job(call: Call, job_id: FileId, query: Waiting) -> JobInfo | Reply:
    """How a job stands, after having waited for its end for `wait` seconds."""
    view = call.services.watcher().until(
        lambda: narrations.job(call.services, call.user_id, job_id), lambda seen: seen.is_over, query.wait
    )
    headers = {} if view.is_over else {"Retry-After": str(POLL_SECONDS)}
    return Reply(_info(view), 200, headers)


@routes.get("/jobs/<job_id>/events", doors=CLIENTS, answers={200: EVENTS})
def stream_job(call: Call, job_id: FileId) -> Response:
    """The job as server-sent events: `progress` with each change, and `done` with the last. The stream ends then, or
    after some fifty seconds, when a browser's EventSource comes again by itself."""
    changes = call.services.watcher().changes(
        lambda: narrations.job(call.services, call.user_id, job_id), lambda seen: seen.is_over, LONGEST_SECONDS
    )
    first = next(changes)  # before anything is sent: what cannot be seen is refused here as anywhere else
    headers = {"X-Accel-Buffering": "no"}  # a proxy that collects would keep them back
    return Response(_stream(first, changes), headers=headers, content_type=EVENTS)


@routes.post("/jobs/<job_id>/cancel", doors=CLIENTS, answers={200: JobCancelled}, max_body=KILOBYTE)
def cancel_job(call: Call, job_id: FileId) -> JobCancelled:
    """Take a job back; whatever runs for it is stopped. Again, it changes nothing."""
    view = narrations.job(call.services, call.user_id, job_id)
    name = "voiceId" if view.kind is Kind.CLONE else "requestId"
    requesting.cancel_request(call.services, call.user_id, {name: view.subject_id})
    return JobCancelled(job_id=job_id)


def _stream(first: JobView | None, changes: Generator[JobView | None, None, None]) -> Iterator[bytes]:
    yield f"retry: {POLL_SECONDS * 1000}\n\n".encode()
    with contextlib.closing(changes):
        for view in itertools.chain([first], changes):
            yield _event(view)


def _event(view: JobView | None) -> bytes:
    if view is None:
        return b": still there\n\n"
    name = b"done" if view.is_over else b"progress"
    return b"event: " + name + b"\ndata: " + msgspec.json.encode(_info(view)) + b"\n\n"


def _info(view: JobView) -> JobInfo:
    timeline = view.timeline
    cloning = view.kind is Kind.CLONE
    return JobInfo(
        job_id=view.job_id,
        kind=view.kind.value,
        status=view.status,
        attempt=view.attempt,
        voice_id=view.subject_id if cloning else None,
        audio_id=None if cloning else view.subject_id,
        progress=progress_of(view.progress),
        error=error_of(view.error),
        queued_at=iso(timeline.get("queuedAt")),
        started_at=iso(timeline.get("claimedAt")),
        finished_at=iso(timeline.get("finishedAt")),
    )
