"""What the way of a request costs apart from the speaking: everything real, with an engine that answers at once.

Expected before the first run: the two cores are the limit. A job is two events, a task, a GPU job and six Firestore
transactions or writes, each some 3 to 5 ms of Python and Java: 40 to 60 ms of CPU, so 30 to 40 jobs/s on two cores.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import boto3
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from benchmarks.instant_engine import profile
from benchmarks.processes import peak_rss
from benchmarks.report import Report, percentile
from localcloud.cloud import BUCKET, CREDENTIALS, Options
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import Phone, new_id

USERS = 50
REQUESTS = 1000
STEADY_RATE = 5.0
STEADY_SECONDS = 30.0
COUNTED = 100
TEXT = "Once upon a time there was a little mouse who was not afraid of anything at all."
ENGINE = "benchmarks.instant_engine:InstantEngine"
_WRITERS = 8
_LOOK_SECONDS = 0.2
# The quotas are not what is measured.
_PLENTY = {"RATE_LIMIT_TTS_PER_MINUTE": "100000", "CHARACTERS_PER_DAY": "100000000"}


def measure(report: Report) -> None:
    with EmbeddedCloud(_options(firestore_proxy=False)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        users = _users(cloud)
        _burst(cloud, users, 100)  # warm: class loading, connections
        runs = [_burst(cloud, users, REQUESTS) for _ in range(report.runs)]
        report.say(
            f"burst: {REQUESTS} requests by {USERS} users, {report.runs} runs, every one terminal, one version each"
        )
        report.figure("jobs a second", [REQUESTS / run for run in runs], "jobs/s", "20")
        delays = [_steady(cloud, users) for _ in range(report.runs)]
        report.say(f"steady: {STEADY_RATE:g} jobs/s for {STEADY_SECONDS:g} s, document created to job claimed")
        report.figure("p50", [percentile(each, 0.5) * 1000 for each in delays], "ms", "150")
        report.figure("p95", [percentile(each, 0.95) * 1000 for each in delays], "ms", "400")
        report.say("peak RSS of the largest process of each group, after all of this")
        for name, megabytes in _memory(cloud).items():
            report.figure(name, [megabytes], "MB")
        _close(users)
    _count(report)


class User:
    """A phone with a voice and a story."""

    def __init__(self, cloud: EmbeddedCloud, database: Any, bucket: Any) -> None:
        self.phone = Phone(cloud.endpoints)
        self.voice_id = new_id()
        key = f"voices/{self.phone.user_id}/{self.voice_id}/prepared/1/profile.safetensors"
        bucket.put_object(Bucket=BUCKET, Key=key, Body=profile().to_bytes())
        voice = {"userId": self.phone.user_id, "name": "Mum", "status": "ready", "profileKey": key, "model": "instant"}
        database.document(f"voice_profiles/{self.voice_id}").set(voice)
        self.story_id = self.phone.create_story("A story", TEXT)

    def ask(self) -> str:
        return self.phone.request_audio(self.story_id, self.voice_id)


def _options(*, firestore_proxy: bool) -> Options:
    return Options(
        engine=ENGINE, worker_concurrency=32, functions_env=_PLENTY, firestore_proxy=firestore_proxy, schedules=False
    )


def _users(cloud: EmbeddedCloud, count: int = USERS) -> list[User]:
    database = firestore.Client(project=cloud.endpoints.project)
    bucket = boto3.client(
        "s3",
        endpoint_url=cloud.cloud.bucket.url,
        aws_access_key_id=CREDENTIALS.access_key_id,
        aws_secret_access_key=CREDENTIALS.secret_access_key,
        region_name="auto",
        config=boto3.session.Config(request_checksum_calculation="when_required"),
    )
    with ThreadPoolExecutor(_WRITERS) as threads:
        return list(threads.map(lambda _: User(cloud, database, bucket), range(count)))


def _close(users: list[User]) -> None:
    for user in users:
        user.phone.close()


class Requests:
    """Every audio request, seen by the owner: counted by the database itself, so that waiting costs next to nothing."""

    def __init__(self, project: str) -> None:
        self._database: Any = firestore.Client(project=project)
        self._collection = self._database.collection("audio_requests")
        self._before = self._count("ready")

    def wait(self, requests: int, seconds: float) -> None:
        """Until this many more are ready. Raises AssertionError if one fails, or if they are not in time."""
        deadline = time.monotonic() + seconds
        while (ready := self._count("ready") - self._before) < requests:
            assert time.monotonic() < deadline, f"only {ready} of {requests} requests became ready in {seconds:.0f} s"
            time.sleep(_LOOK_SECONDS)
        for status in ("pending", "queued", "running", "failed", "cancelled"):
            assert self._count(status) == 0, f"a request is {status}"
        self._database.close()

    def _count(self, status: str) -> int:
        chosen: Any = self._collection.where(filter=FieldFilter("status", "==", status))
        return int(chosen.count().get()[0][0].value)


def _burst(cloud: EmbeddedCloud, users: list[User], count: int) -> float:
    """Seconds from the first write until the last request is terminal."""
    requests = Requests(cloud.endpoints.project)
    started = time.monotonic()
    with ThreadPoolExecutor(_WRITERS) as threads:
        paths = list(threads.map(lambda n: users[n % len(users)].ask(), range(count)))
    requests.wait(count, seconds=300)
    seconds = time.monotonic() - started
    _check_versions(cloud, users, paths)
    return seconds


def _check_versions(cloud: EmbeddedCloud, users: list[User], paths: list[str]) -> None:
    """Each request's audio is in its story exactly once. The stories are then emptied for the next run."""
    database: Any = firestore.Client(project=cloud.endpoints.project)
    asked = {path.partition("/")[2] for path in paths}
    keys: Counter[str] = Counter()
    for user in users:
        story = database.document(f"stories/{user.story_id}")
        keys.update(version["audioKey"] for version in story.get().to_dict().get("audioVersions", []))
        story.update({"audioVersions": []})
    requests = database.get_all([database.document(f"audio_requests/{each}") for each in asked])
    wanted = Counter(request.get("audioKey") for request in requests)
    assert keys == wanted, "versions were lost or doubled"
    database.close()


