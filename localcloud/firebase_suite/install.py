"""What is installed once, and again when its lock file has changed: a stamp in its folder says which it is."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from localcloud.processes import Child, ChildError

Say = Callable[[str], None]  # tells whoever waits what is being done now
_LOCK_POLL_SECONDS = 0.2


def say_nothing(text: str) -> None:
    del text


@contextlib.asynccontextmanager
async def stale(folder: Path, stamp: str) -> AsyncIterator[bool]:
    """Whether `folder` has to be made (again): `async with stale(…) as is_stale:`.

    Several processes may come here at once: one makes it, the others wait. The stamp is written when the block has
    ended well; if it has not, the next one begins with an empty folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    written = folder / ".storyvoice-stamp"
    async with alone(folder.parent):
        if written.exists() and written.read_text() == stamp:
            yield False
            return
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        yield True
        written.write_text(stamp)


async def run_to_end(
    name: str, argv: Sequence[str], *, env: Mapping[str, str], run_dir: Path, cwd: Path | None = None
) -> None:
    """Raises ChildError, with the tail of what it said, where it does not end with status 0."""
    child = Child(name, argv, env=env, log=run_dir / f"{name}.log", cwd=cwd)
    try:
        await child.start()
        status = await child.wait()
    finally:
        await child.kill()
    if status != 0:
        raise ChildError(f"{name} ended with status {status}.\n{child.log_tail()}")


@contextlib.asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[None]:
    """No other process is in here with the same folder. Polled: a thread that waits for a lock cannot be cancelled."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while not _locked(descriptor):  # noqa: ASYNC110  another process cannot set an event of ours
            await asyncio.sleep(_LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
