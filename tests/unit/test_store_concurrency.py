"""Many at once on a real Firestore: exactly one wins, and the documents agree with each other afterwards."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.cloud import firestore

from jobs.errors import Cancelled, Contention, JobFinished, LeaseHeld, StoryvoiceError
from jobs.model import Job, State
from tests.unit.story_time import JOB, REQUEST, RESULT, STORY, TEXT, USER, WORKER, StoryTime


@pytest.fixture
def world(database: firestore.Client) -> StoryTime:
    return StoryTime(database)


# The emulator settles a conflict by letting everybody wait for two seconds; with more than a few in flight at once a
# test would measure that, and not what is ours.
IN_FLIGHT = 3


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each returned or raised of our errors. The first few start together; who lost to Contention comes again, as
    the platform would have it."""
    barrier = threading.Barrier(min(IN_FLIGHT, len(calls)))
    starting = iter(range(barrier.parties))
    lock = threading.Lock()

    def run(call: Callable[[], Any]) -> Any:
        with lock:
            among_the_first = next(starting, None) is not None
        if among_the_first:
            barrier.wait()
        while True:
            try:
                return call()
            except Contention:
                continue
            except StoryvoiceError as error:
                return error

    with ThreadPoolExecutor(barrier.parties) as pool:
        return list(pool.map(run, calls))


def test_twenty_events_of_one_request_make_one_job_and_one_charge(world: StoryTime) -> None:
    world.request()
    jobs = at_once(*[world.admit] * 20)
    assert {job.id for job in jobs} == {JOB}
    assert len(list(world.database.collection("jobs").stream())) == 1
    quota = world.get(f"quotas/{USER}")
    assert (quota["characters"], quota["buckets"]["narrate"]["tokens"]) == (len(TEXT), 4)


def test_twenty_workers_claim_and_one_wins(world: StoryTime) -> None:
    world.bring_to(State.DISPATCHED)
    outcomes = at_once(*[lambda n=n: world.store.claim(JOB, 1, f"worker-{n}") for n in range(20)])
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"Job": 1, "LeaseHeld": 19}
    (winner,) = [outcome for outcome in outcomes if not isinstance(outcome, LeaseHeld)]
    assert world.get(f"jobs/{JOB}")["worker"] == winner.worker


def test_five_tokens_admit_five_of_ten_requests(world: StoryTime) -> None:
    paths = [world.request(f"audio_requests/r{n}") for n in range(10)]
    at_once(*[lambda path=path: world.store.admit(path, world.judge) for path in paths])
    statuses = Counter(world.get(path)["status"] for path in paths)
    assert statuses == {"queued": 5, "failed": 5}
    assert len(list(world.database.collection("jobs").stream())) == 5
    quota = world.get(f"quotas/{USER}")
    assert (quota["characters"], quota["buckets"]["narrate"]["tokens"]) == (5 * len(TEXT), 0)
    refused = [world.get(path)["error"] for path in paths if world.get(path)["status"] == "failed"]
    assert {(error["code"], error["retryAfterSeconds"]) for error in refused} == {("resource_exhausted", 12)}


def test_a_cancel_that_races_success_has_one_outcome(world: StoryTime) -> None:
    """The client's write, the reconciler's cancel and the worker's result, all in the same moment."""
    world.bring_to(State.RUNNING)

    def take_back() -> None:
        transaction = world.database.transaction(max_attempts=20)
        _cancel_as_rules_allow(transaction, world.database.document(REQUEST))

    succeeded, cancelled, _ = at_once(
        lambda: world.store.succeed(JOB, 1, WORKER, RESULT), lambda: world.store.cancel(JOB), take_back
    )
    state, request, story = world.store.find(JOB).state, world.get(REQUEST), world.get(STORY)
    if state is State.SUCCEEDED:
        assert succeeded.state is State.SUCCEEDED
        assert isinstance(cancelled, JobFinished)
        assert (request["status"], len(story["audioVersions"])) == ("ready", 1)
    else:
        assert state is State.CANCELLED
        assert isinstance(succeeded, Cancelled | JobFinished)
        assert request["status"] == "cancelled"
        assert "audioVersions" not in story
    assert world.get(f"jobs/{JOB}")["unpublished"] == [f"{state.value}.1"]


@firestore.transactional
def _cancel_as_rules_allow(transaction: firestore.Transaction, reference: firestore.DocumentReference) -> None:
    """firestore.rules refuse the write when the request is finished."""
    if reference.get(transaction=transaction).get("status") not in {"ready", "failed", "cancelled"}:
        transaction.update(reference, {"status": "cancelled"})


def test_twenty_results_of_one_worker_append_one_version(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    outcomes = at_once(*[lambda: world.store.succeed(JOB, 1, WORKER, RESULT)] * 20)
    assert {outcome.state for outcome in outcomes} == {State.SUCCEEDED}
    assert len(world.get(STORY)["audioVersions"]) == 1


def test_two_narrations_of_one_story_both_stay(world: StoryTime) -> None:
    world.story()
    ids = []
    for n in range(4):
        world.request(f"audio_requests/r{n}")
        job = world.admit(f"audio_requests/r{n}")
        world.store.lease(job.id, 1)
        world.store.claim(job.id, 1, WORKER)
        ids.append(job.id)

    def finish(job_id: str) -> object:
        assert RESULT.version is not None
        result = type(RESULT)(request={}, version={**RESULT.version, "id": job_id})
        return world.store.succeed(job_id, 1, WORKER, result)

    at_once(*[lambda job_id=job_id: finish(job_id) for job_id in ids])
    assert sorted(version["id"] for version in world.get(STORY)["audioVersions"]) == sorted(ids)


def test_narrations_of_one_story_that_one_worker_ends_do_not_meet(world: StoryTime) -> None:
    """The bug: a dozen at once waited for each other until the database gave up on most of them."""
    world.story()
    jobs = [world.admit(world.request(f"audio_requests/r{n}")) for n in range(5)]
    claimed = []
    for job in jobs:
        world.store.lease(job.id, 1)
        claimed.append(world.store.claim(job.id, 1, WORKER))

    def finish(job: Job) -> Job:
        assert RESULT.version is not None
        result = type(RESULT)(request={}, version={**RESULT.version, "id": job.id})
        return world.store.succeed(job.id, 1, WORKER, result, claimed=job)

    tries = len(claimed)
    with ThreadPoolExecutor(tries) as pool, counting_tries(world.database) as begun:
        assert {job.state for job in pool.map(finish, claimed)} == {State.SUCCEEDED}
    assert begun() == tries, "each at its first try"
    assert len(world.get(STORY)["audioVersions"]) == tries


@contextlib.contextmanager
def counting_tries(database: firestore.Client) -> Iterator[Callable[[], int]]:
    """How many transactions were begun in here."""
    begin, count = database.transaction, itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "transaction", lambda **options: (next(count), begin(**options))[1])
        yield lambda: next(count)


def test_a_lapsed_lease_that_races_success(world: StoryTime) -> None:
    world.bring_to(State.RUNNING)
    world.wait(1000)
    at_once(
        lambda: world.store.succeed(JOB, 1, WORKER, RESULT),
        *[lambda: world.store.requeue_lapsed(JOB, 1)] * 5,
    )
    job, request = world.store.find(JOB), world.get(REQUEST)
    assert (job.state, job.attempt, request["status"]) in {
        (State.SUCCEEDED, 1, "ready"),
        (State.QUEUED, 2, "queued"),
    }
