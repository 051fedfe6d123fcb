"""Every order of events that two workers, two requests, two users and a clock can bring about, on a real Firestore.

The same call goes to the store and to tests/unit/store_model.py. After every step both have answered alike, or refused
with the same error, and hold the same documents; and the rules of the design that can be seen in documents hold.
"""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.cloud import firestore
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jobs import keys, quotas
from jobs.errors import Cancelled, InvalidArgument, ResourceExhausted, StoryvoiceError, Unavailable
from jobs.model import Backend, Kind, State
from jobs.quotas import Limit
from jobs.store import NewJob, Progress, Read, Result, Store
from jobs.transition import Policy
from tests.unit.store_model import ENDED, UNFINISHED, StoreModel
from tests.unit.story_time import JOB, REQUEST, RESULT, STORY, TEXT, VERSION, WORKER, Fields, StoryTime

POLICY = Policy(max_attempts=2, retry_backoff=15)
REQUESTS = ("audio_requests/r1", "audio_requests/r2")
JOBS = {path: keys.job_id(path) for path in REQUESTS}
USERS = ("u1", "u2")
PATHS = (*REQUESTS, *(f"jobs/{job}" for job in JOBS.values()), *(f"quotas/{user}" for user in USERS), STORY)

# Most of what happens is about the first request and by the worker, for the attempt, of the moment; a uniform choice
# would be refused nearly always.
paths = st.sampled_from((REQUESTS[0], *REQUESTS))
workers = st.sampled_from(("worker-a", "worker-a", "worker-b"))
lateness = st.sampled_from((0, 0, 0, 0, 1, -1))
errors = st.sampled_from((InvalidArgument("Too quiet."), Unavailable("Busy."), Unavailable("Away.")))
# Within a lease, over it; to the next day, when the characters are renewed. Multiples of 15 s fill
# a bucket by numbers that a float holds exactly.
moves = st.sampled_from((15, 45, 60, 60, 120, 180, 13 * 3600))
limits = st.builds(Limit, st.just("narrate"), st.sampled_from((1, 4)), st.sampled_from((2 * len(TEXT) - 1, 1000)))


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, database: firestore.Client) -> None:
        super().__init__()
        self.world = StoryTime(database, POLICY)
        batch = database.batch()
        for path in PATHS:
            batch.delete(database.document(path))
        batch.commit()

    @initialize(limit=limits, reached=st.integers(0, 4))
    def begin(self, limit: Limit, reached: int) -> None:
        """In most runs the first request is already admitted, leased, claimed or told: most can happen from there."""
        self.model = StoreModel(POLICY, limit)
        self.before: dict[str, Fields] = {}
        self.at_client(lambda documents: documents.update({STORY: {"userId": "u1", "text": TEXT}}))
        for path in REQUESTS:
            self.create(path, "u1")
        if reached >= 1:
            self.admit(REQUESTS[0])
        if reached >= 2:
            self.lease(REQUESTS[0], 0)
        if reached >= 3:
            self.claim(REQUESTS[0], 0, "worker-a")
        if reached >= 4:
            self.succeed(REQUESTS[0], 0, "worker-a")

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(path=paths)
    def take_back(self, path: str) -> None:
        if self.model.documents.get(path, {"status": "ready"})["status"] not in ENDED:
            self.at_client(lambda documents: documents[path].update(status="cancelled"))

    @rule(path=paths, again=st.sampled_from((None, "u1", "u1", "u2")))
    def delete(self, path: str, again: str | None) -> None:
        """And write it again: the same user, or another who hit on the same id."""
        self.at_client(lambda documents: documents.pop(path, None))
        if again:
            self.create(path, again)

    # ── the functions ────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(path=paths)
    def admit(self, path: str) -> None:
        def judge(request: Fields, read: Read) -> NewJob:
            user = request["userId"]
            after, charge = quotas.charge(read(f"quotas/{user}"), self.model.limit, len(TEXT), self.world.now)
            return NewJob(Kind.NARRATE, user, {"storyId": request["storyId"], "text": TEXT}, charge, after)

        self.both(lambda: self.world.store.admit(path, judge), lambda: self.model.admit(path))

    @rule(path=paths, late=lateness)
    def lease(self, path: str, late: int) -> None:
        self.each(path, late, lambda store, *of: store.lease(*of))

    @rule(path=paths, late=lateness)
    def record_submission(self, path: str, late: int) -> None:
        if f"jobs/{JOBS[path]}" in self.model.documents:  # dispatch has just leased it
            self.each(path, late, lambda store, job, n: store.record_submission(job, Backend("runpod", f"e{n}", n)))

    @rule(path=paths, late=lateness, started=st.booleans())
    def keep_dispatched(self, path: str, late: int, *, started: bool) -> None:
        self.each(path, late, lambda store, *of: store.keep_dispatched(*of, started=started))

    @rule(path=paths, late=lateness, error=errors)
    def backend_fails(self, path: str, late: int, error: StoryvoiceError) -> None:
        self.each(path, late, lambda store, *of: store.fail(*of, error))

    @rule(path=paths)
    def cancel(self, path: str) -> None:
        self.each(path, 0, lambda store, job, _: store.cancel(job))

    @rule(path=paths, late=lateness)
    def requeue_lapsed(self, path: str, late: int) -> None:
        self.each(path, late, lambda store, *of: store.requeue_lapsed(*of))

    @rule(path=paths)
    def lease_lapses(self, path: str) -> None:
        """At the very second."""
        lease = self.model.documents.get(f"jobs/{JOBS[path]}", {}).get("leaseExpiresAt", self.world.now)
        self.wait(max(0, (lease - self.world.now).total_seconds()))
        self.requeue_lapsed(path, 0)

    # ── the workers ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(path=paths, late=lateness, worker=workers)
    def claim(self, path: str, late: int, worker: str) -> None:
        self.each(path, late, lambda store, *of: store.claim(*of, worker))

    @rule(path=paths, late=lateness, worker=workers)
    def dispatch_and_claim(self, path: str, late: int, worker: str) -> None:
        """Three steps in one, so that a run gets far."""
        self.admit(path)
        self.lease(path, 0)
        self.claim(path, late, worker)

    @rule(path=paths, late=lateness, worker=workers, done=st.integers(0, 2))
    def report_progress(self, path: str, late: int, worker: str, done: int) -> None:
        progress = Progress(done, 2, "speaking")
        self.each(path, late, lambda store, *of: store.report_progress(*of, worker, progress))

    @rule(path=paths, late=lateness, worker=workers)
    def succeed(self, path: str, late: int, worker: str) -> None:
        version = {**VERSION, "id": JOBS[path], "audioKey": f"{worker}/{self.attempt(path, late)}"}
        result = Result({"audioKey": version["audioKey"]}, version, {"gpuSeconds": 4.5})
        self.each(path, late, lambda store, *of: store.succeed(*of, worker, result))

    @rule(path=paths, late=lateness, worker=workers, error=errors)
    def fail(self, path: str, late: int, worker: str, error: StoryvoiceError) -> None:
        self.each(path, late, lambda store, *of: store.fail(*of, error, worker))

    @rule(seconds=moves)
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.model.now += timedelta(seconds=seconds)

    # ── what holds after every step ──────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_documents_are_those_of_the_model(self) -> None:
        assert self.stored() == self.model.documents

    @invariant()
    def the_rules_of_the_design_hold(self) -> None:
        documents = self.model.documents  # which is what is stored, as has just been seen
        for job in (documents[f"jobs/{job}"] for job in JOBS.values() if f"jobs/{job}" in documents):
            open_ = job["state"] in UNFINISHED
            assert ("leaseExpiresAt" in job) is open_
            history = [f"queued.{attempt}" for attempt in range(2, job["attempt"] + 1)]
            assert job["unpublished"] == history + ([] if open_ else [f"{job['state']}.{job['attempt']}"])
        told = Counter(version["id"] for version in documents.get(STORY, {}).get("audioVersions", []))
        assert told == {job: 1 for job in JOBS.values() if documents.get(f"jobs/{job}", {}).get("state") == "succeeded"}
        for user in USERS:
            quota = documents.get(f"quotas/{user}")
            assert quota is None or quota["characters"] == self.charged(user, quota["day"])

    @invariant()
    def what_is_over_stays_over(self) -> None:
        before, self.before = self.before, copy.deepcopy(self.model.documents)
        for path, old in before.items():
            new = self.model.documents.get(path)
            if path in REQUESTS and old["status"] in ENDED and new is not None and new.get("status") != "pending":
                assert new["status"] == old["status"]
                assert new.get("audioKey") == old.get("audioKey")
            if path.startswith("jobs/"):
                assert new is not None
                assert new["attempt"] >= old["attempt"]
                assert old["state"] in UNFINISHED or lasting(new) == lasting(old)

    # ── how it is done ───────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, path: str, late: int) -> int:
        """That of the job at the moment, or an older one (late is 1), or one that is not there yet (-1)."""
        attempt: int = self.model.documents.get(f"jobs/{JOBS[path]}", {"attempt": 1})["attempt"]
        return attempt - late

    def create(self, path: str, user: str) -> None:
        fields = {"userId": user, "storyId": "s1", "status": "pending"}
        self.at_client(lambda documents: documents.update({path: fields}))

    def each(self, path: str, late: int, call: Callable[[Any, str, int], Any]) -> None:
        """`call(store or model, job id, attempt)` on both."""
        job, attempt = JOBS[path], self.attempt(path, late)
        self.both(lambda: call(self.world.store, job, attempt), lambda: call(self.model, job, attempt))

    def both(self, stored: Callable[[], Any], modelled: Callable[[], Any]) -> None:
        expected = outcome(modelled)
        assert outcome(stored) == expected

    def at_client(self, write: Callable[[dict[str, Fields]], object]) -> None:
        """Write to the model's documents, and whatever that changed to the database."""
        before = copy.deepcopy(self.model.documents)
        write(self.model.documents)
        for path in PATHS:
            old, new = before.get(path), self.model.documents.get(path)
            if old is not None and new is None:
                self.world.delete(path)
            elif old is None and new is not None:
                self.world.write(path, new)
            elif old is not None and new is not None and old != new:
                self.world.patch(path, **{name: value for name, value in new.items() if old.get(name) != value})

    def stored(self) -> dict[str, Fields]:
        database = self.world.database
        snapshots = database.get_all([database.document(path) for path in PATHS])
        return {
            snapshot.reference.path: as_modelled(snapshot.to_dict() or {}) for snapshot in snapshots if snapshot.exists
        }

    def charged(self, user: str, day: str) -> int:
        """The characters of the user's jobs of that day which were not given back."""
        return sum(
            len(TEXT)
            for job in (self.model.documents.get(f"jobs/{job}") for job in JOBS.values())
            if job and (job["userId"], job["charge"]["day"]) == (user, day) and not given_back(job)
        )


