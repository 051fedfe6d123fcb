"""The store's transitions through a Firestore that misbehaves: answers of commits get lost, others abort, calls do not
get through. Each transition has its effect exactly once, whatever it tells its caller.

    store ── commit ──▶ proxy ──▶ emulator: done
          ◀── UNAVAILABLE ─┘          the store tries again, and finds its own work
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import firestore

from jobs.errors import (
    Cancelled,
    InvalidArgument,
    JobFinished,
    LeaseHeld,
    StaleAttempt,
    StoryvoiceError,
    Unavailable,
)
from jobs.model import Backend, State
from jobs.store import NewJob, Progress, Read, Store
from localcloud.clock import Clock
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.faults import Faults
from localcloud.firestore_proxy import FirestoreProxy
from tests.unit.loop_thread import LoopThread
from tests.unit.story_time import JOB, REQUEST, RESULT, WORKER, Fields, StoryTime


class Through:
    """A store that speaks through a proxy, to whatever database `database` is."""

    def __init__(self, loop: LoopThread, emulator: FirestoreEmulator, patch: pytest.MonkeyPatch) -> None:
        self._loop = loop
        self._faults = Faults()
        self._proxy = FirestoreProxy(emulator.address, Clock(), self._faults)
        loop.run(self._proxy.start())
        with patch.context() as during:
            during.setenv("FIRESTORE_EMULATOR_HOST", self._proxy.host)
            self.client: Any = firestore.Client(project="demo-lost")

    def strike(self, faults: str) -> None:
        self._loop.call(self._faults.counts.clear)
        self._loop.call(self._faults.set, faults)

    @property
    def struck(self) -> int:
        return self._faults.counts.total()

    def close(self) -> None:
        self.client.close()
        self._loop.run(self._proxy.stop())


@pytest.fixture(scope="module")
def through(loop: LoopThread, firestore_emulator: FirestoreEmulator) -> Iterator[Through]:
    opened = Through(loop, firestore_emulator, pytest.MonkeyPatch())
    yield opened
    opened.close()


@pytest.fixture
def world(through: Through) -> Iterator[StoryTime]:
    """Told through the proxy from the first line on; an empty database."""
    through.strike("")
    world = StoryTime(through.client)
    for path in world.everything():
        world.delete(path)
    yield world
    through.strike("")


def refuse(_fields: Fields, _read: Read) -> NewJob:
    raise InvalidArgument("`language` must be one of en.")


# What is done, from which state, and what a repetition says that finds it done: None if it answers as the first did.
Act = Callable[[StoryTime, Store], object]
STEPS: dict[str, tuple[State | None, Act, type[StoryvoiceError] | None]] = {
    "admit": (None, lambda world, store: store.admit(REQUEST, world.judge), None),
    "refuse": (None, lambda _, store: store.admit(REQUEST, refuse), None),
    "lease": (State.QUEUED, lambda _, store: store.lease(JOB, 1), None),
    "submitted": (State.DISPATCHED, lambda _, store: store.record_submission(JOB, Backend("runpod", "e1", 1)), None),
    "keep": (State.DISPATCHED, lambda _, store: store.keep_dispatched(JOB, 1, started=True), None),
    "claim": (State.DISPATCHED, lambda _, store: store.claim(JOB, 1, WORKER), None),
    "progress": (State.RUNNING, lambda _, store: store.report_progress(JOB, 1, WORKER, Progress(1, 2, "x")), None),
    "succeed": (State.RUNNING, lambda _, store: store.succeed(JOB, 1, WORKER, RESULT), None),
    "fail": (State.RUNNING, lambda _, store: store.fail(JOB, 1, InvalidArgument("x"), WORKER), None),
    "fail for now": (State.RUNNING, lambda _, store: store.fail(JOB, 1, Unavailable("x"), WORKER), StaleAttempt),
    "backend fails": (State.DISPATCHED, lambda _, store: store.fail(JOB, 1, Unavailable("x")), StaleAttempt),
    "cancel": (State.DISPATCHED, lambda _, store: store.cancel(JOB), None),
    "lapse queued": (State.QUEUED, lambda _, store: store.requeue_lapsed(JOB, 1), LeaseHeld),
    "lapse running": (State.RUNNING, lambda _, store: store.requeue_lapsed(JOB, 1), StaleAttempt),
}


def prepare(world: StoryTime, state: State | None) -> None:
    if state is None:
        world.story()
        world.request()
    else:
        world.bring_to(state)
    world.wait(1000)


def outcome(act: Act, world: StoryTime) -> object:
    try:
        answer = act(world, world.store)
    except StoryvoiceError as error:
        return type(error)
    return getattr(answer, "state", None)


def undisturbed(step: str, database: firestore.Client) -> tuple[object, dict[str, Fields]]:
    """What the step answers and leaves behind when nothing goes wrong."""
    calm = StoryTime(database)
    state, act, _ = STEPS[step]
    prepare(calm, state)
    return outcome(act, calm), calm.everything()


@pytest.mark.parametrize("step", STEPS)
def test_a_commit_whose_answer_is_lost_is_done_once(
    world: StoryTime, through: Through, database: firestore.Client, step: str
) -> None:
    state, act, repeated = STEPS[step]
    answer, expected = undisturbed(step, database)
    prepare(world, state)
    through.strike("firestore.Commit:reset x1")
    found = outcome(act, world)
    assert through.struck == 1
    assert found == (repeated or answer)
    assert world.everything() == expected


@pytest.mark.parametrize("step", [step for step in STEPS if step != "submitted"])
def test_what_was_not_done_is_done_by_the_next_try(
    world: StoryTime, through: Through, database: firestore.Client, step: str
) -> None:
    state, act, _ = STEPS[step]
    answer, expected = undisturbed(step, database)
    prepare(world, state)
    through.strike(
        "firestore.BatchGetDocuments:409 x1, firestore.BatchGetDocuments:503 x1, "
        "firestore.Commit:409 x1, firestore.Commit:503 x1"
    )
    assert outcome(act, world) == answer
    assert through.struck == 4
    assert world.everything() == expected


def test_a_submission_that_is_not_written_is_told(world: StoryTime, through: Through) -> None:
    """It is one write and no transaction: whoever hears Unavailable writes it again."""
    world.bring_to(State.DISPATCHED)
    backend = Backend("runpod", "e1", 1)
    through.strike("firestore.Commit:409 x1")
    with pytest.raises(Unavailable):
        world.store.record_submission(JOB, backend)
    assert world.store.find(JOB).backend is None
    world.store.record_submission(JOB, backend)
    assert world.store.find(JOB).backend == backend


@pytest.mark.parametrize("state", [State.DISPATCHED, State.RUNNING])
def test_a_cancellation_whose_answer_is_lost_gives_back_once(world: StoryTime, through: Through, state: State) -> None:
    """The worker that finds the request cancelled hears JobFinished: either way it stops."""
    world.bring_to(state)
    world.patch(REQUEST, status="cancelled")
    through.strike("firestore.Commit:reset x1")
    act = STEPS["claim" if state is State.DISPATCHED else "progress"][1]
    with pytest.raises((Cancelled, JobFinished)):
        act(world, world.store)
    through.strike("")
    after = world.everything()
    assert after[f"jobs/{JOB}"]["unpublished"] == ["cancelled.1"]
    assert after["quotas/u1"]["characters"] == (0 if state is State.DISPATCHED else 17)


def test_a_whole_story_through_a_database_that_often_fails(world: StoryTime, through: Through) -> None:
    """Everybody who is refused or not answered comes again, as queues and reconcilers do; the job is told once."""
    world.story()
    world.request()
    through.strike(
        "firestore.Commit:reset@0.3, firestore.Commit:409@0.2, firestore.Commit:503@0.1, "
        "firestore.BatchGetDocuments:409@0.1, firestore.BatchGetDocuments:503@0.1"
    )
    store = world.store
    steps: tuple[Callable[[], object], ...] = (
        lambda: store.admit(REQUEST, world.judge),
        lambda: store.lease(JOB, 1),
        lambda: store.claim(JOB, 1, "worker-b"),
        lambda: store.fail(JOB, 1, Unavailable("Busy."), "worker-b"),
        lambda: store.lease(JOB, 2),
        lambda: store.claim(JOB, 2, WORKER),
        lambda: store.report_progress(JOB, 2, WORKER, Progress(1, 2, "speaking")),
        lambda: store.succeed(JOB, 2, WORKER, RESULT),
        lambda: store.cancel(JOB),
    )
    for step in steps:
        for _ in range(2):
            try:
                step()
            except (StaleAttempt, JobFinished):
                continue
    assert through.struck > 5
    through.strike("")
    after = world.everything()
    assert (after[f"jobs/{JOB}"]["state"], after[REQUEST]["status"]) == ("succeeded", "ready")
    assert after[f"jobs/{JOB}"]["unpublished"] == ["queued.2", "succeeded.2"]
    assert len(after["stories/s1"]["audioVersions"]) == 1
    assert (after["quotas/u1"]["characters"], after["quotas/u1"]["buckets"]["narrate"]["tokens"]) == (17, 4)
