"""What a job is: the frozen `Job`, its states, the transitions that are allowed, and who may make them.

    queued ──lease──▶ dispatched ──claim──▶ running ──succeed──▶ succeeded
      ▲                   │                    │ ────fail─────▶ failed       (permanent, or no attempt left)
      │                   │                    │ ───cancel────▶ cancelled    (the user took it back)
      └──── attempt + 1 ──┴────────────────────┘                (retryable failure, or the lease lapsed)

A job that is not finished is always leased to somebody, who must act before `leaseExpiresAt`: while queued to the task
queue, while dispatched to the GPU backend, while running to one worker (named by `worker`, a token drawn at the claim).
The reconciler asks one question of all of them: whose lease has lapsed? `attempt` is the fencing token: whoever carries
an older one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from jobs import trace
from jobs.errors import Conflict, JobFinished, LeaseHeld, StaleAttempt
from jobs.values import plain


class Kind(StrEnum):
    CLONE = "clone"
    NARRATE = "narrate"


class State(StrEnum):
    QUEUED = "queued"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return not ALLOWED[self]


ALLOWED: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.DISPATCHED, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.DISPATCHED: frozenset({State.RUNNING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Backend(msgspec.Struct, frozen=True):
    """The GPU job that an attempt was submitted as. `attempt` says which, since an old id may still be written late."""

    name: str
    id: str
    attempt: int


class Charge(msgspec.Struct, frozen=True):
    """What admission took from the user's quota, so that a failure of ours can give exactly that back."""

    action: str
    characters: int
    day: str


class Job(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One unit of GPU work, as it stands in `jobs/{id}`. Times are UTC; `usage` holds seconds and characters.

    `timeline` says when: createdAt (the request), admittedAt; of the present attempt queuedAt, dispatchedAt,
    submittedAt, startedAt (taken by a worker, if anybody saw it), claimedAt; firstAudioAt (when a beginning could
    first be heard, in whichever attempt), finishedAt.
    `not_before` is when a queued attempt may start (a retry waits). `unpublished` is the outbox: names of events, each
    `<state>.<attempt>`, that have happened and are not yet on Pub/Sub.
    """

    id: str
    kind: Kind
    request_path: str
    user_id: str
    state: State
    attempt: int
    charge: Charge
    input: dict[str, Any] = {}
    worker: str | None = None
    lease_expires_at: datetime | None = None
    not_before: datetime | None = None
    backend: Backend | None = None
    timeline: dict[str, datetime] = {}
    usage: dict[str, float] = {}
    error: dict[str, Any] | None = None
    unpublished: list[str] = []
    expire_at: datetime | None = None
    updated_at: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """The fields of `jobs/{id}`: camelCase, without those that are not set. The id is the document's name."""
        fields = msgspec.to_builtins(self, builtin_types=(datetime,))
        return {name: value for name, value in fields.items() if value is not None and name != "id"}

    @classmethod
    def from_document(cls, job_id: str, fields: Mapping[str, Any]) -> Job:
        return msgspec.convert({**plain(dict(fields)), "id": job_id}, cls)

    @property
    def trace(self) -> str:
        """The id under which everything that is done and logged for it is found."""
        return trace.trace_id(self.id)

    @property
    def finished(self) -> bool:
        return self.state.finished

    @property
    def submitted(self) -> bool:
        """Whether the present attempt, and not an earlier one, has been handed to the GPU backend."""
        return self.backend is not None and self.backend.attempt == self.attempt

    def require_attempt(self, attempt: int) -> None:
        """Refuse a caller that a newer attempt has fenced out, or that claims one that does not exist yet."""
        if attempt != self.attempt:
            raise StaleAttempt(f"Job {self.id} is at attempt {self.attempt}, not {attempt}.")

    def require_worker(self, attempt: int, worker: str) -> None:
        """Refuse everybody but the worker that holds the lease of the running attempt."""
        self.require_unfinished()
        self.require_attempt(attempt)
        if self.state is not State.RUNNING:
            raise Conflict(f"Job {self.id} is {self.state.value}; claim it first.")
        if self.worker != worker:
            raise LeaseHeld(f"Attempt {attempt} of job {self.id} is held by another worker.")

    def require_unfinished(self) -> None:
        if self.finished:
            raise JobFinished(f"Job {self.id} is {self.state.value} already.")

    def require_allowed(self, target: State) -> None:
        """Refuse a transition that the table above does not have."""
        self.require_unfinished()
        if target not in ALLOWED[self.state]:
            raise Conflict(f"Job {self.id} cannot go from {self.state.value} to {target.value}.")


# What every transition needs to know: of `input`, which may hold 100,000 characters of story, only which story it is.
HEAD_FIELDS = (*(name for name in Job.__struct_encode_fields__ if name not in {"id", "input"}), "input.storyId")
