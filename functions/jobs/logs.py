"""Structured logs in Cloud Logging's JSON form: one object a line on stdout, severity and job in fields of their own.

    log.info("claimed", extra=job_fields(job))
    {"severity": "INFO", "message": "claimed", "logger": "gpu_job.worker", "jobId": …, "requestPath": …, "attempt": 1}

Only the fields named in FIELDS are taken from `extra`, so story text, keys and URLs cannot slip in by that door; and an
exception is written as its type and stack, not as its message, which may quote what a user wrote.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import Any

from jobs.errors import StoryvoiceError
from jobs.model import Job

_OURS = ("backend", "jobs", "gpu_job", "main")
FIELDS = ("jobId", "requestPath", "userId", "attempt", "state", "backend", "seconds", "count", "code", "status")


def job_fields(job: Job) -> dict[str, Any]:
    return {"jobId": job.id, "requestPath": job.request_path, "userId": job.user_id, "attempt": job.attempt}


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage() if _is_ours(record.name) else str(record.msg),
            "logger": record.name,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
        }
        line.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _describe(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(level: int = logging.INFO) -> None:
    """Send our loggers, and warnings of libraries, to stdout as JSON. Calling it again changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
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
