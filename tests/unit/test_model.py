"""A job as a value and as a document; which transitions exist; what each of the store's methods does in each state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from google.cloud import firestore

from jobs import errors
from jobs.errors import Conflict, InvalidArgument, JobFinished, LeaseHeld, StaleAttempt, StoryvoiceError, Unavailable
from jobs.model import ALLOWED, HEAD_FIELDS, Backend, Job, State
from jobs.store import Progress, Store
from tests.unit.story_time import JOB, RESULT, WORKER, StoryTime, a_job

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
Q, D, R, S, F, C = State
FULL = a_job(
    state=State.RUNNING,
    attempt=3,
    input={"storyId": "s1", "text": "…", "parameters": {"speed": 1.0, "seed": None}},
    worker="w",
    lease_expires_at=NOW,
    not_before=NOW,
    backend=Backend(name="runpod", id="x-e1", attempt=3),
    timeline={"queuedAt": NOW},
    usage={"characters": 17.0},
    error={"code": "unavailable", "message": "Later.", "retryable": True},
    unpublished=["queued.3"],
    expire_at=NOW,
    updated_at=NOW,
)


@pytest.mark.parametrize("job", [a_job(), FULL], ids=["least", "full"])
def test_a_job_is_the_same_after_firestore(database: firestore.Client, job: Job) -> None:
    reference = database.document(f"jobs/{job.id}")
    reference.set(job.to_document())
    assert Job.from_document(job.id, reference.get().to_dict() or {}) == job


def test_a_document_has_camel_case_and_nothing_that_is_not_set() -> None:
    document = a_job().to_document()
    assert {"requestPath", "userId", "state", "attempt", "charge", "kind"} <= set(document)
    assert not {"id", "worker", "leaseExpiresAt", "request_path"} & set(document)
    assert document["state"] == "queued"
    assert FULL.to_document()["leaseExpiresAt"] is NOW


def test_the_head_of_a_job_leaves_only_the_text_behind() -> None:
    assert "input" not in HEAD_FIELDS
    assert "input.storyId" in HEAD_FIELDS
    assert set(FULL.to_document()) - {"input"} <= set(HEAD_FIELDS)


TABLE = {
    Q: {D, Q, F, C},
    D: {R, Q, F, C},
    R: {S, Q, F, C},
    S: set(),
    F: set(),
    C: set(),
}


@pytest.mark.parametrize(("state", "target"), product(State, State))
def test_transitions(state: State, target: State) -> None:
    job = a_job(state=state)
    if target in TABLE[state]:
        job.require_allowed(target)
        return
    with pytest.raises(Conflict) as refused:
        job.require_allowed(target)
    assert isinstance(refused.value, JobFinished) is (state in {S, F, C})
    assert ALLOWED[state] == TABLE[state]


@pytest.mark.parametrize("state", State)
def test_only_the_ends_are_finished(state: State) -> None:
    assert a_job(state=state).finished is (state in {S, F, C})


@pytest.mark.parametrize(
    ("changes", "attempt", "worker", "refusal"),
    [
        ({"state": R, "worker": "a", "attempt": 2}, 2, "a", None),
        ({"state": R, "worker": "a", "attempt": 2}, 2, "b", LeaseHeld),
        ({"state": R, "worker": "a", "attempt": 2}, 1, "a", StaleAttempt),
        ({"state": R, "worker": "a", "attempt": 2}, 3, "a", StaleAttempt),
        ({"state": D, "attempt": 2}, 2, "a", Conflict),
        ({"state": S, "worker": "a", "attempt": 2}, 2, "a", JobFinished),
    ],
)
def test_only_the_holder_of_the_lease_may_report(
    changes: dict[str, Any], attempt: int, worker: str, refusal: type[StoryvoiceError] | None
) -> None:
    job = a_job(**changes)
    if refusal is None:
        job.require_worker(attempt, worker)
        return
    with pytest.raises(refusal) as refused:
        job.require_worker(attempt, worker)
    assert type(refused.value) is refusal


# ── the store's methods x the states ─────────────────────────────────────────────────────────────────────────────────

RETRYABLE = Unavailable("The GPU was busy.")
PERMANENT = InvalidArgument("The recording cannot be used.")
METHODS: dict[str, Callable[[Store], object]] = {
    "lease": lambda s: s.lease(JOB, 1),
    "claim": lambda s: s.claim(JOB, 1, WORKER),
    "report_progress": lambda s: s.report_progress(JOB, 1, WORKER, Progress(1, 3, "speaking")),
    "succeed": lambda s: s.succeed(JOB, 1, WORKER, RESULT),
    "fail for good": lambda s: s.fail(JOB, 1, PERMANENT),
    "fail for now": lambda s: s.fail(JOB, 1, RETRYABLE),
    "worker fails": lambda s: s.fail(JOB, 1, PERMANENT, WORKER),
    "cancel": lambda s: s.cancel(JOB),
    "requeue_lapsed": lambda s: s.requeue_lapsed(JOB, 1),
    "keep_dispatched": lambda s: s.keep_dispatched(JOB, 1),
}
SAME = "as it was"  # returns, and changes nothing
RENEWED = "lease renewed"  # the state stays
# What follows in the states Q, D, R, S, F, C: a new state, SAME, RENEWED, or the type of the refusal.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "lease": (D, SAME, SAME, JobFinished, JobFinished, JobFinished),
    "claim": (Conflict, R, SAME, JobFinished, JobFinished, JobFinished),
    "report_progress": (Conflict, Conflict, RENEWED, JobFinished, JobFinished, JobFinished),
    "succeed": (Conflict, Conflict, S, SAME, JobFinished, JobFinished),
    "fail for good": (F, F, F, JobFinished, SAME, JobFinished),
    "fail for now": (Q, Q, Q, JobFinished, SAME, JobFinished),
    "worker fails": (Conflict, Conflict, F, JobFinished, SAME, JobFinished),
    "cancel": (C, C, C, JobFinished, JobFinished, SAME),
    "requeue_lapsed": (RENEWED, Q, Q, JobFinished, JobFinished, JobFinished),
    "keep_dispatched": (SAME, RENEWED, SAME, SAME, SAME, SAME),
}


@pytest.mark.parametrize(
    ("method", "state", "expected"),
    [(method, state, row[index]) for method, row in EXPECTED.items() for index, state in enumerate(State)],
)
def test_each_method_in_each_state(database: firestore.Client, method: str, state: State, expected: Any) -> None:
    world = StoryTime(database)
    world.bring_to(state)
    world.wait(1000)  # every lease has lapsed
    before = world.everything()
    if isinstance(expected, type):
        with pytest.raises(expected) as refused:
            METHODS[method](world.store)
        assert type(refused.value) is expected
        assert world.everything() == before
        return
    METHODS[method](world.store)
    if expected is SAME:
        assert world.everything() == before
        return
    job = world.store.find(JOB)
    assert job.state is (state if expected is RENEWED else expected)
    if job.finished:
        assert job.lease_expires_at is None
        assert job.expire_at is not None
    else:
        assert job.lease_expires_at is not None
        assert job.lease_expires_at > world.now
    assert job.attempt == (2 if expected is Q else 1)


# The user's word counts whatever the attempt.
FENCED = [method for method in METHODS if method != "cancel"]


@pytest.mark.parametrize("method", FENCED)
@pytest.mark.parametrize("state", [Q, D, R])
def test_an_older_attempt_is_refused_and_changes_nothing(database: firestore.Client, method: str, state: State) -> None:
    world = StoryTime(database)
    world.bring_to(state, attempt=2)
    world.wait(1000)
    before = world.everything()
    with pytest.raises(StaleAttempt):
        METHODS[method](world.store)
    assert world.everything() == before


@pytest.mark.parametrize("method", METHODS)
def test_a_job_that_is_not_there(database: firestore.Client, method: str) -> None:
    world = StoryTime(database)
    with pytest.raises(errors.NotFound):
        METHODS[method](world.store)
    assert world.everything() == {}
