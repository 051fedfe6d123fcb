"""A job's trace for OpenTelemetry, sent in one piece when the job is over.

    job ──────────────────────────────────────────────────────────────
      admission ─ queue ─ submission ─ GPU wait ─ speaking ───────────
                                                    └ first audio
The spans are read off the job's `timeline`, in which every part of the system has written when it did what. So nothing
that a user waits for waits for a collector, a process that dies takes no span with it, and an event that comes twice
sends the same spans under the same ids. Logs of all parts carry the same trace id (jobs/trace.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from backend.services import Services
from backend.settings import Settings
from jobs import trace
from jobs.errors import NotFound, StoryvoiceError
from jobs.model import Job, State
from jobs.outbox import JobEvent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.util.types import AttributeValue

log = logging.getLogger(__name__)
_SERVICE = "storyvoice"
_TIMEOUT_SECONDS = 5.0


class _Phase(NamedTuple):
    name: str
    begins: str
    ends: str


_PHASES = (
    _Phase("admission", "createdAt", "admittedAt"),
    _Phase("queue", "queuedAt", "dispatchedAt"),
    _Phase("submission", "dispatchedAt", "submittedAt"),
    _Phase("GPU wait", "submittedAt", "claimedAt"),
    _Phase("first audio", "claimedAt", "firstAudioAt"),
    _Phase("work", "claimedAt", "finishedAt"),
)


def job_is_over(services: Services, event: JobEvent) -> None:
    """Send the trace of a job that has ended, if there is somewhere to send it. Not raising: nothing depends on it."""
    if not services.settings().otlp_endpoint:
        return
    try:
        job = services.store().find(event.job_id)
    except NotFound:
        return  # erased meanwhile
    except StoryvoiceError as error:
        log.warning("not traced: %s", error.code, extra={"jobId": event.job_id})
        return
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415  (loaded only where it is used)

    if services.spans().export(list(_spans(job))) is not SpanExportResult.SUCCESS:
        log.warning("not traced: the collector did not take it", extra={"jobId": job.id})


def exporter(settings: Settings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_SECONDS)


def _spans(job: Job) -> Iterator[ReadableSpan]:
    """The job as a whole, and each phase of which both ends are known."""
    at = job.timeline
    begins, ends = at.get("createdAt", at.get("admittedAt")), at.get("finishedAt")
    if begins is None or ends is None:
        return
    yield _span(job, "job", begins, ends)
    for phase in _PHASES:
        if phase.begins in at and phase.ends in at:
            yield _span(job, phase.name, at[phase.begins], at[phase.ends])


def _span(job: Job, name: str, begins: datetime, ends: datetime) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags  # noqa: PLC0415

    def context(part: str) -> SpanContext:
        identity = int(job.trace, 16), int(trace.span_id(job.id, part), 16)
        return SpanContext(*identity, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    is_whole = name == "job"
    is_failed = is_whole and job.state is State.FAILED
    return ReadableSpan(
        name=f"{job.kind.value} {name}" if is_whole else name,
        context=context(name),
        parent=None if is_whole else context("job"),
        resource=Resource.create({"service.name": _SERVICE}),
        attributes=_attributes(job) if is_whole else {},
        status=Status(StatusCode.ERROR if is_failed else StatusCode.UNSET),
        start_time=_nanoseconds(begins),
        end_time=_nanoseconds(max(begins, ends)),  # two machines' clocks
    )


def _attributes(job: Job) -> dict[str, AttributeValue]:
    """Ids and figures; nothing that anybody has written or recorded."""
    error = {"storyvoice.error": str(job.error.get("code"))} if job.error else {}
    return {
        "storyvoice.job": job.id,
        "storyvoice.request": job.request_path,
        "storyvoice.state": job.state.value,
        "storyvoice.attempt": job.attempt,
        **{f"storyvoice.usage.{name}": value for name, value in job.usage.items()},
        **error,
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
