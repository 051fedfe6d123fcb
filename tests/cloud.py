"""The local cloud as the flow and fault tests use it: one a session, shared, because its JVMs take seconds to start.

Tests keep out of each other's way by being different users. Schedules are off: `reconcile` runs when a test says so.
Leases are a second or two long, so that one that has to lapse can be waited for.

STORYVOICE_CLOUD=suite has them use the official Firebase Emulator Suite instead (localcloud/firebase_suite).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from google.cloud import firestore

from jobs.model import State
from localcloud.bucket.owner import owner
from localcloud.cloud import BUCKET, CREDENTIALS, ENDPOINT_ID, ROOT, RUNPOD_KEY, LocalCloud, Options
from localcloud.embedded import EmbeddedCloud
from localcloud.firebase_suite.cloud import SuiteCloud
from localcloud.phone import Phone, PhoneError, new_id

T = TypeVar("T")
Fields = dict[str, Any]
RECORDING = (ROOT / "assets" / "recording.flac").read_bytes()
RUN_LEASE_SECONDS = 2.0
MAX_ATTEMPTS = 2
LOOKS_TILL_RECONCILE = 20
LEASES = {
    "RUN_LEASE_SECONDS": str(RUN_LEASE_SECONDS),
    "DISPATCH_LEASE_SECONDS": "0.5",
    "QUEUE_LEASE_SECONDS": "0.5",
    "RETRY_BACKOFF_SECONDS": "0.05",
    "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
}
# Two workers with two jobs each: a job that is delivered twice finds somebody to take the second copy.
WORKERS = 2
NOT_ON_THE_SUITE = ("events.", "pubsub.", "functions.", "firestore.")
SHORT_TEXT = "The mouse said thank you, and the lion smiled."
TWO_PIECES = "The lion was asleep under the old tree.\n\nThe little mouse ran over his nose."


class TestCloud:
    """A running local cloud, and what tests look at and do to it from outside."""

    __test__ = False
    per_minute: ClassVar[dict[str, int]] = {"clone": 5, "narrate": 10}  # the settings' defaults
    skew_seconds = 0.0

    def __init__(self, kind: type[LocalCloud], **options: Any) -> None:
        """`options` are those of localcloud.cloud.Options that shall be otherwise."""
        self.users: list[str] = []  # those of the test that runs
        self._embedded: EmbeddedCloud | None = None
        gate = Path(os.environ.get("TMPDIR", "/tmp")) / f"storyvoice-gate-{new_id()}"  # noqa: S108  (made and removed by us)
        self._gate = gate
        self._embedded = EmbeddedCloud(
            Options(
                project="demo-flow",
                schedules=False,
                fault_points=True,
                workers=WORKERS,
                engine="tests.gated_piper:GatedPiper",
                functions_env=LEASES,
                worker_env={**LEASES, "TEST_GATE": str(gate)},
                **options,
            ),
            kind,
        )
        self.cloud: LocalCloud = self._embedded.cloud
        self.endpoints = self._embedded.endpoints
        with self.environment():
            self.admin: Any = firestore.Client(project=self.endpoints.project)
        self.bucket: Any = owner(self.cloud.bucket.url, CREDENTIALS)
        if isinstance(self.cloud, SuiteCloud):
            self.reconcile()  # its first call starts a process, which takes longer than tests give it

    @functools.cached_property
    def cloned_voice(self) -> Fields:
        """Made once, and lent to every family."""
        return _clone_voice(self)

    def stop(self) -> None:
        """Safe to call twice."""
        self.open_gate()
        self.admin.close()
        if self._embedded:
            self._embedded.stop()

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """What Google's client library reads when a client is made."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRESTORE_EMULATOR_HOST", self.endpoints.firestore)
            yield

    @property
    def api_url(self) -> str:
        """Of the function `api`, which is not a callable but has their address."""
        return f"{self.endpoints.callables}/api"

    # ── acting on it ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, coroutine: Any, seconds: float = 150) -> Any:
        assert self._embedded
        return self._embedded.run(coroutine, seconds)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """A plain function, on the cloud's own event loop: what lives there is not thread-safe."""

        async def calling() -> T:
            return function(*arguments)

        result: T = self.run(calling())
        return result

    def faults(self, spec: str) -> None:
        """Replace what goes wrong. See localcloud/faults.py for how it is written.

        On the official suite, a test that needs a fault where nothing of ours stands in between is skipped.
        """
        if isinstance(self.cloud, SuiteCloud) and spec.startswith(NOT_ON_THE_SUITE):
            pytest.skip(f"the official suite cannot be made to do {spec}")
        self.call(self.cloud.faults.set, spec)

    def struck(self, what: str) -> int:
        """How often a fault has struck since the cloud was started, e.g. `events.deliver:drop`."""
        return self.cloud.faults.counts[what]

    def reconcile(self) -> None:
        """Cloud Scheduler's minute is over: the deployed function runs, once."""
        assert self.reconcile_whatever_comes_of_it() == 200

    def reconcile_whatever_comes_of_it(self) -> int:
        """The same where the functions may die under it; the status that Cloud Scheduler sees."""
        status: int = self.run(self.cloud.functions.run_schedule("reconcile"))
        return status

    def close_gate(self) -> None:
        """Every narration stands still after its first piece."""
        self._gate.touch()

    def open_gate(self) -> None:
        self._gate.unlink(missing_ok=True)

    def quiet(self, seconds: float = 120) -> None:
        """Until no event, task or GPU job is left to be done."""
        self.run(self.cloud.quiet(seconds))

    def until_told(self, user_id: str) -> None:
        """Until `on_job_event` has been told how each of a user's jobs ended.

        What a worker has published is on its way through Pub/Sub, of which `quiet` knows nothing until it is pushed: a
        fault that a test asks for meanwhile would strike that event.
        """

        looks = itertools.count(1)

        def told() -> bool:
            if next(looks) % LOOKS_TILL_RECONCILE == 0:
                self.reconcile()  # whoever had to publish it has been killed
            return all(
                not job["unpublished"] and job["state"] in self.events_of(path.partition("/")[2])
                for path, job in self.of_user("jobs", user_id).items()
                if State(job["state"]).finished
            )

        until(told, f"the events of {user_id}", pause=0.1)
        self.quiet()

    def make_well(self) -> None:
        """No faults, no gate, and every worker there: what each test leaves to the next."""
        self.faults("")
        self.open_gate()
        if self.cloud.fault_points:
            self.call(self.cloud.fault_points.set_clocks_right)

        def staffed() -> bool:
            workers = self.cloud.workers
            return len(workers.children) == WORKERS and all(map(workers.is_ready, workers.children))

        until(lambda: self.call(staffed), "every worker to be there")

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """To one test: afterwards nothing is wrong with it, and nothing of the test is under way."""
        with self.environment():
            yield
            self.make_well()
            self.quiet()
            while self.users:
                self.until_told(self.users.pop())

    # ── looking at it ────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, path: str) -> Fields | None:
        found: Fields | None = self.admin.document(path).get().to_dict()
        return found

    def get(self, path: str) -> Fields:
        found = self.read(path)
        assert found is not None, path
        return found

    def job_of(self, request_path: str) -> Fields:
        return self.get(f"jobs/{self.get(request_path)['jobId']}")

    def of_user(self, collection: str, user_id: str) -> dict[str, Fields]:
        """All of a user's documents in a collection, by path."""
        found = self.admin.collection(collection).where(filter=firestore.FieldFilter("userId", "==", user_id)).stream()
        return {f"{collection}/{snapshot.id}": snapshot.to_dict() for snapshot in found}

    def keys(self, prefix: str) -> set[str]:
        """The objects in the bucket whose keys begin so."""
        answer = self.bucket.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        assert not answer["IsTruncated"]
        return {found["Key"] for found in answer.get("Contents", [])}

    def object(self, key: str) -> bytes:
        content: bytes = self.bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def worker_of(self, request_path: str) -> str:
        """The id of the GPU worker that RunPod says runs the request's present attempt."""
        worker: str = self._runpod("GET", "status", request_path)["workerId"]
        return worker

    def cancel_on_runpod(self, request_path: str) -> None:
        """An operator ends the GPU job of the present attempt, and tells nobody."""
        self._runpod("POST", "cancel", request_path)

    def _runpod(self, method: str, call: str, request_path: str) -> Fields:
        backend = self.job_of(request_path)["backend"]["id"]
        url = f"http://127.0.0.1:{self.cloud.runpod.port}/v2/{ENDPOINT_ID}/{call}/{backend}"
        answer: Fields = httpx.request(method, url, headers={"Authorization": f"Bearer {RUNPOD_KEY}"}).json()
        return answer

    def log_lines(self, about: str = "") -> Iterator[Fields]:
        """What the functions have logged, as Cloud Logging would have it; only the lines with `about` in them."""
        with (self.cloud.run_dir / "functions.log").open(encoding="utf-8", errors="replace") as log:
            for line in filter(lambda line: about in line, log):
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found

    def account_of(self, path: str) -> str:
        """What is known of a request that is late: its documents as they are, its events, and what was logged of it."""
        document = self.get(path)
        job_id = str(document.get("jobId"))
        job = self.read(f"jobs/{job_id}") or {}
        said = [str(line) for line in self.log_lines() if path in str(line) or job_id in str(line)]
        log = (self.cloud.run_dir / "functions.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(
            [
                f"As it is: {document.get('status')}, {document.get('error')}; job: {job.get('state')}",
                f"Events: {dict(self.cloud.functions.counts)}",
                *("Logged of it:", *said[-20:], "Logged last:", *log[-20:]),
            ]
        )

    def events_of(self, job_id: str) -> list[str]:
        """The states that on_job_event was told of, in the order in which they came."""
        return [
            str(line["state"])
            for line in self.log_lines(about=job_id)
            if line.get("jobId") == job_id and str(line.get("message", "")).startswith("job event: ")
        ]


