"""Many at once, one too many, and a queue that stands still: who waits, for how long, and what grows.

Expected before the first run: a burst is worked off at the rate of the pipeline benchmark, in the order in which it
came, so every user of it waits about as long as every other; whoever asks for 1,000 at once gets a minute's allowance
and 990 refusals, and nobody else notices more than the CPU that the refusals take; an hour's pause costs each waiting
job a handful of looks; memory goes up with the queue (tasks are in memory) and not with the jobs that are done.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import firestore

from backend.tasks import client_at
from benchmarks.fault_world import FaultWorld
from benchmarks.instant_engine import ENGINE
from benchmarks.prepared import User, prepared_users
from benchmarks.report import Report, percentile
from benchmarks.watching import Requests, memory, seconds_to_claim
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud
from localcloud.queues import queue_of
from tests.cloud import until

TOGETHER = 200
BURST = 5000
GREEDY = 1000
PAUSED = 100
OTHERS = 10  # users who ask for one narration a second between them while somebody is greedy
_WRITERS = 16
_PER_MINUTE = {"clone": 5, "narrate": 10}
_PLENTY = {"RATE_LIMIT_TTS_PER_MINUTE": "100000", "CHARACTERS_PER_DAY": "100000000"}


def measure(report: Report) -> None:
    report.runs = 1
    with _cloud(_PLENTY) as cloud:
        users = prepared_users(cloud, TOGETHER)
        _together(report, cloud, users)
        _burst(report, cloud, users[:50])
        _close(users)
    with _cloud({}) as cloud:
        users = prepared_users(cloud, OTHERS + 1)
        _greedy(report, cloud, users[0], users[1:])
        _paused(report, cloud, users[1:])
        _full(report, cloud, users[1])
        _close(users)


def _cloud(settings: dict[str, str]) -> EmbeddedCloud:
    options = Options(
        engine=ENGINE, worker_concurrency=32, functions_env=settings, schedules=False, fault_points=not settings
    )
    cloud = EmbeddedCloud(options)
    os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
    return cloud


def _together(report: Report, cloud: EmbeddedCloud, users: list[User]) -> None:
    """Every user asks once, as fast as sixteen threads can write."""
    _ask_all(users[:_WRITERS], _WRITERS)  # warm
    _wait_for(cloud, _WRITERS)
    started = time.monotonic()
    paths = _ask_all(users, len(users))
    written = time.monotonic() - started
    _wait_for(cloud, _WRITERS + len(users))
    delays = _delays(cloud, paths)
    report.say(f"{len(users)} users ask at once (written in {written:.1f} s): from created to claimed")
    _say_delays(report, delays)


def _burst(report: Report, cloud: EmbeddedCloud, users: list[User]) -> None:
    before = memory(cloud)
    done = _ready(cloud)
    started = time.monotonic()
    paths = _ask_all(users, BURST)
    written = time.monotonic() - started
    _wait_for(cloud, done + BURST)
    seconds = time.monotonic() - started
    report.say(f"a burst of {BURST} requests by {len(users)} users (written in {written:.0f} s), all ready")
    report.figure("jobs a second", [BURST / seconds], "jobs/s")
    waits = defaultdict(list)
    for index, delay in enumerate(_delays(cloud, paths)):
        waits[index % len(users)].append(delay)
    medians = [statistics.median(each) for each in waits.values()]
    report.figure("median wait of the users, the luckiest", [min(medians)], "s")
    report.figure("median wait of the users, the unluckiest", [max(medians)], "s")
    report.say("  peak RSS in MB, before and after: " + _growth(before, memory(cloud)))


def _greedy(report: Report, cloud: EmbeddedCloud, greedy: User, others: list[User]) -> None:
    """The others ask all along, before and while; the quota is the settings' default."""
    alone = _delays(cloud, list(_one_a_second(others, 20)))
    with ThreadPoolExecutor(_WRITERS) as threads:
        started = time.monotonic()
        asking = [threads.submit(greedy.ask) for _ in range(GREEDY)]
        beside = list(_one_a_second(others, 20))
        paths = [each.result() for each in asking]
    world = FaultWorld(cloud, _PER_MINUTE, 0)
    world.until_settled(300)
    ended = Counter(_ending(world, path) for path in paths)
    report.say(
        f"one user writes {GREEDY} requests; all answered {time.monotonic() - started:.0f} s later: {dict(ended)}"
    )
    assert ended["ready"] <= 2 * _PER_MINUTE["narrate"]
    report.say(f"  the {len(others)} others, from created to claimed, before:")
    _say_delays(report, alone)
    report.say("  and while that was answered:")
    _say_delays(report, _delays(cloud, beside))
    world.close()