def _steady(cloud: EmbeddedCloud, users: list[User]) -> list[float]:
    """Seconds from creation (Firestore's commit time) to claim (the worker's clock; the same machine) of each job."""
    count = int(STEADY_RATE * STEADY_SECONDS)
    requests = Requests(cloud.endpoints.project)
    started = time.monotonic()
    paths = []
    for number in range(count):
        time.sleep(max(0.0, started + number / STEADY_RATE - time.monotonic()))
        paths.append(users[number % len(users)].ask())
    requests.wait(count, seconds=120)
    database: Any = firestore.Client(project=cloud.endpoints.project)
    delays = [_delay(database, path) for path in paths]
    database.close()
    return delays


def _delay(database: Any, path: str) -> float:
    request = database.document(path).get()
    job = database.document(f"jobs/{request.get('jobId')}").get()
    created: datetime = request.create_time
    claimed: datetime = job.get("timeline")["claimedAt"]
    return (claimed - created).total_seconds()


def _memory(cloud: EmbeddedCloud) -> dict[str, float]:
    inside = cloud.cloud
    groups = {
        "functions": inside.functions.pid,
        **{name: child.pid for name, child in inside.workers.children.items()},
        "Firestore emulator": inside.firestore.child.pid,
        "Pub/Sub emulator": inside.pubsub.child.pid,
        "moto": inside.moto.pid,
    }
    figures = {name: peak_rss(pid) for name, pid in groups.items()}
    return {**figures, "supervisor (with this benchmark)": peak_rss(os.getpid(), group=False)}


def _count(report: Report) -> None:
    """Firestore operations per job, counted on the wire; one at a time, so that none takes long enough for progress."""
    with EmbeddedCloud(_options(firestore_proxy=True)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        (user,) = _users(cloud, 1)
        user.phone.finished(user.ask())
        cloud.run(cloud.cloud.quiet())
        counts = cloud.cloud.proxy.counts
        cloud.cloud.proxy.reset_counts()
        for _ in range(COUNTED):
            user.phone.finished(user.ask())
        cloud.run(cloud.cloud.quiet())
        report.say(f"Firestore operations per job, mean of {COUNTED} jobs, functions and worker, progress apart")
        report.figure("document reads", [counts["document_reads"] / COUNTED], "", "10")
        report.figure("document writes", [counts["document_writes"] / COUNTED], "", "10")
        user.phone.close()