class Family:
    """A user's phone with a voice that is ready. The voice was cloned once a session, and is lent to each."""

    def __init__(self, cloud: TestCloud, phone: Phone, voice: Fields) -> None:
        self.cloud = cloud
        self.phone = phone
        self.voice = {**voice, "userId": phone.user_id}
        for field in ("jobId", "sampleKey", "recordingKey"):
            self.voice.pop(field, None)
        self.voice_id = self.lend()

    def lend(self, name: str = "Mum") -> str:
        """Another voice of the family; its id.

        Until its event is delivered, which is nobody's business: a fault that a test asks for shall not hit it.
        """
        voice_id = new_id()
        before = self._delivered()
        self.cloud.admin.document(f"voice_profiles/{voice_id}").create({**self.voice, "name": name})
        until(lambda: self._delivered() > before, "the event of the voice")
        return voice_id

    def _delivered(self) -> int:
        return self.cloud.cloud.functions.counts["on_voice_profile_created:delivered"]

    @property
    def user_id(self) -> str:
        return self.phone.user_id

    def story(self, text: str = SHORT_TEXT) -> str:
        return self.phone.create_story("A story", text)

    def ask(self, story: str = SHORT_TEXT, **more: Any) -> str:
        """A new story of this text, and the request to have it told; the request's path."""
        return self.phone.request_audio(self.story(story), self.voice_id, **more)

    def ask_behind_the_gate(self, **more: Any) -> str:
        """A request whose story stands still after the first of its two pieces, until the gate is opened; its path."""
        self.cloud.close_gate()
        path = self.ask(TWO_PIECES, **more)
        self.until_half_told(path)
        return path

    def finished(self, path: str, seconds: float = 120) -> Fields:
        try:
            return self.phone.finished(path, seconds)
        except PhoneError as error:
            error.add_note(self.cloud.account_of(path))
            raise

    def story_of(self, path: str) -> Fields:
        return self.cloud.get(f"stories/{self.cloud.get(path)['storyId']}")

    def until_heard(self, path: str) -> str:
        """Until the beginning can be heard; the playlist's key."""
        until(lambda: "playlistKey" in self.cloud.get(path), "the playlist")
        key: str = self.cloud.get(path)["playlistKey"]
        return key

    def until_half_told(self, path: str) -> None:
        """Behind the closed gate: the first piece is spoken, and the document says so."""
        until(lambda: (self.cloud.get(path).get("progress") or {}).get("done") == 1, "the first piece")


