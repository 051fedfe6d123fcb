"""What the way of a request costs apart from the speaking: everything real, with an engine that answers at once.

Expected before the first run: the two cores are the limit. A job is two events, a task, a GPU job and six Firestore
transactions or writes, each some 3 to 5 ms of Python and Java: 40 to 60 ms of CPU, so 30 to 40 jobs/s on two cores.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.cloud import firestore

from benchmarks.instant_engine import ENGINE
from benchmarks.prepared import User, prepared_users
from benchmarks.report import Report, percentile
from benchmarks.watching import Requests, cpu, memory, seconds_to_claim
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud

USERS = 50
REQUESTS = 1000
STEADY_RATE = 5.0
STEADY_SECONDS = 30.0
COUNTED = 100
_WRITERS = 8
_LOOK_SECONDS = 0.2
# The quotas are not what is measured.
_PLENTY = {"RATE_LIMIT_TTS_PER_MINUTE": "100000", "CHARACTERS_PER_DAY": "100000000"}


def measure(report: Report) -> None:
    with EmbeddedCloud(_options(firestore_proxy=False)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        users = prepared_users(cloud, USERS)
        _burst(cloud, users, 100)  # warm: class loading, connections
        before = cpu(cloud)
        runs = [_burst(cloud, users, REQUESTS) for _ in range(report.runs)]
        used = cpu(cloud)
        report.say(
            f"burst: {REQUESTS} requests by {USERS} users, {report.runs} runs, every one terminal, one version each"
        )
        report.figure("jobs a second", [REQUESTS / run for run in runs], "jobs/s", "20")
        report.say("  CPU a job, and what else these processes did meanwhile, in ms:")
        for name, seconds in used.items():
            report.figure(f"  {name}", [(seconds - before[name]) / (REQUESTS * report.runs) * 1000], "ms")
        delays = [_steady(cloud, users) for _ in range(report.runs)]
        report.say(f"steady: {STEADY_RATE:g} jobs/s for {STEADY_SECONDS:g} s, document created to job claimed")
        report.figure("p50", [percentile(each, 0.5) * 1000 for each in delays], "ms", "150")
        report.figure("p95", [percentile(each, 0.95) * 1000 for each in delays], "ms", "400")
        report.say("peak RSS of the largest process of each group, after all of this")
        for name, megabytes in memory(cloud).items():
            report.figure(name, [megabytes], "MB")
        _close(users)
    _count(report)


def _options(*, firestore_proxy: bool) -> Options:
    return Options(
        engine=ENGINE, worker_concurrency=32, functions_env=_PLENTY, firestore_proxy=firestore_proxy, schedules=False
    )


def _close(users: list[User]) -> None:
    for user in users:
        user.phone.close()


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
    delays = [seconds_to_claim(database, path) for path in paths]
    database.close()
    return delays


def _count(report: Report) -> None:
    """Firestore operations per job, counted on the wire; one at a time, so that none takes long enough for progress."""
    with EmbeddedCloud(_options(firestore_proxy=True)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        (user,) = prepared_users(cloud, 1)
        user.phone.finished(user.ask())
        cloud.run(cloud.cloud.quiet())
        counts = cloud.cloud.proxy.counts
        cloud.cloud.proxy.reset_counts()
        for _ in range(COUNTED):
            user.phone.finished(user.ask())
        cloud.run(cloud.cloud.quiet())
        report.say(f"Firestore operations per job, mean of {COUNTED} jobs, functions and worker, progress apart")
        for what, reach in (("document_reads", "10"), ("document_writes", "10")):
            report.figure(what.replace("_", " "), [counts[what] / COUNTED], "", reach)
            methods = [(name.partition(".")[0], counts[name]) for name in sorted(counts) if name.endswith(f".{what}")]
            report.say("    " + ", ".join(f"{method} {count / COUNTED:.2f}" for method, count in methods if count))
        user.phone.close()
