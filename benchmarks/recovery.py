"""How long a request takes when one thing goes wrong, and nothing else: kind by kind.

Leases last two seconds here and `reconcile` runs every second; production's are a minute or three, and its `reconcile`
runs every minute. So what is measured is the mechanics; in production the waiting that the settings ask for comes on
top, which each line names. Expected before the first run: what a retry of the caller mends (a lost commit, a refused
upload) costs less than a second; what a lease has to find out costs the lease, the reconcile and a new worker.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from benchmarks.fault_world import FaultWorld
from benchmarks.instant_engine import ENGINE
from benchmarks.prepared import User, prepared_users
from benchmarks.report import Report
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud
from tests.cloud import until

_SETTINGS = {
    "RUN_LEASE_SECONDS": "2",
    "DISPATCH_LEASE_SECONDS": "2",
    "QUEUE_LEASE_SECONDS": "2",
    "RETRY_BACKOFF_SECONDS": "0.1",
    "RATE_LIMIT_TTS_PER_MINUTE": "100000",
}
_RECONCILE_SECONDS = 1.0


@dataclass(frozen=True)
class Kind:
    """One thing that goes wrong, once, and what production waits for on top of what is measured."""

    what: str
    fault: str
    waits: str = "nothing"
    runs: int | None = None


KINDS = (
    Kind("nothing goes wrong", ""),
    Kind("the event comes twice", "events.deliver:duplicate x1"),
    Kind("the event's function answers 500", "events.deliver:500 x1", "the event's backoff, 10 s here as there"),
    Kind("the event never comes", "events.deliver:drop x1", "two minutes, here as there, and reconcile", runs=1),
    Kind("the task is not created", "tasks.create:drop x1", "QUEUE_LEASE_SECONDS and reconcile"),
    Kind("the task's answer is lost", "tasks.dispatch:reset x1"),
    Kind("the task gets a 500", "tasks.dispatch:500 x1", "the queue's backoff, 2 s here as there"),
    Kind("RunPod's answer is lost", "runpod.run:reset x1"),
    Kind("RunPod loses the job", "runpod.run:drop x1", "DISPATCH_LEASE_SECONDS and reconcile"),
    Kind("a commit is lost", "firestore.Commit:503 x1"),
    Kind("a commit's answer is lost", "firestore.Commit:reset x1"),
    Kind("a commit conflicts", "firestore.Commit:409 x1"),
    Kind("the bucket refuses an upload", "r2.PutObject:503 x1"),
    Kind("an upload's answer is lost", "r2.PutObject:reset x1"),
    Kind("the functions die before they admit", "functions.admit.before:crash x1", "the event's backoff"),
    Kind("the functions die in dispatch", "functions.lease.after:crash x1", "the queue's backoff, 2 s here as there"),
    Kind("the worker dies before its claim", "worker.claim.before:crash x1", "the start of a worker"),
    Kind(
        "the worker dies before its upload", "worker.upload.before:crash x1", "RUN_LEASE_SECONDS, reconcile, a worker"
    ),
    Kind(
        "the worker dies before it succeeds", "worker.succeed.before:crash x1", "RUN_LEASE_SECONDS, reconcile, a worker"
    ),
    Kind("the worker dies when it has succeeded", "worker.succeed.after:crash x1"),
)


def measure(report: Report) -> None:
    options = Options(
        engine=ENGINE,
        schedules=False,
        firestore_proxy=True,
        fault_points=True,
        functions_env=_SETTINGS,
        worker_env=_SETTINGS,
    )
    with EmbeddedCloud(options) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        world = FaultWorld(cloud, {}, 0)
        (user,) = prepared_users(cloud, 1)
        over = threading.Event()
        reconciling = threading.Thread(target=_reconcile, args=(world, over))
        reconciling.start()
        try:
            _once(world, user, "")  # warm
            report.say("seconds from the request to its narration; each kind, once a request")
            for kind in KINDS:
                seconds = [_once(world, user, kind.fault) for _ in range(kind.runs or report.runs)]
                report.figure(kind.what, seconds, "s")
                report.say(f"    {kind.fault or 'no fault'}; production waits for {kind.waits} besides")
        finally:
            over.set()
            reconciling.join()
        user.phone.close()
        world.close()


def _once(world: FaultWorld, user: User, fault: str) -> float:
    world.until_staffed(30)
    before = world.struck()
    world.faults(fault)
    started = time.monotonic()
    path = user.ask()
    request = user.phone.finished(path, 300)
    seconds = time.monotonic() - started
    assert request["status"] == "ready", request.get("error")
    until(lambda: not fault or world.struck() == before + 1, f"{fault} to strike", 30)
    world.faults("")
    return seconds


def _reconcile(world: FaultWorld, over: threading.Event) -> None:
    while not over.wait(_RECONCILE_SECONDS):
        world.reconcile()