def _paused(report: Report, cloud: EmbeddedCloud, users: list[User]) -> None:
    """The queue of dispatchJob is paused; the functions' clock goes on by an hour, reconciling every minute of it."""
    world = FaultWorld(cloud, _PER_MINUTE, 0)
    inside = cloud.cloud
    queue = queue_of(inside.functions.functions["dispatchJob"], inside.options.project).name
    tasks = client_at(inside.functions_environment()["TASKS_ENDPOINT"])
    time.sleep(60)  # quotas: a minute's allowance for each
    tasks.pause_queue(name=queue)
    paths = _ask_all(users, PAUSED)
    until(lambda: {world.get(path)["status"] for path in paths} == {"queued"}, "every request to be queued")
    written = 0
    for minute in range(1, 61):
        world.faults(f"clock.functions:skew={60 * minute}")
        before = _leases(world, paths)
        world.reconcile()
        written += sum(lease != before[path] for path, lease in _leases(world, paths).items())
    world.faults("clock.functions:skew=0")
    world.reconcile()
    tasks.resume_queue(name=queue)
    started = time.monotonic()
    world.until_settled(300)
    assert Counter(_ending(world, path) for path in paths) == {"ready": PAUSED}
    report.say(f"the queue stands still for an hour with {PAUSED} jobs in it, reconciled every minute")
    report.figure("times that a waiting job was written", [written / PAUSED], "")
    report.figure("all told, once it goes on again", [time.monotonic() - started], "s")
    world.close()


def _full(report: Report, cloud: EmbeddedCloud, user: User) -> None:
    """A story that fills its document to the last bytes, told all the same."""
    database: Any = firestore.Client(project=cloud.endpoints.project)
    story = database.document(f"stories/{user.story_id}")
    fields = story.get().to_dict()
    for spare in range(0, 2**16, 64):  # less than a version takes
        try:
            story.set({**fields, "notes": "x" * 2**19, "drafts": "x" * (2**19 - spare)})
            break
        except google_errors.InvalidArgument:
            continue
    else:
        raise AssertionError("the story has more in it than was reckoned with")
    versions = len(fields.get("audioVersions", []))
    time.sleep(10)
    request = user.phone.finished(user.ask())
    assert request["status"] == "ready", request.get("error")
    assert len(story.get().to_dict().get("audioVersions", [])) == versions
    report.say("a story document of 1 MiB: its narration is ready, and the story is left as it is")
    database.close()


# ── asking and looking ───────────────────────────────────────────────────────────────────────────────────────────────


def _ask_all(users: Sequence[User], count: int) -> list[str]:
    """`count` requests, in turn by each user, so that `paths[i]` is of `users[i % len(users)]`."""
    with ThreadPoolExecutor(_WRITERS) as threads:
        return list(threads.map(User.ask, itertools.islice(itertools.cycle(users), count)))


def _one_a_second(users: list[User], count: int) -> Iterator[str]:
    started = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, started + number - time.monotonic()))
        yield users[number % len(users)].ask()


def _ready(cloud: EmbeddedCloud) -> int:
    return Requests(cloud.endpoints.project).ready


def _wait_for(cloud: EmbeddedCloud, ready: int) -> None:
    """Until so many in all are ready, and none is anything else."""
    requests = Requests(cloud.endpoints.project)
    requests.wait(ready - requests.ready, 900)


def _delays(cloud: EmbeddedCloud, paths: list[str]) -> list[float]:
    world = FaultWorld(cloud, _PER_MINUTE, 0)
    world.until_settled(300)
    world.close()
    database: Any = firestore.Client(project=cloud.endpoints.project)
    delays = [seconds_to_claim(database, path) for path in paths]
    database.close()
    return delays


def _say_delays(report: Report, delays: list[float]) -> None:
    for name, share in (("p50", 0.5), ("p95", 0.95), ("the last", 1.0)):
        report.figure(name, [percentile(delays, share) * 1000], "ms")


def _growth(before: dict[str, float], after: dict[str, float]) -> str:
    return ", ".join(f"{name} {before.get(name, 0):.0f} to {megabytes:.0f}" for name, megabytes in after.items())


def _ending(world: FaultWorld, path: str) -> str:
    request = world.get(path)
    return f"failed: {request['error']['code']}" if request["status"] == "failed" else str(request["status"])


def _leases(world: FaultWorld, paths: list[str]) -> dict[str, Any]:
    return {path: world.get(f"jobs/{world.get(path)['jobId']}")["leaseExpiresAt"] for path in paths}


def _close(users: list[User]) -> None:
    for user in users:
        user.phone.close()
