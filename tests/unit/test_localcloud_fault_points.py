"""A process asks at each named point; the supervisor decides, counts and answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.store import Store
from localcloud import process_faults
from localcloud.fault_points import FaultPoints
from localcloud.faults import Faults, FaultSpecError, Rule
from localcloud.process_faults import ADDRESS_VARIABLE, PROCESS_VARIABLE, Points
from tests.unit.loop_thread import LoopThread


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1)


class Processes:
    """What the supervisor would have: who is who."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[str]] = {}

    async def kill(self, kind: str, process_id: str) -> None:
        self.running[f"{kind}/{process_id}"].kill()


@pytest.fixture
def processes() -> Processes:
    return Processes()


@pytest.fixture
def server(loop: LoopThread, faults: Faults, processes: Processes) -> Iterator[FaultPoints]:
    server = FaultPoints(faults, processes.kill)
    loop.run(server.start())
    yield server
    loop.run(server.stop())


def points_of(server: FaultPoints, kind: str = "worker", process: str = "worker-1") -> Points:
    environment = server.environment(kind, process)
    return Points(environment[ADDRESS_VARIABLE], environment[PROCESS_VARIABLE])


def test_no_rule_no_fault(server: FaultPoints, faults: Faults) -> None:
    points_of(server).visit("claim.before")
    assert not faults.counts


def test_a_crash_is_counted_although_nobody_lives_to_tell(
    server: FaultPoints, faults: Faults, processes: Processes
) -> None:
    faults.set("worker.claim.after:crash x1")
    environment = {**os.environ, **server.environment("worker", "worker-1")}
    script = (
        f"import sys; sys.path.insert(0, {str(Path(process_faults.__file__).parents[1])!r})\n"
        "import os\nfrom localcloud.process_faults import *\n"
        "points = Points(os.environ[ADDRESS_VARIABLE], os.environ[PROCESS_VARIABLE])\n"
        "input()\n"
        "points.around('claim', lambda: print('claimed', flush=True))()\n"
        "print('survived')"
    )

    def run() -> tuple[int, str]:
        command = [sys.executable, "-c", script]
        child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with child:
            processes.running["worker/worker-1"] = child
            said, _ = child.communicate("go\n", timeout=60)
        return child.returncode, said

    assert run() == (-signal.SIGKILL, "claimed\n")
    assert faults.counts == {"worker.claim.after:crash": 1}
    assert run() == (0, "claimed\nsurvived\n")  # the rule said once


def test_a_process_stands_still(server: FaultPoints, faults: Faults) -> None:
    faults.set("worker.succeed.before:delay=0.2 x1")
    started = time.monotonic()
    points_of(server).visit("succeed.before")
    assert time.monotonic() - started >= 0.2


def test_clocks_are_set_for_each_process_apart(server: FaultPoints, faults: Faults) -> None:
    one, other = points_of(server, process="worker-1"), points_of(server, process="worker-2")
    faults.set("clock.worker:skew=-4 x1")
    one.visit("claim.before")
    other.visit("claim.before")
    assert (one.skew, other.skew) == (timedelta(seconds=-4), timedelta())
    faults.set("clock.worker:skew=2.5 x1")
    one.visit("claim.before")
    assert one.skew == timedelta(seconds=2.5)
    one.visit("claim.after")
    assert one.skew == timedelta(seconds=2.5)  # until it is set again


def test_a_supervisor_that_is_gone_is_no_fault(loop: LoopThread, server: FaultPoints) -> None:
    points = points_of(server)
    points.visit("claim.before")
    loop.run(server.stop())
    points.visit("claim.after")


def test_nothing_is_wrapped_unless_asked_for() -> None:
    claim = Store.claim
    assert process_faults.install({}) is None
    assert Store.claim is claim


def test_every_write_of_the_store_is_a_point() -> None:
    writes = (
        "admit cancel claim erase fail keep_dispatched lease record_submission refuse report_progress requeue_lapsed "
        "submit succeed"
    )
    assert process_faults.writes_of(Store) == writes.split()


def test_only_a_clock_can_be_set_back() -> None:
    assert Rule.parse("clock.worker:skew=-4").fault.seconds == -4
    with pytest.raises(FaultSpecError):
        Rule.parse("tasks.dispatch:delay=-4")
