"""A RunPod job: its fields, its statuses, and what clients are shown of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


UNFINISHED = frozenset({Status.IN_QUEUE, Status.IN_PROGRESS})


@dataclass
class Job:
    """Times are Unix seconds, durations seconds; `input` and `output` are JSON texts."""

    id: str
    endpoint: str
    input: str
    webhook: str | None
    execution_timeout: float
    ttl: float  # from `queued_at`, over queue and run
    retention: float  # of the result, from `finished_at`
    queued_at: float
    status: str = Status.IN_QUEUE
    worker_id: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    output: str | None = None  # the result; while it runs, the latest progress
    error: str | None = None
    retries: int = 0  # runs begun anew: after /retry, or after the worker was lost
    losses: int = 0  # of those, the ones whose worker was lost

    @property
    def unfinished(self) -> bool:
        return self.status in UNFINISHED

    def due_at(self) -> float:
        """When time alone changes something about it next."""
        if self.finished_at is not None:
            return self.finished_at + self.retention
        expires = self.queued_at + self.ttl
        if self.status == Status.IN_PROGRESS and self.started_at is not None:
            return min(expires, self.started_at + self.execution_timeout)
        return expires

    def as_response(self) -> dict[str, Any]:
        """The body of /status. delayTime and executionTime are milliseconds."""
        body: dict[str, Any] = {"id": self.id, "status": str(self.status)}
        if self.started_at is not None:
            body["delayTime"] = round((self.started_at - self.queued_at) * 1000)
            if self.finished_at is not None:
                body["executionTime"] = round((self.finished_at - self.started_at) * 1000)
        if self.output is not None:
            body["output"] = json.loads(self.output)
        if self.error is not None:
            body["error"] = self.error
        if self.worker_id is not None:
            body["workerId"] = self.worker_id
        return {**body, "retries": self.retries}
