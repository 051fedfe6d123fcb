"""What firebase-tools starts in place of what it would download: `java`, the Firestore jar, the Pub/Sub script.

    bin/java        a Java that is new enough, first on PATH, tied to the supervisor by tether.py
    firestore.jar   nothing but a manifest: firebase-tools says `java -jar`, and gcloud's jar names no main class
    bin/pubsub      the Pub/Sub jar by that Java

FIRESTORE_EMULATOR_BINARY_PATH and PUBSUB_EMULATOR_BINARY_PATH are firebase-tools' own variables.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from localcloud.emulators import java
from localcloud.emulators.artifacts import FIRESTORE, PUBSUB, find_jar
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.emulators.jvm import entry
from localcloud.emulators.pubsub import PubSubEmulator

OLDEST_JAVA = 21  # firebase-tools 15 refuses to start with less
_TETHER = Path(__file__).parent / "tether.py"
_MANIFEST_LINE_BYTES = 72


async def provide(env: Mapping[str, str], folder: Path, lock: Path) -> dict[str, str]:
    """Write them below `folder`; the variables that make firebase-tools use them. Raises EmulatorMissing."""
    runtime = await asyncio.to_thread(java.find_java, env, OLDEST_JAVA)
    firestore, pubsub = await find_jar(FIRESTORE, env), await find_jar(PUBSUB, env)
    programs = folder / "bin"
    programs.mkdir(parents=True)
    tied = [sys.executable, "-S", "-E", str(_TETHER), str(lock), str(runtime), *java.FLAGS]
    ours = _script(programs / "java", tied)
    manifest_jar = folder / "firestore.jar"
    write_manifest_jar(manifest_jar, FirestoreEmulator.main_class, firestore)
    heap = f"-Xmx{PubSubEmulator.heap}"
    return {
        "PATH": f"{programs}:{env.get('PATH', '')}",
        "FIRESTORE_EMULATOR_BINARY_PATH": str(manifest_jar),
        "PUBSUB_EMULATOR_BINARY_PATH": _script(
            programs / "pubsub", [ours, heap, *entry(pubsub, PubSubEmulator.main_class)]
        ),
    }


def write_manifest_jar(path: Path, main_class: str, jar: Path) -> None:
    """A jar that runs `main_class` of `jar`. The class path is a URL, so that any path can be said."""
    lines = ("Manifest-Version: 1.0", f"Main-Class: {main_class}", f"Class-Path: {jar.resolve().as_uri()}")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "".join(f"{_folded(line)}\n" for line in lines))


def _folded(line: str) -> str:
    """The JAR specification allows 72 bytes a line; what is longer goes on after a space."""
    first, rest = line[: _MANIFEST_LINE_BYTES - 2], line[_MANIFEST_LINE_BYTES - 2 :]
    step = _MANIFEST_LINE_BYTES - 3
    return "\n ".join([first, *(rest[at : at + step] for at in range(0, len(rest), step))])


def _script(path: Path, command: list[str]) -> str:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o700)
    return str(path)
