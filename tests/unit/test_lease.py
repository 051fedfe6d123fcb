"""A job that is handed back because its worker has to go, while the engine is busy with a piece."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from google.cloud import firestore

from gpu_job import tasks
from gpu_job.engines.protocol import Engine
from gpu_job.storage import Bucket
from gpu_job.tasks import Output
from gpu_job.tools import Tools
from gpu_job.worker import Worker
from jobs.errors import Unavailable
from jobs.model import Job, Kind, State
from jobs.outbox import Outbox
from tests.cloud import until
from tests.unit.functions_world import Topic
from tests.unit.story_time import JOB, StoryTime


class KeysOnly:
    """A bucket of which only what was deleted matters."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, key: str) -> None:
        self.deleted.append(key)


class Held:
    """A worker at its job, in the middle of a piece."""

    def __init__(self, database: firestore.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = StoryTime(database)
        self.world.bring_to(State.DISPATCHED)
        self.topic, self.bucket = Topic(), KeysOnly()
        outbox = Outbox(database)
        outbox._publisher = cast(Any, self.topic)
        self._worker = Worker(self.world.store, outbox, cast(Bucket, self.bucket), cast(Engine, None))
        self._begun, self.spoken, self.stop = threading.Event(), threading.Event(), threading.Event()
        monkeypatch.setitem(tasks.TASKS, Kind.NARRATE, self._tell)
        self._run = ThreadPoolExecutor().submit(self._worker.run, JOB, 1, self.stop)
        assert self._begun.wait(10)

    def _tell(self, job: Job, tools: Tools) -> Output:
        tools.uploaded.append("stories/u1/s1/j/1/playlist.m3u8")
        self._begun.set()
        assert self.spoken.wait(20)
        tools.lease.check()
        return Output(request={})

    def until(self, true: Callable[[Job], bool], what: str) -> None:
        until(lambda: true(self.world.store.find(JOB)), what, seconds=10)

    def outcome(self) -> str:
        """The engine has spoken its piece; how the run ends."""
        self.spoken.set()
        return self._run.result(10)


@pytest.fixture
def held(database: firestore.Client, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(database, monkeypatch)


def test_the_next_attempt_begins_before_the_piece_is_spoken(held: Held) -> None:
    held.stop.set()

    held.until(lambda job: (job.state, job.attempt) == (State.QUEUED, 2), "the job to be handed back")
    until(held.topic.told, "the event", seconds=10)

    assert held.topic.told() == ["queued.2"]
    assert not held.bucket.deleted
    assert held.outcome() == "stopped"
    assert held.bucket.deleted == ["stories/u1/s1/j/1/playlist.m3u8"]
    assert held.world.store.find(JOB).attempt == 2


def test_what_was_taken_back_stays_so(held: Held) -> None:
    """As on RunPod, where the user's cancellation is what stops the job."""
    held.world.store.cancel(JOB)
    held.stop.set()

    assert held.outcome() == "stopped"
    assert (held.world.store.find(JOB).state, held.topic.told()) == (State.CANCELLED, [])


def test_a_store_that_does_not_answer_is_asked_again(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    fail, refusals = held.world.store.fail, [Unavailable("The database cannot be reached at the moment.")]

    def failing(*arguments: Any) -> Job:
        if refusals:
            raise refusals.pop()
        return fail(*arguments)

    monkeypatch.setattr(held.world.store, "fail", failing)
    held.stop.set()

    held.until(lambda job: job.attempt == 2, "the job to be handed back")
    assert (refusals, held.outcome()) == ([], "stopped")
