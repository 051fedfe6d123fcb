"""functions/ on each Python that Cloud Functions has for us: it installs alone, and the official tools discover it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.emulators.errors import EmulatorMissing
from localcloud.firebase_suite.cloud import free_ports
from localcloud.firebase_suite.project import PORTS
from localcloud.firebase_suite.suite import FirebaseSuite
from localcloud.firebase_suite.venv import find_python, version_of
from tests.boundaries.test_functions_alone import RUNTIME as FUNCTIONS

REQUIREMENTS = Path(__file__).parents[2] / "functions" / "requirements.txt"
RUNTIMES = ("python311", "python312", "python313")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_there_is_a_wheel_of_everything(runtime: str, tmp_path: Path) -> None:
    """By the hashes of the lock, with nothing built and nothing else installed: as Cloud Build resolves it."""
    uv = Path(sys.executable).parent / "uv"
    asked = ["--require-hashes", "--only-binary", ":all:", "--python-version", version_of(runtime)]
    done = subprocess.run(
        [uv, "pip", "install", "--dry-run", "--target", tmp_path, *asked, "-r", REQUIREMENTS],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "firebase-functions" in done.stderr


@pytest.mark.skipif(
    os.environ.get("STORYVOICE_WITHOUT_NODE") == "1", reason="STORYVOICE_WITHOUT_NODE=1 leaves out what needs Node"
)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_official_tools_discover_every_function(runtime: str, tmp_path: Path) -> None:
    try:
        find_python(runtime, os.environ)
    except EmulatorMissing as error:
        pytest.skip(str(error))

    assert asyncio.run(_discovered(runtime, tmp_path)) == set(FUNCTIONS)


async def _discovered(runtime: str, run_dir: Path) -> set[str]:
    """The names of the functions that firebase-tools has loaded on this Python."""
    suite = FirebaseSuite("demo-runtimes", run_dir, free_ports(PORTS), only=("functions",), runtime=runtime)
    try:
        await suite.prepare()
        await suite.start({}, {})
        return {trigger["entryPoint"] for trigger in await suite.triggers()}
    finally:
        await suite.stop()