def until(true: Callable[[], object], what: str, seconds: float = 120, pause: float = 0.03) -> None:
    """Poll for what nobody can announce. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(pause)


def wanted_cloud() -> type[LocalCloud]:
    """What STORYVOICE_CLOUD says: `local` (which is also the default) or `suite`."""
    return {"local": LocalCloud, "suite": SuiteCloud}[os.environ.get("STORYVOICE_CLOUD") or "local"]


@functools.cache
def _shared() -> TestCloud:
    return TestCloud(wanted_cloud())


def _clone_voice(cloud: TestCloud) -> Fields:
    """A voice that the real way has made."""
    with cloud.environment():
        phone = Phone(cloud.endpoints)
    try:
        voice_id = new_id()
        key = phone.upload(voice_id, RECORDING, "audio/flac")
        voice = phone.finished(phone.create_voice(voice_id, "Mum", key), 60)
        assert voice["status"] == "ready", voice.get("error")
        return voice
    finally:
        phone.close()


@pytest.fixture(scope="session")
def _running() -> Iterator[TestCloud]:
    """Two conftests import this, so pytest holds two of it: the cloud behind them is one."""
    cloud = _shared()
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(_running: TestCloud) -> Iterator[TestCloud]:
    """The session's cloud, well before the test and after it."""
    with _running.lent():
        yield _running


@pytest.fixture
def phone(cloud: TestCloud) -> Iterator[Phone]:
    """A user who has just signed up."""
    phone = Phone(cloud.endpoints)
    cloud.users.append(phone.user_id)
    yield phone
    phone.close()


@pytest.fixture
def family(cloud: TestCloud, phone: Phone) -> Family:
    return Family(cloud, phone, cloud.cloned_voice)
