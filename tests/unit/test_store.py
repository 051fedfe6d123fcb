"""The transitions of a job on a real Firestore: what each writes, repeated, late, by another, and while users change
their minds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions as google_errors
from google.cloud import firestore

from jobs.errors import (
    Cancelled,
    Conflict,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    JobFinished,
    LeaseHeld,
    NotFound,
    StaleAttempt,
    StoryvoiceError,
    Unavailable,
)
from jobs.model import Backend, Job, State
from jobs.store import NewJob, Progress, Read, Result, Store
from jobs.transition import Policy
from tests.unit.story_time import JOB, REQUEST, RESULT, START, STORY, TEXT, USER, VERSION, WORKER, Fields, StoryTime

QUOTA = f"quotas/{USER}"
POLICY = Policy()


@pytest.fixture
def world(database: firestore.Client) -> StoryTime:
    return StoryTime(database)


def seconds_from_now(world: StoryTime, seconds: float) -> Any:
    return world.now + timedelta(seconds=seconds)


# ── admission ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_admission_makes_a_job_and_takes_the_charge(world: StoryTime) -> None:
    world.request()
    job = world.admit()
    assert (job.id, job.state, job.attempt) == (JOB, State.QUEUED, 1)
    request, stored, quota = world.get(REQUEST), world.get(f"jobs/{JOB}"), world.get(QUOTA)
    assert (request["status"], request["jobId"], request["jobActive"]) == ("queued", JOB, True)
    assert stored["state"] == "queued"
    assert stored["leaseExpiresAt"] == seconds_from_now(world, POLICY.queue_lease)
    assert stored["timeline"] == {"createdAt": START, "admittedAt": START, "queuedAt": START}
    assert stored["charge"] == {"action": "narrate", "characters": len(TEXT), "day": "2026-11-22"}
    assert quota["characters"] == len(TEXT)
    assert quota["buckets"]["narrate"]["tokens"] == 4


def test_a_redelivered_event_finds_the_same_job_and_charges_nothing(world: StoryTime) -> None:
    world.request()
    first = world.admit()
    before = world.everything()
    world.wait(30)
    again = world.admit()
    assert (again.id, again.attempt, again.charge) == (first.id, 1, first.charge)
    assert world.everything() == before


def test_a_refused_request_fails_once_and_has_no_job(world: StoryTime) -> None:
    def judge(_fields: Fields, _read: Read) -> NewJob:
        raise InvalidArgument("`language` must be one of en.")

    world.request()
    assert world.store.admit(REQUEST, judge) is None
    request = world.get(REQUEST)
    assert request["status"] == "failed"
    assert request["error"] == {
        "code": "invalid_argument",
        "message": "`language` must be one of en.",
        "retryable": False,
    }
    before = world.everything()
    assert set(before) == {REQUEST}
    assert world.store.admit(REQUEST, world.judge) is None, "what was refused stays refused"
    assert world.everything() == before


def test_what_may_pass_by_itself_refuses_nothing(world: StoryTime) -> None:
    def judge(_fields: Fields, _read: Read) -> NewJob:
        raise Unavailable("Later.")

    world.request()
    before = world.everything()
    with pytest.raises(Unavailable):
        world.store.admit(REQUEST, judge)
    assert world.everything() == before


@pytest.mark.parametrize("status", ["ready", "failed", "cancelled"])
def test_a_request_at_its_end_is_not_admitted(world: StoryTime, status: str) -> None:
    world.request(status=status)
    before = world.everything()
    assert world.store.admit(REQUEST, world.judge) is None
    assert world.everything() == before


def test_a_request_that_is_gone_is_not_admitted(world: StoryTime) -> None:
    assert world.store.admit(REQUEST, world.judge) is None
    assert world.everything() == {}


def test_a_request_written_again_is_answered_by_the_job_that_works_for_it(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    quota = world.get(QUOTA)
    world.request()
    job = world.admit()
    assert job.state is State.RUNNING
    assert world.get(REQUEST)["jobId"] == JOB
    assert world.get(QUOTA) == quota


def test_a_request_written_again_after_the_end_is_refused(world: StoryTime) -> None:
    world.bring_to(State.SUCCEEDED)
    world.request()
    assert world.store.admit(REQUEST, world.judge) is None
    assert world.get(REQUEST)["error"]["message"] == "This request id has been used before; please use a new one."


def test_nobody_gets_the_job_of_another_user(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.request(userId="u2")
    assert world.store.admit(REQUEST, world.judge) is None
    request = world.get(REQUEST)
    assert request["status"] == "failed"
    assert "jobId" not in request


def test_a_request_cancelled_while_it_is_readmitted_stays_cancelled(
    world: StoryTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bring_to(State.RUNNING)
    world.request()
    readmit = Store._readmit

    def cancelled_first(store: Store, path: str, job_id: str) -> Job | None:
        world.patch(REQUEST, status="cancelled")
        return readmit(store, path, job_id)

    monkeypatch.setattr(Store, "_readmit", cancelled_first)
    assert world.store.admit(REQUEST, world.judge) is None
    assert world.get(REQUEST)["status"] == "cancelled"


# ── from the queue to a worker ───────────────────────────────────────────────────────────────────────────────────────


def test_lease_claim_and_progress_say_when_they_lapse(world: StoryTime) -> None:
    world.bring_to(State.QUEUED)
    world.wait(1)
    leased = world.store.lease(JOB, 1)
    assert leased.lease_expires_at == seconds_from_now(world, POLICY.dispatch_lease)
    assert world.get(f"jobs/{JOB}")["leaseExpiresAt"] == leased.lease_expires_at
    world.wait(1)
    claimed = world.store.claim(JOB, 1, WORKER)
    assert claimed.input["text"] == TEXT
    assert claimed.lease_expires_at == seconds_from_now(world, POLICY.run_lease)
    world.wait(10)
    world.store.report_progress(JOB, 1, WORKER, Progress(2, 7, "speaking"))
    job, request = world.get(f"jobs/{JOB}"), world.get(REQUEST)
    assert job["leaseExpiresAt"] == seconds_from_now(world, POLICY.run_lease)
    assert [job["timeline"][at] for at in ("queuedAt", "dispatchedAt", "claimedAt")] == [
        START + timedelta(seconds=s) for s in (0, 1, 2)
    ]
    assert request["status"] == "running"
    assert request["progress"] == {"done": 2, "total": 7, "stage": "speaking"}


def test_a_claim_repeated_by_its_worker_is_the_same_claim(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    before = world.everything()
    world.wait(5)
    assert world.store.claim(JOB, 1, WORKER).input["text"] == TEXT
    assert world.everything() == before


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s.claim(JOB, 1, "worker-b"),
        lambda s: s.report_progress(JOB, 1, "worker-b", Progress(1, 2, "speaking")),
        lambda s: s.succeed(JOB, 1, "worker-b", RESULT),
        lambda s: s.fail(JOB, 1, InvalidArgument("x"), "worker-b"),
        lambda s: s.fail(JOB, 1, Unavailable("x"), "worker-b"),
    ],
)
def test_another_worker_is_kept_out(world: StoryTime, act: Callable[[Store], object]) -> None:
    world.bring_to(State.RUNNING)
    before = world.everything()
    with pytest.raises(LeaseHeld):
        act(world.store)
    assert world.everything() == before


def test_another_worker_cannot_succeed_again(world: StoryTime) -> None:
    world.bring_to(State.SUCCEEDED)
    with pytest.raises(JobFinished):
        world.store.succeed(JOB, 1, "worker-b", RESULT)


def test_a_submission_is_remembered_with_its_attempt(world: StoryTime) -> None:
    world.bring_to(State.DISPATCHED)
    world.store.record_submission(JOB, Backend(name="runpod", id="x-e1", attempt=1))
    assert world.store.lease(JOB, 1).backend == Backend(name="runpod", id="x-e1", attempt=1)
    assert world.get(f"jobs/{JOB}")["state"] == "dispatched"


def test_a_job_that_the_backend_still_has_is_kept(world: StoryTime) -> None:
    world.bring_to(State.DISPATCHED)
    world.wait(500)
    world.store.keep_dispatched(JOB, 1)
    assert world.store.find(JOB).lease_expires_at == seconds_from_now(world, POLICY.dispatch_lease)
    with pytest.raises(LeaseHeld):
        world.store.requeue_lapsed(JOB, 1)
    world.store.keep_dispatched(JOB, 1, waits=True)
    assert world.store.find(JOB).lease_expires_at == seconds_from_now(world, 500)  # as long again as it has waited
    world.store.keep_dispatched(JOB, 1, started=True)  # with a worker, it should be claimed at once
    assert world.store.find(JOB).lease_expires_at == seconds_from_now(world, POLICY.dispatch_lease)


def test_the_longer_a_job_waits_the_less_often_it_is_looked_at(world: StoryTime) -> None:
    world.bring_to(State.QUEUED)
    waited = 0.0
    looks = 0
    while waited < 6 * 3600:
        world.wait(max(POLICY.queue_lease, min(waited, POLICY.longest_lease)))
        waited = (world.now - START).total_seconds()
        assert world.store.requeue_lapsed(JOB, 1, waits=True).attempt == 1
        looks += 1
    assert looks < 30  # and not 180, one every two minutes


def test_what_nobody_has_in_a_queue_is_looked_at_as_often_as_ever(world: StoryTime) -> None:
    """Found by the benchmark of faults: a job that could not be submitted waited as long again after each failure."""
    world.bring_to(State.QUEUED)
    world.wait(3600)
    world.store.requeue_lapsed(JOB, 1)
    assert world.store.find(JOB).lease_expires_at == seconds_from_now(world, POLICY.queue_lease)
    world.store.lease(JOB, 1)
    world.wait(3600)
    world.store.keep_dispatched(JOB, 1)
    assert world.store.find(JOB).lease_expires_at == seconds_from_now(world, POLICY.dispatch_lease)


# ── what a running attempt shows ─────────────────────────────────────────────────────────────────────────────────────

HEARD = {"playlistKey": "stories/u1/s1/j/1/playlist.m3u8", "playlistUrl": "https://a.b/playlist.m3u8"}


def test_what_an_attempt_shows_stays_while_it_runs_and_when_it_is_well(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.store.report_progress(JOB, 1, WORKER, Progress(1, 3, "speaking"))
    assert not HEARD.keys() & world.get(REQUEST).keys()
    world.store.report_progress(JOB, 1, WORKER, Progress(1, 3, "speaking", HEARD))
    world.store.report_progress(JOB, 1, WORKER, Progress(2, 3, "speaking"))
    request = world.get(REQUEST)
    assert {**request, **HEARD} == request
    assert (request["status"], request["progress"]["done"]) == ("running", 2)
    world.store.succeed(JOB, 1, WORKER, RESULT)
    assert {**world.get(REQUEST), **HEARD} == world.get(REQUEST)


def _lapse(world: StoryTime) -> None:
    world.wait(1000)
    world.store.requeue_lapsed(JOB, 1)


def _take_back(world: StoryTime) -> None:
    _cancel(world)
    world.store.cancel(JOB)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda world: world.store.fail(JOB, 1, InvalidArgument("x"), WORKER), "failed"),
        (lambda world: world.store.fail(JOB, 1, Unavailable("x"), WORKER), "queued"),
        (_lapse, "queued"),
        (_take_back, "cancelled"),
    ],
)
def test_nobody_keeps_what_an_attempt_showed_that_ends_otherwise(
    world: StoryTime, end: Callable[[StoryTime], object], status: str
) -> None:
    world.bring_to(State.RUNNING)
    world.store.report_progress(JOB, 1, WORKER, Progress(1, 3, "speaking", HEARD))
    end(world)
    request = world.get(REQUEST)
    assert request["status"] == status
    assert not HEARD.keys() & request.keys()


# ── the user changes their mind at every step ────────────────────────────────────────────────────────────────────────


def _cancel(world: StoryTime) -> None:
    world.patch(REQUEST, status="cancelled")


def _delete(world: StoryTime) -> None:
    world.delete(REQUEST)


STEPS: dict[str, tuple[State, Callable[[Store], object], type[StoryvoiceError] | None]] = {
    "claim": (State.DISPATCHED, lambda s: s.claim(JOB, 1, WORKER), Cancelled),
    "progress": (State.RUNNING, lambda s: s.report_progress(JOB, 1, WORKER, Progress(1, 2, "x")), Cancelled),
    "succeed": (State.RUNNING, lambda s: s.succeed(JOB, 1, WORKER, RESULT), Cancelled),
    "fail": (State.RUNNING, lambda s: s.fail(JOB, 1, InvalidArgument("x"), WORKER), None),
    "fail for now": (State.RUNNING, lambda s: s.fail(JOB, 1, Unavailable("x"), WORKER), None),
    "refused": (State.DISPATCHED, lambda s: s.fail(JOB, 1, FailedPrecondition("x")), None),
    "lapsed dispatched": (State.DISPATCHED, lambda s: s.requeue_lapsed(JOB, 1), None),
    "lapsed running": (State.RUNNING, lambda s: s.requeue_lapsed(JOB, 1), None),
    "reconciled queued": (State.QUEUED, lambda s: s.cancel(JOB), None),
    "reconciled running": (State.RUNNING, lambda s: s.cancel(JOB), None),
}


@pytest.mark.parametrize("gone", [_cancel, _delete])
@pytest.mark.parametrize("step", STEPS)
def test_a_request_taken_back_is_cancelled_at_the_next_step(
    world: StoryTime, step: str, gone: Callable[[StoryTime], None]
) -> None:
    state, act, refusal = STEPS[step]
    world.bring_to(state)
    gone(world)
    world.wait(1000)
    if refusal:
        with pytest.raises(refusal):
            act(world.store)
    else:
        act(world.store)
    job = world.store.find(JOB)
    assert job.state is State.CANCELLED
    assert job.unpublished == ["cancelled.1"]
    request = world.read(REQUEST)
    if gone is _delete:
        assert request is None, "a deleted request does not come back"
    else:
        assert request is not None
        assert request["status"] == "cancelled"
        assert "jobActive" not in request
    assert "audioVersions" not in world.get(STORY)
    spent = 0 if state is not State.RUNNING else len(TEXT)
    assert world.get(QUOTA)["characters"] == spent
    assert world.get(QUOTA)["buckets"]["narrate"]["tokens"] == 4, "the call itself counts"


def test_a_cancelled_request_is_still_leased_and_ends_at_the_claim(world: StoryTime) -> None:
    """The functions need not read the request: the worker does."""
    world.bring_to(State.QUEUED)
    _cancel(world)
    assert world.store.lease(JOB, 1).state is State.DISPATCHED
    assert world.get(REQUEST)["status"] == "cancelled"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_too_late_to_cancel(world: StoryTime, state: State) -> None:
    world.bring_to(state)
    before = world.everything()
    with pytest.raises(JobFinished):
        world.store.cancel(JOB)
    assert world.everything() == before


# ── success ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_success_is_one_version_one_result_and_one_event(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.patch(STORY, audioVersions=[{"id": "older"}], audioError={"code": "internal"})
    world.wait(60)
    world.store.succeed(JOB, 1, WORKER, RESULT)
    job, request, story = world.get(f"jobs/{JOB}"), world.get(REQUEST), world.get(STORY)
    assert job["state"] == "succeeded"
    assert job["usage"] == {"characters": len(TEXT), "gpuSeconds": 4.5}
    assert job["unpublished"] == ["succeeded.1"]
    assert job["expireAt"] == world.now + timedelta(days=POLICY.kept_days)
    assert job["timeline"]["finishedAt"] == world.now
    assert "leaseExpiresAt" not in job
    assert (request["status"], request["audioKey"]) == ("ready", VERSION["audioKey"])
    assert "jobActive" not in request
    assert story["audioVersions"] == [{"id": "older"}, VERSION]
    assert (story["audioStatus"], story["audioUrl"]) == ("ready", VERSION["audioUrl"])
    assert "audioError" not in story

    before = world.everything()
    for _ in range(3):
        assert world.store.succeed(JOB, 1, WORKER, RESULT).state is State.SUCCEEDED
    assert world.everything() == before


def test_a_story_deleted_meanwhile_does_not_come_back(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.delete(STORY)
    world.store.succeed(JOB, 1, WORKER, RESULT)
    assert world.read(STORY) is None
    assert world.get(REQUEST)["status"] == "ready"


def test_a_version_that_is_there_already_is_replaced(world: StoryTime) -> None:
    """An administrator may have restored a story: the version's id is the job's, and there is one of it."""
    world.bring_to(State.RUNNING)
    world.patch(STORY, audioVersions=[{**VERSION, "audioKey": "old"}, {"id": "other"}])
    world.store.succeed(JOB, 1, WORKER, RESULT)
    assert world.get(STORY)["audioVersions"] == [{"id": "other"}, VERSION]


def test_without_a_public_url_the_story_keeps_the_one_it_has(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.patch(STORY, audioUrl="https://old")
    version = {key: value for key, value in VERSION.items() if key != "audioUrl"}
    world.store.succeed(JOB, 1, WORKER, Result(request={}, version=version))
    assert world.get(STORY)["audioUrl"] == "https://old"


# ── failure, retries, refunds ────────────────────────────────────────────────────────────────────────────────────────


def test_a_retryable_failure_waits_longer_each_time_until_the_limit(database: firestore.Client) -> None:
    world = StoryTime(database, Policy(max_attempts=3, retry_backoff=5))
    world.bring_to(State.QUEUED)
    waits = []
    for attempt in (1, 2):
        world.store.lease(JOB, attempt)
        world.store.claim(JOB, attempt, WORKER)
        again = world.store.fail(JOB, attempt, Unavailable("Busy."), WORKER)
        assert (again.state, again.attempt) == (State.QUEUED, attempt + 1)
        assert again.not_before is not None
        waits.append((again.not_before - world.now).total_seconds())
        stored = world.get(f"jobs/{JOB}")
        assert not {"worker", "backend"} & set(stored)
        assert stored["leaseExpiresAt"] == again.not_before + timedelta(seconds=POLICY.queue_lease)
        assert stored["error"]["code"] == "unavailable"
        assert world.get(REQUEST)["status"] == "queued"
    assert waits == [5, 10]
    world.store.lease(JOB, 3)
    world.store.claim(JOB, 3, WORKER)
    last = world.store.fail(JOB, 3, Unavailable("Busy."), WORKER)
    assert (last.state, last.attempt) == (State.FAILED, 3)
    assert world.get(REQUEST)["error"]["code"] == "unavailable"
    assert world.get(f"jobs/{JOB}")["unpublished"] == ["queued.2", "queued.3", "failed.3"]


def test_a_lapsed_lease_uses_an_attempt_up(database: firestore.Client) -> None:
    world = StoryTime(database, Policy(max_attempts=2))
    world.bring_to(State.RUNNING, attempt=2)
    world.wait(1000)
    assert world.store.requeue_lapsed(JOB, 2).state is State.FAILED
    assert world.get(REQUEST)["error"]["code"] == "deadline_exceeded"


def test_a_lapsed_queued_job_keeps_its_attempt(world: StoryTime) -> None:
    world.bring_to(State.QUEUED)
    world.wait(POLICY.queue_lease)
    assert world.store.requeue_lapsed(JOB, 1).attempt == 1
    before = world.everything()
    with pytest.raises(LeaseHeld):
        world.store.requeue_lapsed(JOB, 1)
    assert world.everything() == before


@pytest.mark.parametrize("state", [State.QUEUED, State.DISPATCHED, State.RUNNING])
def test_nobody_is_overdue_before_the_lease_is_over(world: StoryTime, state: State) -> None:
    world.bring_to(state)
    lease = world.store.find(JOB).lease_expires_at
    assert lease is not None
    world.now = lease - timedelta(microseconds=1)
    before = world.everything()
    with pytest.raises(LeaseHeld):
        world.store.requeue_lapsed(JOB, 1)
    assert world.everything() == before
    world.now = lease
    world.store.requeue_lapsed(JOB, 1)
    assert world.everything() != before


def test_the_fenced_out_worker_cannot_disturb_the_next(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.wait(1000)
    world.store.requeue_lapsed(JOB, 1)
    with pytest.raises(StaleAttempt):
        world.store.succeed(JOB, 1, WORKER, RESULT)
    world.store.lease(JOB, 2)
    world.store.claim(JOB, 2, "worker-b")
    with pytest.raises(StaleAttempt):
        world.store.report_progress(JOB, 1, WORKER, Progress(1, 1, "uploading"))
    world.store.succeed(JOB, 2, "worker-b", RESULT)
    with pytest.raises(JobFinished):
        world.store.succeed(JOB, 1, WORKER, RESULT)
    assert world.get(STORY)["audioVersions"] == [VERSION]
    assert world.get(f"jobs/{JOB}")["unpublished"] == ["queued.2", "succeeded.2"]


@pytest.mark.parametrize(
    ("error", "tokens", "characters"),
    [
        (Internal("A bug."), 5, 0),
        (Unavailable("Away."), 5, 0),
        (FailedPrecondition("No weights."), 5, 0),
        (InvalidArgument("Too quiet."), 4, len(TEXT)),
        (NotFound("No voice."), 4, len(TEXT)),
    ],
)
def test_what_is_our_fault_is_given_back(
    database: firestore.Client, error: StoryvoiceError, tokens: int, characters: int
) -> None:
    world = StoryTime(database, Policy(max_attempts=1))
    world.bring_to(State.RUNNING)
    for _ in range(2):
        assert world.store.fail(JOB, 1, error, WORKER).state is State.FAILED
    quota = world.get(QUOTA)
    assert (quota["buckets"]["narrate"]["tokens"], quota["characters"]) == (tokens, characters)


def test_characters_of_yesterday_are_not_given_back_today(database: firestore.Client) -> None:
    world = StoryTime(database, Policy(max_attempts=1))
    world.bring_to(State.RUNNING)
    world.wait(13 * 3600)
    world.request("audio_requests/r2")
    world.admit("audio_requests/r2")
    world.store.fail(JOB, 1, Internal("A bug."), WORKER)
    assert world.get(QUOTA)["characters"] == len(TEXT), "those of the second request"


def test_a_refund_finds_no_quota(world: StoryTime) -> None:
    world.bring_to(State.DISPATCHED)
    world.delete(QUOTA)
    world.store.cancel(JOB)
    assert world.read(QUOTA) is None


@pytest.mark.parametrize(("versions", "status"), [([], "failed"), ([{"id": "older"}], None)])
def test_a_failed_story_says_so_unless_it_can_be_heard(
    world: StoryTime, versions: list[Fields], status: str | None
) -> None:
    world.bring_to(State.RUNNING)
    world.patch(STORY, audioVersions=versions)
    world.store.fail(JOB, 1, InvalidArgument("Too quiet."), WORKER)
    story = world.get(STORY)
    assert story["audioError"] == {"code": "invalid_argument", "message": "Too quiet.", "retryable": False}
    assert story.get("audioStatus") == status
    assert story["audioVersions"] == versions


def test_failing_with_a_deleted_story(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.delete(STORY)
    assert world.store.fail(JOB, 1, InvalidArgument("x"), WORKER).state is State.FAILED
    assert world.read(STORY) is None


def test_the_pause_before_a_retry_doubles_up_to_five_minutes() -> None:
    policy = Policy(retry_backoff=5)
    assert [policy.retry_delay(n).total_seconds() for n in (2, 3, 4, 8, 9, 50)] == [5, 10, 20, 300, 300, 300]


def test_finding_what_is_not_there(world: StoryTime) -> None:
    with pytest.raises(NotFound):
        world.store.find("nothing")
    with pytest.raises(NotFound):
        world.store.cancel("nothing")


def test_a_claim_before_the_lease_is_a_conflict(world: StoryTime) -> None:
    world.bring_to(State.QUEUED)
    with pytest.raises(Conflict, match="cannot go from queued to running"):
        world.store.claim(JOB, 1, WORKER)


def _fill_up(world: StoryTime, path: str) -> None:
    """As large as the database allows, to 16 bytes."""
    fields = world.get(path)
    for spare in range(0, 2000, 16):
        try:
            return world.write(path, {**fields, "notes": "x" * 2**19, "drafts": "x" * (2**19 - spare)})
        except google_errors.InvalidArgument:
            continue
    pytest.fail("the document can be filled up only to 2 kB")


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_a_story_that_has_no_room_for_what_became_of_it(world: StoryTime, state: State) -> None:
    """A document holds 1 MiB. The request still ends as it should; the story stays as it is."""
    world.bring_to(State.RUNNING)
    _fill_up(world, STORY)

    if state is State.SUCCEEDED:
        assert world.store.succeed(JOB, 1, WORKER, RESULT).state is state
        assert world.get(REQUEST)["status"] == "ready"
        assert world.get(REQUEST)["audioKey"] == VERSION["audioKey"]
    else:
        error = FailedPrecondition(
            "The voice cannot be used any more, since its recording is gone; record it again. " * 3
        )
        assert world.store.fail(JOB, 1, error, WORKER).state is state
        assert world.get(REQUEST)["status"] == "failed"
    assert world.store.find(JOB).state is state
    assert "audioVersions" not in world.get(STORY)
