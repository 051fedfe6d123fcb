"""Tests that run under Node: the packages of a folder, and a program that must end well."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

INSTALL_SECONDS = 200

needs_node = pytest.mark.skipif(
    os.environ.get("STORYVOICE_WITHOUT_NODE") == "1", reason="STORYVOICE_WITHOUT_NODE=1 leaves out what needs Node"
)


def install(folder: Path, purpose: str) -> None:
    """`folder`/node_modules as its package-lock.json has them; installed once, and again when the lock has changed.

    Fails the test where there is no Node, and says what Node is needed for.
    """
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.fail(
            f"{' and '.join(missing)} cannot be found: {purpose}, 20 or later. "
            "Install it, or set STORYVOICE_WITHOUT_NODE=1 to leave these tests out.",
            pytrace=False,
        )
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".stamp"
    stamp.parent.mkdir(exist_ok=True)
    with alone(folder):
        if not stamp.exists() or stamp.read_text() != lock:
            finished(["npm", "ci"], folder, INSTALL_SECONDS)
            stamp.write_text(lock)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time is past this point: several of pytest may come to install or unpack."""
    with (folder / "package-lock.json").open() as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


def finished(command: list[str], folder: Path, seconds: float, variables: Mapping[str, str] | None = None) -> str:
    """What it printed. Fails with both of its outputs unless it ended well and in time."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, (
        f"{command[:2]} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout
