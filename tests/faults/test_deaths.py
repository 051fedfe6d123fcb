"""Processes die, or stand still, at the worst moment."""

from __future__ import annotations

import functools
import os
import signal
import time

import pytest

from localcloud.phone import Phone, new_id
from tests.cloud import MAX_ATTEMPTS, RECORDING, RUN_LEASE_SECONDS, TWO_PIECES, Family, TestCloud, until
from tests.faults.test_lost import minutes_pass, reconcile_until_finished
from tests.rules import check_rules


def test_the_worker_is_killed_in_mid_job(cloud: TestCloud, family: Family) -> None:
    path = family.ask_behind_the_gate()

    cloud.run(cloud.cloud.workers.kill(cloud.worker_of(path)))
    cloud.open_gate()
    cloud.reconcile()
    assert cloud.job_of(path)["state"] == "running"  # nobody can know yet that its worker is gone
    reconcile_until_finished(cloud, path)

    assert cloud.get(path)["status"] == "ready"
    assert cloud.job_of(path)["attempt"] == 2
    assert "/2/" in cloud.get(path)["audioKey"]
    check_rules(cloud, path, orphans=True)


def test_every_worker_is_killed_until_no_attempt_is_left(cloud: TestCloud, family: Family) -> None:
    """The story that kills whoever reads it fails, with a sentence, and costs nothing."""
    cloud.close_gate()
    path = family.ask(TWO_PIECES)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        until(functools.partial(_under_way, cloud, path, attempt), f"attempt {attempt} to be under way")
        cloud.run(cloud.cloud.workers.kill(cloud.worker_of(path)))
        until(functools.partial(_lapsed, cloud, path, attempt), f"the lease of attempt {attempt} to lapse", pause=0.2)

    request = cloud.get(path)
    assert (request["status"], request["error"]["code"]) == ("failed", "deadline_exceeded")
    cloud.open_gate()
    check_rules(cloud, path, orphans=True)


def _under_way(cloud: TestCloud, path: str, attempt: int) -> bool:
    if "jobId" not in cloud.get(path):
        return False
    job = cloud.job_of(path)
    return job["state"] == "running" and job["attempt"] == attempt and "backend" in job


def _lapsed(cloud: TestCloud, path: str, attempt: int) -> bool:
    cloud.reconcile()
    job = cloud.job_of(path)
    return bool(job["attempt"] > attempt or job["state"] == "failed")


def test_a_worker_that_stands_still_is_fenced_out(cloud: TestCloud, family: Family) -> None:
    """SIGSTOP past its lease, SIGCONT after another attempt has succeeded.

    worker A   claim(1) ── stopped ······························ goes on ─ StaleAttempt
    worker B                       claim(2) ─── succeed(2)
    """
    path = family.ask_behind_the_gate()
    worker = cloud.cloud.workers.children[cloud.worker_of(path)]
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        cloud.open_gate()
        time.sleep(RUN_LEASE_SECONDS / 4)  # a write that was under way has landed
        until(lambda: _moved_on(cloud, path), "another attempt", pause=0.2)
        request = family.finished(path)
        assert request["status"] == "ready", request.get("error")
    finally:
        os.killpg(worker.pid, signal.SIGCONT)
    job_id = request["jobId"]
    until(
        lambda: any('"stopped"' in line and job_id in line for line in worker.log_tail().splitlines()),
        "the first to notice",
    )

    cloud.quiet()
    assert cloud.get(path) == request
    assert cloud.job_of(path)["attempt"] == 2
    check_rules(cloud, path)


def _moved_on(cloud: TestCloud, path: str) -> bool:
    cloud.reconcile()
    return bool(cloud.job_of(path)["attempt"] == 2)


@pytest.mark.parametrize("too_late", [False, True])
def test_the_functions_die_under_an_event(cloud: TestCloud, family: Family, *, too_late: bool) -> None:
    """The event is delivered again; should that be too late, reconcile has been there.

    They die at a point at which no transaction is open. What a process has read in one when it dies stays locked until
    Firestore gives the transaction up: a minute, and not of our clock. `./dev bench faults` goes through that too.
    """
    restarts = cloud.cloud.functions.restarts
    cloud.faults("functions.admit.before:crash x1")
    path = family.ask()
    until(lambda: cloud.cloud.functions.restarts > restarts, "the crash")

    if too_late:
        minutes_pass(cloud, path, 2.1)
        cloud.reconcile()
    else:
        _ten_seconds_pass(cloud)  # until the event comes again, on the cloud's clock

    assert family.finished(path)["status"] == "ready"
    _ten_seconds_pass(cloud)
    check_rules(cloud, path)


def _ten_seconds_pass(cloud: TestCloud) -> None:
    """For whatever waits until then; afterwards it is as late as it was."""
    cloud.run(cloud.cloud.functions.settle())
    cloud.call(cloud.cloud.clock.advance, 10.0)
    cloud.quiet()
    cloud.call(cloud.cloud.clock.advance, -10.0)


def test_whoever_calls_after_a_crash_is_served(cloud: TestCloud) -> None:
    """By the next instance: what waits is not lost, as it is not on Cloud Run."""
    for _ in range(2):
        cloud.reconcile()
        cloud.run(cloud.cloud.functions.crash())
        cloud.reconcile()


def test_the_functions_die_while_a_story_is_told(cloud: TestCloud, family: Family, phone: Phone) -> None:
    """The worker needs none of them to finish; what is asked for meanwhile waits."""
    path = family.ask_behind_the_gate()
    cloud.run(cloud.cloud.functions.settle())
    cloud.run(cloud.cloud.functions.crash())
    cloud.open_gate()
    voice_id = new_id()
    voice = phone.create_voice(voice_id, "Mum", phone.upload(voice_id, RECORDING, "audio/flac"))

    assert family.finished(path)["status"] == "ready"
    assert phone.finished(voice)["status"] == "ready"
    check_rules(cloud, path, voice)
