"""firebase-tools as one service: `prepare` what it needs, `start` its emulators, `stop` them with all they started."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import aiohttp

from localcloud.emulators.errors import EmulatorError
from localcloud.firebase_suite import binaries
from localcloud.firebase_suite.cli import FOLDER, firebase_command
from localcloud.firebase_suite.install import Say, alone, say_nothing
from localcloud.firebase_suite.project import config_of_a_run, read_config, write_project
from localcloud.firebase_suite.ui import find_ui
from localcloud.firebase_suite.venv import functions_environment
from localcloud.processes import Child

EMULATORS = ("functions", "auth", "firestore", "pubsub")
log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[2]
_SHIM = Path(__file__).parent / "shim"
_START_SECONDS = 200  # 20 on a machine that has nothing else to do
_STOP_SECONDS = 30.0
_READY = b"All emulators ready!"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "JAVA_HOME", "PYENV_ROOT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_CALL = aiohttp.ClientTimeout(total=30)


class FirebaseSuite:
    """The emulators of one project, each at 127.0.0.1:`ports[name]` (project.PORTS are their names)."""

    def __init__(
        self,
        project: str,
        run_dir: Path,
        ports: Mapping[str, int],
        *,
        only: Sequence[str] = EMULATORS,
        runtime: str | None = None,
        data_dir: Path | None = None,
        ui: bool = False,
        say: Say = say_nothing,
    ) -> None:
        """`runtime`: a Python other than firebase.json's (`python312`). `data_dir`: documents and accounts are read
        from there at the start, if `export` has ever written them. `ui`: with the Emulator UI, if it can be had.
        """
        self.project = project
        self.ports = dict(ports)
        self.without_ui = "" if ui else "It was not asked for."
        self.folder = run_dir / "firebase"
        self._run_dir = run_dir
        self._only = only
        self._config = read_config(_ROOT)
        self._runtime = runtime or self._config["functions"][0]["runtime"]
        self._data_dir = data_dir
        self._ui = ui
        self._say = say
        self._command: list[str] = []
        self._environment: dict[str, str] = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._venv = Path()
        self._tether: TextIO | None = None
        self._child: Child | None = None
        self._stopping = False

    def address(self, emulator: str) -> str:
        """host:port"""
        return f"127.0.0.1:{self.ports[emulator]}"

    @property
    def debug_log(self) -> Path:
        return self.folder / "firebase-debug.log"

    async def prepare(self) -> None:
        """Find or install what is to be run. Raises EmulatorMissing for the first thing that cannot be had."""
        env = dict(os.environ)
        requirements = _ROOT / self._config["functions"][0]["source"] / "requirements.txt"
        self._command = await firebase_command(env, self._run_dir, self._say)
        self._venv = await functions_environment(self._runtime, requirements, env, self._run_dir, self._say)
        if {"firestore", "pubsub"} & set(self._only):
            lock = self._run_dir / "tether"
            self._tether = lock.open("w")
            fcntl.flock(self._tether, fcntl.LOCK_EX)
            self._environment |= await binaries.provide(env, self._run_dir / "programs", lock)
        if self._ui:
            self.without_ui = await find_ui(env)

    async def start(self, variables: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """After `prepare`. `variables` and `secrets` are what the functions are to be told.

        Returns when the functions are loaded. Raises ChildError, or EmulatorError where they cannot be loaded.
        """
        self._say("Starting the Firebase emulators (about 20 s) …")
        config = config_of_a_run(self._config, self.ports, self._runtime, ui=not self.without_ui)
        write_project(self.folder, _ROOT, config, self._venv, secrets)
        self._child = Child(
            "firebase-tools",
            [*self._command, *self._arguments()],
            env={**variables, **self._environment, **self._settings()},
            log=self._run_dir / "firebase.log",
            cwd=self.folder,
            on_exit=self._ended,
        )
        try:
            # firebase-tools has the functions described on the first free port from 8081: two at once take the same.
            async with alone(FOLDER):
                await self._child.start()
                await self._child.wait_ready(self._is_ready, _START_SECONDS)
            await self._check_loaded(self._child)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """In its own way first, which lets functions finish; whatever is left after that is killed."""
        self._stopping = True
        if self._child and self._child.running:
            # Only firebase-tools is told: a function's process that is signalled with it keeps it waiting for a minute.
            os.kill(self._child.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), _STOP_SECONDS)
            await self._child.kill()
        if self._tether:
            self._tether.close()  # see tether.py: this ends the emulators that are still there

    async def export(self) -> None:
        """Write documents and accounts below `data_dir`, as `firebase emulators:export` does. Raises EmulatorError."""
        if self._data_dir is None:
            raise EmulatorError("There is no data folder to export to.")
        body = {
            "path": str(self._kept_in(self._data_dir)),
            "initiatedBy": "emulators:export",
            "targets": ["auth", "firestore"],
        }
        url = f"http://{self.address('hub')}/_admin/export"
        async with aiohttp.ClientSession(timeout=_CALL) as session, session.post(url, json=body) as response:
            if response.status != 200:
                raise EmulatorError(f"firebase-tools could not export: status {response.status}.")

    async def triggers(self) -> list[dict[str, Any]]:
        """The functions that the functions emulator has loaded, as it describes them."""
        url = f"http://{self.address('functions')}/backends"
        async with aiohttp.ClientSession(timeout=_CALL) as session, session.get(url) as response:
            answer = await response.json()
        found: list[dict[str, Any]] = answer["backends"][0]["functionTriggers"]
        return found

    async def _check_loaded(self, child: Child) -> None:
        """firebase-tools calls itself ready although main.py could not be imported."""
        if not await self.triggers():
            raise EmulatorError(f"firebase-tools could not load the functions.\n{child.log_tail()}")

    def _arguments(self) -> list[str]:
        arguments = ["emulators:start", "--project", self.project, "--only", ",".join(self._only), "--non-interactive"]
        if self._data_dir:
            kept = self._kept_in(self._data_dir)
            if (kept / "firebase-export-metadata.json").exists():
                arguments += ["--import", str(kept)]
        return arguments

    @staticmethod
    def _kept_in(data_dir: Path) -> Path:
        return data_dir.resolve() / "firebase"

    def _ended(self, status: int) -> None:
        if not self._stopping:
            log.warning("The Firebase emulators ended with status %d; see %s.", status, self._run_dir / "firebase.log")

    def _settings(self) -> dict[str, str]:
        temporary, home = self._run_dir / "tmp", self._run_dir / "config"
        temporary.mkdir(exist_ok=True)
        return {
            "PYTHONPATH": str(_SHIM),
            "TMPDIR": str(temporary),
            "XDG_CONFIG_HOME": str(home),  # whoever is logged in to Firebase on this machine is not used here
            "METADATA_SERVER_DETECTION": "none",
            "CI": "1",  # nothing is asked, and no message of the day is fetched
            "NO_UPDATE_NOTIFIER": "1",
            "NO_COLOR": "1",
        }

    async def _is_ready(self) -> bool:
        return self._child is not None and _READY in self._child.log.read_bytes()
