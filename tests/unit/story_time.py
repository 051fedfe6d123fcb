"""One user, one voice, one story in a database, a store on it, and a clock that a test moves by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import firestore

from jobs import keys, quotas
from jobs.errors import InvalidArgument
from jobs.model import Charge, Job, Kind, State
from jobs.quotas import Limit
from jobs.store import NewJob, Read, Result, Store
from jobs.transition import Policy

Fields = dict[str, Any]
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REQUEST = "audio_requests/r1"
STORY = "stories/s1"
USER = "u1"
TEXT = "Once upon a time."
LIMIT = Limit("narrate", per_minute=5, characters_per_day=1000)
WORKER = "worker-a"
JOB = keys.job_id(REQUEST)
VERSION: Fields = {"id": JOB, "voiceId": "v1", "audioKey": "stories/u1/s1/j/1/audio.mp3", "audioUrl": "https://a.b/c"}
RESULT = Result(request={"audioKey": VERSION["audioKey"]}, version=VERSION, usage={"gpuSeconds": 4.5})


class StoryTime:
    def __init__(self, database: firestore.Client, policy: Policy | None = None) -> None:
        self.database = database
        self.now = START
        self.store = Store(database, policy or Policy(), clock=lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, path: str) -> Fields | None:
        found: Fields | None = self.database.document(path).get().to_dict()
        return found

    def get(self, path: str) -> Fields:
        found = self.read(path)
        assert found is not None, path
        return found

    def write(self, path: str, fields: Mapping[str, Any]) -> None:
        self.database.document(path).set(dict(fields))

    def patch(self, path: str, **fields: Any) -> None:
        self.database.document(path).update(fields)

    def delete(self, path: str) -> None:
        self.database.document(path).delete()

    def everything(self) -> dict[str, Fields]:
        """Every document, without the server's own timestamps: to see that something changed nothing."""
        found = {}
        for collection in self.database.collections():
            for snapshot in collection.stream():
                fields = snapshot.to_dict() or {}
                fields.pop("updatedAt", None)
                found[snapshot.reference.path] = fields
        return found

    def request(self, path: str = REQUEST, **fields: Any) -> str:
        shape = {
            "userId": USER,
            "storyId": "s1",
            "voiceId": "v1",
            "language": "en",
            "status": "pending",
            "createdAt": self.now,
        }
        self.write(path, {**shape, **fields})
        return path

    def story(self, **fields: Any) -> None:
        self.write(STORY, {"userId": USER, "title": "A bear", "text": TEXT, "language": "en", **fields})

    def voice(self, **fields: Any) -> None:
        key = "voices/u1/v1/j/1/profile.safetensors"
        self.write("voice_profiles/v1", {"userId": USER, "name": "Mum", "status": "ready", "profileKey": key, **fields})

    # ── the way of a job ─────────────────────────────────────────────────────────────────────────────────────────────

    def judge(self, fields: Fields, read: Read) -> NewJob:
        """Admission as the functions do it, cut down to what the store needs."""
        user = fields["userId"]
        after, charge = quotas.charge(read(f"quotas/{user}"), LIMIT, len(TEXT), self.now)
        return NewJob(Kind.NARRATE, user, {"storyId": fields["storyId"], "text": TEXT}, charge, after)

    def admit(self, path: str = REQUEST) -> Job:
        job = self.store.admit(path, self.judge)
        assert job is not None
        return job

    def bring_to(self, state: State, *, attempt: int = 1) -> None:
        """A job of REQUEST in this state, by the store's own transitions."""
        self.story()
        self.request()
        self.admit()
        for passed in range(1, attempt):
            self.store.lease(JOB, passed)
            self.wait(1000)
            self.store.requeue_lapsed(JOB, passed)
        _WAYS[state](self.store, attempt)


def _claim(store: Store, attempt: int) -> None:
    store.lease(JOB, attempt)
    store.claim(JOB, attempt, WORKER)


def _succeed(store: Store, attempt: int) -> None:
    _claim(store, attempt)
    store.succeed(JOB, attempt, WORKER, RESULT)


def _fail(store: Store, attempt: int) -> None:
    _claim(store, attempt)
    store.fail(JOB, attempt, InvalidArgument("The recording cannot be used."), WORKER)


_WAYS: dict[State, Callable[[Store, int], object]] = {
    State.QUEUED: lambda _store, _attempt: None,
    State.DISPATCHED: lambda store, attempt: store.lease(JOB, attempt),
    State.RUNNING: _claim,
    State.SUCCEEDED: _succeed,
    State.FAILED: _fail,
    State.CANCELLED: lambda store, _attempt: store.cancel(JOB),
}


def a_job(**changes: Any) -> Job:
    """A job as a value, for what needs no database."""
    fields: Fields = {
        "id": "job1",
        "kind": Kind.NARRATE,
        "request_path": REQUEST,
        "user_id": USER,
        "state": State.QUEUED,
        "attempt": 1,
        "charge": Charge(action="narrate", characters=17, day="2026-11-22"),
    }
    return Job(**{**fields, **changes})
