"""Child processes that never outlive the supervisor, however it ends.

    supervisor ──┬── guardian     reads a pipe that only the supervisor writes; at its end kills every group on its list
                 ├── child        leader of a session and a process group of its own
                 │     └── its own children, in the same group
                 └── child …

A signal goes to a whole group, and what is left of a group when its leader ends is killed. A descendant that starts a
session of its own escapes; none of ours does. (Linux's PR_SET_PDEATHSIG is not used: it follows the thread that forked,
not the process, and the guardian does the same on every system.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

_HERE = Path(__file__).parent
_TAIL_BYTES = 8_192
_TAIL_LINES = 40
_PROBE_SECONDS = 0.02


class ChildError(RuntimeError):
    """A child process is not as it should be; the message ends with the tail of its log."""


class ChildExited(ChildError):
    """It ended before it was ready."""


class ChildNotReady(ChildError):
    """It runs, but was not ready in time."""


class Guardian:
    """The watcher that outlives the supervisor by the moment that it takes to kill what is left."""

    _shared: Guardian | None = None

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(_HERE / "process_guardian.py")],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    @classmethod
    def shared(cls) -> Guardian:
        """The one of this process, started at the first use and again if somebody has killed it."""
        if cls._shared is None or cls._shared._process.poll() is not None:
            cls._shared = cls()
            for child in Child.running_children:
                cls._shared.watch(child.pid)
        return cls._shared

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # a dead guardian keeps no list
            self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise RuntimeError("the guardian was started without a pipe")
        stdin.write(line.encode())


class Child:
    """One program, its log, its end. It can be started again once it has ended; when to do so is its owner's affair."""

    running_children: ClassVar[set[Child]] = set()

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        on_exit: Callable[[int], None] | None = None,
    ) -> None:
        """`env` is the whole environment. `log` is appended to. `on_exit` gets the status (negative: a signal)."""
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = dict(env)
        self._cwd = cwd
        self._pass_fds = tuple(pass_fds)
        self._on_exit = on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[int] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Of the leader, which is also the number of the group. Raises ChildError before the first start."""
        if self._process is None:
            raise ChildError(f"{self.name} was never started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self in Child.running_children

    async def start(self) -> None:
        if self.running:
            raise ChildError(f"{self.name} is running already (process {self.pid}).")
        gate, release = os.pipe()
        try:
            self._process = await self._spawn(gate)
            Guardian.shared().watch(self._process.pid)
            Child.running_children.add(self)
            os.write(release, b"!")
        finally:
            os.close(gate)
            os.close(release)  # unwritten, this ends the launcher
        self._ended = asyncio.create_task(self._watch(self._process), name=f"watch {self.name}")

    async def wait(self) -> int:
        """Until it has ended and its group with it; the return code."""
        if self._ended is None:
            raise ChildError(f"{self.name} was never started.")
        return await asyncio.shield(self._ended)

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Ask `probe` until it says yes. Raises ChildExited once the child has ended, ChildNotReady after `seconds`."""
        ready = asyncio.create_task(_until(probe))
        ended = asyncio.create_task(self.wait())
        try:
            done, _ = await asyncio.wait({ready, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if ready in done:
                ready.result()
            elif ended in done:
                raise ChildExited(
                    f"{self.name} ended with status {ended.result()} before it was ready.\n{self.log_tail()}"
                )
            else:
                raise ChildNotReady(f"{self.name} was not ready after {seconds:g} s.\n{self.log_tail()}")
        finally:
            for task in (ready, ended):
                task.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def stop(self, grace: float = 5.0) -> None:
        """SIGTERM to the group, SIGKILL to what is left after `grace` seconds; returns when all is gone."""
        if not self.running:
            return
        try:
            _signal_group(self.pid, signal.SIGTERM)
            await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            pass  # the grace is over
        finally:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the group; returns when the leader is reaped."""
        if self.running:
            _signal_group(self.pid, signal.SIGKILL)
            await self.wait()

    def log_tail(self) -> str:
        """The last lines that it wrote since it was last started, with the log's path."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, size - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        except FileNotFoundError:
            lines = []
        return "\n".join([f"--- {self.log} ---", *(lines or ["(empty)"])])

    async def _spawn(self, gate: int) -> asyncio.subprocess.Process:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-S", "-E", str(_HERE / "process_launcher.py"), str(gate), *self._argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                pass_fds=(gate, *self._pass_fds),
            )

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        status = await process.wait()
        _signal_group(process.pid, signal.SIGKILL)  # the leader's children, if they did not end with it
        Guardian.shared().release(process.pid)
        Child.running_children.discard(self)
        if self._on_exit:
            self._on_exit(status)
        return status


async def _until(probe: Callable[[], Awaitable[bool]]) -> None:
    while not await probe():  # noqa: ASYNC110  another process cannot set an event of ours
        await asyncio.sleep(_PROBE_SECONDS)


def _signal_group(group: int, number: signal.Signals) -> None:
    # macOS says PermissionError for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