def lasting(job: Fields) -> Fields:
    """A job without what `record_submission` writes, blindly and however late."""
    timeline = {name: at for name, at in job["timeline"].items() if name != "submittedAt"}
    return {**job, "backend": None, "timeline": timeline}


def given_back(job: Fields) -> bool:
    """Failed by a fault of ours, or cancelled while no worker had it."""
    if job["state"] == "failed":
        return bool(job["error"] != "invalid_argument")
    return bool(job["state"] == "cancelled" and "worker" not in job)


def outcome(call: Callable[[], Any]) -> object:
    try:
        answer = call()
    except StoryvoiceError as error:
        return type(error)
    fields: Fields | None = answer.to_document() if hasattr(answer, "to_document") else answer
    return fields and (fields["state"], fields["attempt"])


def as_modelled(document: Fields) -> Fields:
    document.pop("updatedAt", None)
    for name in ("error", "audioError"):
        if name in document:
            document[name] = document[name]["code"]
    return document


# Long enough to shrink what fails: without, a failure would be a hundred steps long.
@pytest.mark.timeout(900)
def test_the_store_does_what_the_model_does(database: firestore.Client) -> None:
    class OnTheEmulator(StoreMachine):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        OnTheEmulator,
        settings=settings(
            max_examples=60,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("again", ["u1", "u2"])
@pytest.mark.parametrize("step", ["report_progress", "succeed", "fail", "cancel"])
def test_a_request_written_again_and_refused_stays_refused(database: firestore.Client, step: str, again: str) -> None:
    """What the machine has found: the job of the deleted request went on to write into the one that took its id, over
    its `failed`, and gave what it had made to whoever that was."""
    world = StoryTime(database)
    world.bring_to(State.RUNNING)
    world.delete(REQUEST)
    world.request(userId=again)

    def over_quota(_fields: Fields, _read: Read) -> NewJob:
        raise ResourceExhausted("Later.", 60)

    world.store.admit(REQUEST, over_quota if again == "u1" else world.judge)
    before = world.get(REQUEST)
    with contextlib.suppress(Cancelled):
        _STEPS[step](world.store)
    assert world.get(REQUEST) == before
    assert world.store.find(JOB).state is State.CANCELLED


_STEPS: dict[str, Callable[[Store], object]] = {
    "report_progress": lambda store: store.report_progress(JOB, 1, WORKER, Progress(1, 2, "speaking")),
    "succeed": lambda store: store.succeed(JOB, 1, WORKER, RESULT),
    "fail": lambda store: store.fail(JOB, 1, Unavailable("Busy."), WORKER),
    "cancel": lambda store: store.cancel(JOB),
}
