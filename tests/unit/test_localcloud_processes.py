"""Children end with the supervisor, say why they did not come up, and take their own children with them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.processes import Child, ChildError, ChildExited, ChildNotReady

REPOSITORY = Path(__file__).parents[2]

# Starts a child of its own in the same group, writes both process ids, and would stay for a minute.
PARENT = """
import os, pathlib, signal, subprocess, sys, time
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(f"{os.getpid()} {inner.pid}")
path.with_suffix(".new").rename(path)
time.sleep(60)
"""

SUPERVISOR = """
import asyncio, os, pathlib, sys
from localcloud.processes import Child, Guardian

async def main():
    log = pathlib.Path(sys.argv[2])
    child = Child("parent", [sys.executable, "-S", "-c", {parent!r}, sys.argv[1]], env=os.environ, log=log)
    await child.start()
    if "unguarded" in sys.argv:  # somebody kills the guardian; the next child brings a new one, which must know both
        guardian = Guardian.shared()._process
        guardian.kill()
        guardian.wait()
        await Child("another", ["sleep", "60"], env=os.environ, log=log).start()
    pathlib.Path(sys.argv[1] + ".guarded").touch()
    await asyncio.sleep(60)

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Whether the process still runs; one that has ended and waits for a parent to reap it does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def wait_until_gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.02)


def wait_for_pids(path: Path, seconds: float = 20.0) -> list[int]:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, "the child did not come up"
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


def python(tmp_path: Path, code: str, *arguments: str, on_exit: Callable[[int], None] | None = None) -> Child:
    argv = [sys.executable, "-S", "-c", code, *arguments]
    return Child("sample", argv, env=os.environ, log=tmp_path / "run" / "log", on_exit=on_exit)


async def exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: ASYNC240, PTH110  a look at a local folder


@pytest.mark.parametrize("manner", ["guarded", "unguarded"])
def test_nothing_is_left_after_sigkill_of_the_supervisor(tmp_path: Path, manner: str) -> None:
    pids = tmp_path / "pids"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR.format(parent=PARENT), str(pids), str(tmp_path / "log"), manner],
        cwd=REPOSITORY,
    )
    try:
        wait_for_pids(Path(f"{pids}.guarded"))
        started = wait_for_pids(pids)
        assert all(alive(pid) for pid in started)
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until_gone(started)


def test_a_launcher_whose_supervisor_dies_first_never_becomes_the_program(tmp_path: Path) -> None:
    gate, release = os.pipe()
    launcher = subprocess.Popen(
        [sys.executable, "localcloud/process_launcher.py", str(gate), "touch", str(tmp_path / "ran")],
        cwd=REPOSITORY,
        pass_fds=(gate,),
    )
    os.close(gate)
    os.close(release)
    assert launcher.wait(10) == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("manner", "grace"), [("polite", 5.0), ("stubborn", 0.1)])
def test_stop_takes_the_whole_group(tmp_path: Path, manner: str, grace: float) -> None:
    async def scenario() -> list[int]:
        child = python(tmp_path, PARENT, str(tmp_path / "pids"), manner)
        await child.start()
        await child.wait_ready(lambda: exists(tmp_path / "pids"), 10)
        await child.stop(grace)
        assert not child.running
        return wait_for_pids(tmp_path / "pids")

    wait_until_gone(asyncio.run(scenario()))


def test_a_leader_that_is_killed_takes_its_children_along_and_the_owner_hears_of_it(tmp_path: Path) -> None:
    ends: list[int] = []

    async def scenario() -> list[int]:
        child = python(tmp_path, PARENT, str(tmp_path / "pids"), on_exit=ends.append)
        await child.start()
        await child.wait_ready(lambda: exists(tmp_path / "pids"), 10)
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        return wait_for_pids(tmp_path / "pids")

    wait_until_gone(asyncio.run(scenario()))
    assert ends == [-signal.SIGKILL]


def test_a_child_that_dies_at_once_says_why_and_one_that_hangs_does_too(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async def scenario() -> None:
        dead = python(tmp_path, "print('the reason', flush=True); raise SystemExit(3)")
        await dead.start()
        began = time.monotonic()
        with pytest.raises(ChildExited, match=r"(?s)status 3.*the reason"):
            await dead.wait_ready(never, 30)
        assert time.monotonic() - began < 10

        slow = python(tmp_path, "import time; print('busy', flush=True); time.sleep(60)")
        await slow.start()
        with pytest.raises(ChildNotReady, match=r"not ready after 0\.5 s") as raised:
            await slow.wait_ready(never, 0.5)
        assert "busy" in str(raised.value)
        assert "the reason" not in str(raised.value), "the tail must not reach back into an earlier run's log"
        with pytest.raises(ChildError, match="running already"):
            await slow.start()
        await slow.kill()

        missing = Child("missing", ["/no/such/program"], env={}, log=tmp_path / "missing.log")
        await missing.start()
        with pytest.raises(ChildExited, match="No such file"):
            await missing.wait_ready(never, 10)

    asyncio.run(scenario())
