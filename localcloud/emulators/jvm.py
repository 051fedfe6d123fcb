"""What both emulators have in common: a jar in a Java process, a port, and an HTTP interface beside gRPC on it."""

from __future__ import annotations

import asyncio
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from localcloud.emulators import java
from localcloud.emulators.artifacts import Artifact, find_jar
from localcloud.emulators.errors import EmulatorError
from localcloud.emulators.ports import free_port
from localcloud.processes import Child

_START_SECONDS = 60
_CALL = aiohttp.ClientTimeout(total=60)


class JvmEmulator:
    """One emulator on 127.0.0.1. Its port is known from the beginning: others can be told before it is up."""

    artifact: Artifact
    main_class: str
    heap = "512m"

    def __init__(
        self, project: str, *, run_dir: Path, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """`env`: where to look for Java and the jar, and what the emulator inherits; this process's by default."""
        self.project = project
        self.port = port or free_port()
        self._env = dict(os.environ if env is None else env)
        self._log = run_dir / f"{self.artifact.component}.log"
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def address(self) -> str:
        """host:port, as FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST want it."""
        return f"127.0.0.1:{self.port}"

    @property
    def child(self) -> Child:
        if self._child is None:
            raise EmulatorError(f"The {self.artifact.title} has not been started.")
        return self._child

    async def start(self) -> None:
        """Returns when it answers. Raises EmulatorMissing or ChildError."""
        jar = await find_jar(self.artifact, self._env)
        runtime = await asyncio.to_thread(java.find_java, self._env)
        command = [str(runtime), *java.FLAGS, f"-Xmx{self.heap}", *entry(jar, self.main_class), *self._arguments()]
        self._session = aiohttp.ClientSession(f"http://{self.address}", timeout=_CALL)
        self._child = Child(self.artifact.component, command, env=self._env, log=self._log)
        try:
            await self._child.start()
            await self._child.wait_ready(self._answers, _START_SECONDS)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Nothing worth keeping is in the process (exports are asked for beforehand), so it is simply killed."""
        if self._session:
            await self._session.close()
        if self._child:
            await self._child.kill()

    async def call(self, method: str, path: str, body: Any = None, *, accept: tuple[int, ...] = ()) -> Any:
        """The JSON answer. Raises EmulatorError for statuses from 400 that `accept` does not name."""
        if self._session is None:
            raise EmulatorError(f"The {self.artifact.title} has not been started.")
        try:
            async with self._session.request(method, path, json=body, headers=_OWNER) as response:
                answer = await response.json(content_type=None) if response.status != 404 else {}
                if response.status >= 400 and response.status not in accept:
                    reason = answer.get("error", {}).get("message", "") if isinstance(answer, dict) else ""
                    raise EmulatorError(
                        f"The {self.artifact.title} answered {response.status} to {method} {path}: {reason}"
                    )
                return answer
        except aiohttp.ClientError as error:
            raise EmulatorError(f"The {self.artifact.title} does not answer: {error}") from error

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    async def _answers(self) -> bool:
        if self._session is None:
            return False
        try:
            async with self._session.get("/") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


# The emulators take this token for one of the project's owner, to whom no rules apply.
_OWNER = {"Authorization": "Bearer owner"}


def entry(jar: Path, main_class: str) -> list[str]:
    """Java's arguments: firebase-tools' jars name their main class in the manifest, gcloud's Firestore jar does not."""
    with zipfile.ZipFile(jar) as contents:
        manifest = contents.read("META-INF/MANIFEST.MF")
    return ["-jar", str(jar)] if b"Main-Class:" in manifest else ["-cp", str(jar), main_class]
