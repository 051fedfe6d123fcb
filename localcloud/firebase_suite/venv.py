"""The functions' virtual environment: what a deployment would install, for the Python that firebase.json names.

firebase-tools starts `. venv/bin/activate && functions-framework` in the functions' folder. The environment itself is
kept outside of it, in tools/firebase/.venv/RUNTIME (which git ignores), so that what is deployed stays clean.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud.emulators.errors import EmulatorMissing
from localcloud.firebase_suite.cli import FOLDER
from localcloud.firebase_suite.install import Say, run_to_end, stale
from localcloud.processes import ChildError

ENVIRONMENTS = FOLDER / ".venv"


async def functions_environment(
    runtime: str, requirements: Path, env: Mapping[str, str], run_dir: Path, say: Say
) -> Path:
    """The environment for `runtime` (as firebase.json has it: python311), made from the lock by its hashes.

    Raises EmulatorMissing where there is no such Python.
    """
    python = find_python(runtime, env)
    folder = ENVIRONMENTS / runtime
    lock = requirements.read_text()  # noqa: ASYNC240  a moment, before anything else runs
    async with stale(folder, f"{python}\n{lock}") as is_stale:
        if is_stale:
            say(f"Installing functions/requirements.txt for Python {version_of(runtime)} (once) …")
            uv = str(Path(sys.executable).parent / "uv")
            install = [uv, "pip", "install", "--python", str(folder / "bin" / "python"), "--require-hashes"]
            try:
                await run_to_end("uv-venv", [uv, "venv", "--python", python, str(folder)], env=env, run_dir=run_dir)
                await run_to_end("uv-install", [*install, "-r", str(requirements)], env=env, run_dir=run_dir)
            except ChildError as error:
                raise EmulatorMissing(f"functions/requirements.txt could not be installed.\n{error}") from error
    return folder


def version_of(runtime: str) -> str:
    """`3.11` from `python311`. Raises EmulatorMissing for a runtime of another language."""
    digits = runtime.removeprefix("python")
    if digits == runtime or not digits.isdigit():
        raise EmulatorMissing(f"firebase.json names the runtime {runtime!r}, and the functions are in Python.")
    return f"{digits[0]}.{digits[1:]}"


def find_python(runtime: str, env: Mapping[str, str]) -> str:
    """An interpreter of exactly that version. Raises EmulatorMissing, saying how to get one."""
    version = version_of(runtime)
    for candidate in _candidates(version, env):
        if _is_version(candidate, version):
            return str(candidate)
    raise EmulatorMissing(
        f"firebase.json says that the functions run on Python {version}, and python{version} is not on this machine. "
        f"Install it (pyenv install {version}, or your system's package python{version}) and see that it is on PATH."
    )


def _candidates(version: str, env: Mapping[str, str]) -> Iterator[Path]:
    yield Path(sys.executable)
    if found := shutil.which(f"python{version}", path=env.get("PATH", "")):
        yield Path(found)
    # pyenv puts a python3.12 on PATH that runs only where somebody has chosen that version.
    versions = Path(env.get("PYENV_ROOT") or Path(env.get("HOME", os.sep)) / ".pyenv") / "versions"
    yield from sorted(versions.glob(f"{version}.*/bin/python{version}"), reverse=True)


def _is_version(python: Path, version: str) -> bool:
    ask = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return said.returncode == 0 and said.stdout.strip() == version
