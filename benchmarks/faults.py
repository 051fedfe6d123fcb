"""Everything goes wrong at once, from a seed; then every document, object, quota and event is looked at.

    50 users ── 2,000 requests ──▶ the real system, every fault below at 5 to 20 % ──▶ quiet ──▶ the five rules
    a killer ── SIGKILL to the functions or a worker, every few seconds
    reconcile ─ every two seconds instead of every minute, as leases last seconds instead of minutes

Expected before the first run: nothing is lost and nothing doubled, since that is what leases and attempts are for; some
requests fail with an error of ours, because ten attempts can all meet a fault.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google_errors

from benchmarks.fault_world import FaultWorld
from benchmarks.instant_engine import ENGINE
from benchmarks.prepared import TEXT, User, prepared_users
from benchmarks.report import Report
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import PhoneError, new_id
from tests.cloud import RECORDING
from tests.rules import check_rules

JOBS = 2000
USERS = 50
GREEDY = 5  # of them ask this many times as often as the others, and meet their quota
RATE = 8.0  # requests a second that the users together begin, at most
OPEN = 120  # requests under way, at most: users wait, and no backlog hides what the faults do
PER_MINUTE = {"clone": 60, "narrate": 20}
SKEW_SECONDS = 1.5
KILL_EVERY_SECONDS = 5.0
RECONCILE_EVERY_SECONDS = 2.0
_SETTLE_SECONDS = 900
_WRITERS = 8

FAULTS = f"""
    events.deliver:duplicate@0.1, events.deliver:delay=2@0.1, events.deliver:reorder@0.1, events.deliver:drop@0.05,
    events.deliver:reset@0.05, events.deliver:500@0.05, events.deliver:crash@0.002,
    tasks.create:503@0.08, tasks.create:reset@0.08, tasks.create:drop@0.05, tasks.create:delay=1@0.05,
    tasks.create:hang@0.005, tasks.create:429@0.05,
    tasks.dispatch:duplicate@0.1, tasks.dispatch:delay=1@0.1, tasks.dispatch:reorder@0.1, tasks.dispatch:drop@0.05,
    tasks.dispatch:reset@0.05, tasks.dispatch:500@0.05,
    runpod.run:500@0.05, runpod.run:429@0.05, runpod.run:reset@0.1, runpod.run:drop@0.05, runpod.run:delay=1@0.05,
    runpod.run:hang@0.005, runpod.status:500@0.1, runpod.status:reset@0.05, runpod.cancel:500@0.1,
    runpod.take:duplicate@0.1, runpod.take:drop@0.05, runpod.take:reset@0.05,
    runpod.done:drop@0.1, runpod.done:reset@0.05, runpod.done:500@0.05,
    pubsub.push:duplicate@0.1, pubsub.push:delay=1@0.1, pubsub.push:reset@0.05, pubsub.push:500@0.1,
    firestore.Commit:409@0.05, firestore.Commit:503@0.05, firestore.Commit:reset@0.05, firestore.Commit:delay=0.3@0.05,
    firestore.BatchGetDocuments:503@0.05, firestore.BatchGetDocuments:409@0.03, firestore.BeginTransaction:503@0.03,
    firestore.RunQuery:503@0.05,
    r2.PutObject:500@0.1, r2.PutObject:reset@0.1, r2.PutObject:503@0.05,
    r2.GetObject:500@0.1, r2.GetObject:reset@0.05, r2.DeleteObject:500@0.1,
    functions.*:crash@0.001, worker.*:crash@0.002, worker.succeed.before:delay=8@0.01,
    clock.functions:skew={SKEW_SECONDS}@0.01, clock.functions:skew=-{SKEW_SECONDS}@0.01,
    clock.worker:skew={SKEW_SECONDS}@0.01, clock.worker:skew=-{SKEW_SECONDS}@0.01
