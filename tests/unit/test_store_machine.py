"""Every order of events that two workers, two requests, two users and a clock can bring about, on a real Firestore.

The same call goes to the store and to tests/unit/store_model.py. After every step both have answered alike, or refused
with the same error, and hold the same documents; and the rules of the design that can be seen in documents hold.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from google.cloud import firestore
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jobs import keys, quotas
from jobs.errors import InvalidArgument, StoryvoiceError, Unavailable
from jobs.model import Backend, Kind
from jobs.quotas import Limit
from jobs.store import NewJob, Progress, Read, Result
from jobs.transition import Policy
from tests.unit.store_model import ENDED, UNFINISHED, StoreModel
from tests.unit.story_time import STORY, TEXT, VERSION, Fields, StoryTime

POLICY = Policy(max_attempts=3)
REQUESTS = ("audio_requests/r1", "audio_requests/r2")
JOBS = {path: keys.job_id(path) for path in REQUESTS}
USERS = ("u1", "u2")
PATHS = (*REQUESTS, *(f"jobs/{job}" for job in JOBS.values()), *(f"quotas/{user}" for user in USERS), STORY)

# Most of what happens is about the first request and by the worker, for the attempt, of the moment; a uniform choice
# would be refused nearly always.
paths = st.sampled_from((REQUESTS[0], *REQUESTS))
users = st.sampled_from(("u1", "u1", "u1", "u2"))
workers = st.sampled_from(("worker-a", "worker-a", "worker-b"))
lateness = st.sampled_from((0, 0, 0, 0, 1, -1))
errors = st.sampled_from((InvalidArgument("Too quiet."), Unavailable("Busy."), Unavailable("Away.")))
# Up to a lease, to its last second, over it; to the next day, when the characters are renewed. Multiples of 15 s fill
# a bucket by numbers that a float holds exactly.
moves = st.sampled_from((15, 45, 60, 60, 120, 180, 13 * 3600))
limits = st.builds(Limit, st.just("narrate"), st.sampled_from((1, 4)), st.sampled_from((2 * len(TEXT) - 1, 1000)))


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, database: firestore.Client) -> None:
        super().__init__()
        self.world = StoryTime(database, POLICY)
        for path in PATHS:
            self.world.delete(path)

    @initialize(limit=limits)
    def begin(self, limit: Limit) -> None:
        self.model = StoreModel(POLICY, limit)
        self.before: dict[str, Fields] = {}
        self.at_client(lambda documents: documents.update({STORY: {"userId": "u1", "text": TEXT}}))
        for path in REQUESTS:
            self.create(path, "u1")

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(path=paths, user=users)
    def create(self, path: str, user: str) -> None:
        """Also again, after it was deleted: by the same user, or by another who hit on the same id."""
        if path not in self.model.documents:
            fields = {"userId": user, "storyId": "s1", "status": "pending"}
            self.at_client(lambda documents: documents.update({path: fields}))

    @rule(path=paths)
    def take_back(self, path: str) -> None:
        if self.model.documents.get(path, {"status": "ready"})["status"] not in ENDED:
            self.at_client(lambda documents: documents[path].update(status="cancelled"))

    @rule(path=paths)
    def delete(self, path: str) -> None:
        self.at_client(lambda documents: documents.pop(path, None))

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
        self.each(lambda store: store.lease(JOBS[path], self.attempt(path, late)))

    @rule(path=paths, late=lateness)
    def record_submission(self, path: str, late: int) -> None:
        attempt = self.attempt(path, late)
        if f"jobs/{JOBS[path]}" in self.model.documents:  # dispatch has just leased it
            self.each(lambda store: store.record_submission(JOBS[path], Backend("runpod", f"e{attempt}", attempt)))

    @rule(path=paths, late=lateness, started=st.booleans())
    def keep_dispatched(self, path: str, late: int, *, started: bool) -> None:
        self.each(lambda store: store.keep_dispatched(JOBS[path], self.attempt(path, late), started=started))

    @rule(path=paths, late=lateness, error=errors)
    def backend_fails(self, path: str, late: int, error: StoryvoiceError) -> None:
        self.each(lambda store: store.fail(JOBS[path], self.attempt(path, late), error))

    @rule(path=paths)
    def cancel(self, path: str) -> None:
        self.each(lambda store: store.cancel(JOBS[path]))

    @rule(path=paths, late=lateness)
    def requeue_lapsed(self, path: str, late: int) -> None:
        self.each(lambda store: store.requeue_lapsed(JOBS[path], self.attempt(path, late)))

    # ── the workers ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(path=paths, late=lateness, worker=workers)
    def claim(self, path: str, late: int, worker: str) -> None:
        self.each(lambda store: store.claim(JOBS[path], self.attempt(path, late), worker))

    @rule(path=paths, late=lateness, worker=workers)
    def dispatch_and_claim(self, path: str, late: int, worker: str) -> None:
        """Three steps in one, so that a run gets far."""
        self.admit(path)
        self.lease(path, 0)
        self.claim(path, late, worker)

    @rule(path=paths, late=lateness, worker=workers, done=st.integers(0, 2))
    def report_progress(self, path: str, late: int, worker: str, done: int) -> None:
        attempt = self.attempt(path, late)
        self.each(lambda store: store.report_progress(JOBS[path], attempt, worker, Progress(done, 2, "speaking")))

    @rule(path=paths, late=lateness, worker=workers)
    def succeed(self, path: str, late: int, worker: str) -> None:
        attempt = self.attempt(path, late)
        version = {**VERSION, "id": JOBS[path], "audioKey": f"{worker}/{attempt}"}
        result = Result({"audioKey": version["audioKey"]}, version, {"gpuSeconds": 4.5})
        self.each(lambda store: store.succeed(JOBS[path], attempt, worker, result))

    @rule(path=paths, late=lateness, worker=workers, error=errors)
    def fail(self, path: str, late: int, worker: str, error: StoryvoiceError) -> None:
        self.each(lambda store: store.fail(JOBS[path], self.attempt(path, late), error, worker))

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
                assert old["state"] in UNFINISHED or {**new, "backend": None} == {**old, "backend": None}

    # ── how it is done ───────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, path: str, late: int) -> int:
        """That of the job at the moment, or an older one (late is 1), or one that is not there yet (-1)."""
        attempt: int = self.model.documents.get(f"jobs/{JOBS[path]}", {"attempt": 1})["attempt"]
        return attempt - late

    def each(self, call: Callable[[Any], Any]) -> None:
        self.both(lambda: call(self.world.store), lambda: call(self.model))

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
        return {snapshot.reference.path: as_modelled(snapshot.to_dict()) for snapshot in snapshots if snapshot.exists}

    def charged(self, user: str, day: str) -> int:
        """The characters of the user's jobs of that day which were not given back."""
        return sum(
            len(TEXT)
            for job in (self.model.documents.get(f"jobs/{job}") for job in JOBS.values())
            if job and (job["userId"], job["charge"]["day"]) == (user, day) and not given_back(job)
        )


def given_back(job: Fields) -> bool:
    """Failed by our fault, or cancelled while no worker had it: then the last thing was that it was queued or leased."""
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
    for fields in (document, document):
        for name in ("error", "audioError"):
            if isinstance(fields.get(name), dict):
                fields[name] = fields[name]["code"]
    return document


def test_the_store_does_what_the_model_does(database: firestore.Client) -> None:
    run_state_machine_as_test(
        lambda: StoreMachine(database),
        settings=settings(
            max_examples=int(os.environ.get("STORE_EXAMPLES", "25")),
            stateful_step_count=40,
            deadline=None,
            derandomize="CI" in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
