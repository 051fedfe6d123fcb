"""Structured logs in Cloud Logging's JSON form: one object a line on stdout, severity and job in fields of their own.

    log.info("claimed", extra=job_fields(job))
    {"severity": "INFO", "message": "claimed", "logger": "gpu_job.worker", "jobId": …, "requestPath": …, "attempt": 1}

Only the fields named in FIELDS are taken from `extra`, so story text, keys and URLs cannot slip in by that door; and an
exception is written as its type and stack, not as its message, which may quote what a user wrote.

A line that is about a job carries the job's trace, in the field by which Cloud Logging puts lines together: because it
names the job, or because it is written while the process is `about` it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from jobs.errors import StoryvoiceError
from jobs.model import Job
from jobs.trace import span_id, trace_id

_OURS = ("backend", "jobs", "gpu_job", "main")
FIELDS = ("jobId", "requestPath", "userId", "attempt", "state", "backend", "seconds", "count", "code", "status")
_job: ContextVar[str | None] = ContextVar("job", default=None)


@contextlib.contextmanager
def about(job_id: str) -> Iterator[None]:
    """What this thread logs meanwhile belongs to the job's trace."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


def also_about() -> Callable[[], None]:
    """For a thread that works on the same job: what it has to call first."""
    job_id = _job.get()

    def begin() -> None:
        _job.set(job_id)

    return begin


def job_fields(job: Job) -> dict[str, Any]:
    return {"jobId": job.id, "requestPath": job.request_path, "userId": job.user_id, "attempt": job.attempt}


class JsonFormatter(logging.Formatter):
    def __init__(self, project: str = "") -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage() if _is_ours(record.name) else str(record.msg),
            "logger": record.name,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
        }
        line.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        line.update(self._trace(getattr(record, "jobId", None) or _job.get()))
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _describe(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)

    def _trace(self, job_id: str | None) -> dict[str, str]:
        if not (job_id and self._project):
            return {}
        return {
            "logging.googleapis.com/trace": f"projects/{self._project}/traces/{trace_id(job_id)}",
            "logging.googleapis.com/spanId": span_id(job_id),
        }


def configure(level: int = logging.INFO) -> None:
    """Send our loggers, and warnings of libraries, to stdout as JSON. Calling it again changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCLOUD_PROJECT", "")))
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)


def _is_ours(logger: str) -> bool:
    """What libraries say is written without its arguments, among which there can be anything."""
    return logger.partition(".")[0] in _OURS


def _describe(error: BaseException) -> list[str]:
    """Types and places, innermost cause last; the message only where it is one of ours."""
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None:
        said = f": {link.message}" if isinstance(link, StoryvoiceError) else ""
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}{said}")
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(link.__traceback__)
        ]
        link = link.__cause__ or link.__context__
    return lines