"""
# Not pubsub.push:drop: Pub/Sub promises each message at least once, and nothing of ours is there to find a lost one.

_SETTINGS = {
    "RUN_LEASE_SECONDS": "6",
    "DISPATCH_LEASE_SECONDS": "6",
    "QUEUE_LEASE_SECONDS": "6",
    "RETRY_BACKOFF_SECONDS": "0.2",
    "MAX_ATTEMPTS": "10",
    "RATE_LIMIT_TTS_PER_MINUTE": str(PER_MINUTE["narrate"]),
    "RATE_LIMIT_CLONE_PER_MINUTE": str(PER_MINUTE["clone"]),
    "RATE_LIMIT_DEFAULT_PER_MINUTE": "10000",
    "CHARACTERS_PER_DAY": "100000000",
}


def measure(report: Report) -> None:
    jobs = report.jobs or JOBS
    logging.getLogger("localcloud").setLevel(logging.ERROR)  # it warns of every process that dies
    options = Options(
        project="demo-faults",
        engine=ENGINE,
        workers=2,
        worker_concurrency=8,
        schedules=False,
        firestore_proxy=True,
        fault_points=True,
        seed=report.seed,
        functions_env=_SETTINGS,
        worker_env=_SETTINGS,
    )
    with EmbeddedCloud(options) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        world = FaultWorld(cloud, PER_MINUTE, 2 * SKEW_SECONDS)
        users = prepared_users(cloud, USERS)
        report.say(
            f"{jobs} requests by {USERS} users, two workers, seed {report.seed}; every rule of benchmarks/faults.py"
        )
        started = time.monotonic()
        world.faults(FAULTS)
        with _troubles(world, report.seed) as killed:
            paths = _act(world, users, script(jobs, report.seed))
            report.say(f"  all asked for after {time.monotonic() - started:.0f} s; waiting until every one has ended")
            world.until_settled(_SETTLE_SECONDS)
        settled = time.monotonic() - started
        counts = Counter(cloud.cloud.faults.counts)
        report.say(
            f"  all have ended after {settled:.0f} s and {counts.total()} faults; now without faults until all is told"
        )
        world.faults("")
        world.until_told(300)
        check_rules(world, *paths, orphans=True)
        report.say("  every rule holds")
        _say(report, world, paths, counts + killed)
        for user in users:
            user.phone.close()
        world.close()


# ── what the users do ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Act:
    """One request: when it is begun at the earliest (seconds), by whom, what, and when it is taken back, if it is."""

    at: float
    user: int
    what: str
    cancel_after: float | None


def script(jobs: int, seed: int) -> list[Act]:
    """What is asked for, from the seed alone."""
    chance = random.Random(f"script:{seed}")
    weights = [GREEDY if user < GREEDY else 1 for user in range(USERS)]
    acts = []
    for number in range(jobs):
        (user,) = chance.choices(range(USERS), weights)
        (what,) = chance.choices(("narrate", "clone", "voice of tomorrow", "no text"), (88, 8, 2, 2))
        cancel_after = chance.uniform(0, 4) if chance.random() < 0.06 else None
        acts.append(Act(number / RATE, user, what, cancel_after))
    return acts


def _act(world: FaultWorld, users: list[User], acts: list[Act]) -> list[str]:
    """Returns the paths of all requests."""
    started = time.monotonic()

    def perform(act: Act) -> str:
        time.sleep(max(0.0, started + act.at - time.monotonic()))
        while world.open_requests() > OPEN:
            time.sleep(0.5)
        path = _ask(users, act)
        if act.cancel_after is not None:
            timer = threading.Timer(act.cancel_after, _take_back, (users[act.user], path))
            timer.start()
            timers.append(timer)
        return path

    timers: list[threading.Timer] = []
    with ThreadPoolExecutor(_WRITERS) as threads:
        paths = list(threads.map(perform, acts))
    for timer in timers:
        timer.join()
    return paths


def _ask(users: list[User], act: Act) -> str:
    user = users[act.user]
    match act.what:
        case "clone":
            voice_id = new_id()
            key = _patiently(lambda: user.phone.upload(voice_id, RECORDING, "audio/flac"))
            return user.phone.create_voice(voice_id, "Mum", key)
        case "voice of tomorrow":
            voice_id = new_id()
            user.phone.create_voice(voice_id, "Dad", f"recordings/{user.phone.user_id}/{voice_id}/never-came.flac")
            return user.phone.request_audio(user.story_id, voice_id)
        case "no text":
            return user.phone.request_audio(user.phone.create_story("Nothing", " "), user.voice_id)
        case _:
            return user.phone.request_audio(user.phone.create_story("A story", TEXT), user.voice_id)


def _patiently(action: Callable[[], str]) -> str:
    """As an app would: what did not work is tried again."""
    for _ in range(30):
        try:
            return action()
        except PhoneError:
            time.sleep(0.5)
    return action()


def _take_back(user: User, path: str) -> None:
    """Refused by the rules when the request has ended before. Tried again, as the SDKs do, while others hold locks (in
    the emulator also dead processes, for a minute): who gives up then gets the story."""
    for _ in range(20):
        try:
            user.phone.cancel(path)
        except google_errors.PermissionDenied:
            return
        except google_errors.Aborted:
            time.sleep(0.5)
        else:
            return


# ── what befalls the system ──────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _troubles(world: FaultWorld, seed: int) -> Iterator[Counter[str]]:
    """Processes killed and `reconcile` run, until the block ends. What was killed is counted."""
    over = threading.Event()
    killed: Counter[str] = Counter()
    chance = random.Random(f"killer:{seed}")

    def kill() -> None:
        while not over.wait(chance.uniform(0.5, 1.5) * KILL_EVERY_SECONDS):
            killed[f"{world.kill_one(chance)} killed from outside"] += 1

    def reconcile() -> None:
        while not over.wait(RECONCILE_EVERY_SECONDS):
            world.reconcile()

    threads = [threading.Thread(target=each, name=each.__name__) for each in (kill, reconcile)]
    for thread in threads:
        thread.start()
    try:
        yield killed
    finally:
        over.set()
        for thread in threads:
            thread.join()


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _say(report: Report, world: FaultWorld, paths: list[str], counts: Counter[str]) -> None:
    requests = [world.get(path) for path in paths]
    ended = Counter(_ending(request) for request in requests)
    report.say("  ended as: " + ", ".join(f"{count} {name}" for name, count in sorted(ended.items())))
    report.say("  attempts a job: " + _attempts(world, requests))
    report.say(f"  objects that no document names (of attempts that were killed): {world.orphans()}")
    report.figure("faults injected", [counts.total()], "", "10,000")
    report.say("  each:")
    for name, count in sorted(counts.items()):
        report.say(f"    {name:<48} {count:>6}")


def _ending(request: dict[str, Any]) -> str:
    return f"failed ({request['error']['code']})" if request["status"] == "failed" else str(request["status"])


def _attempts(world: FaultWorld, requests: list[dict[str, Any]]) -> str:
    needed = Counter(world.get(f"jobs/{request['jobId']}")["attempt"] for request in requests if "jobId" in request)
    return ", ".join(f"{count} needed {attempt}" for attempt, count in sorted(needed.items()))
