"""The Firebase CLI as tools/firebase/package-lock.json pins it, installed by npm when it is first needed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from localcloud.emulators.errors import EmulatorMissing
from localcloud.firebase_suite.install import Say, run_to_end, stale
from localcloud.processes import ChildError

FOLDER = Path(__file__).parents[2] / "tools" / "firebase"
OLDEST_NODE = 20
_PROGRAM = "node_modules/firebase-tools/lib/bin/firebase.js"


async def firebase_command(env: Mapping[str, str], run_dir: Path, say: Say) -> list[str]:
    """What to run in place of `firebase`. Raises EmulatorMissing, saying what to install."""
    node, npm = find_node(env)
    lock = (FOLDER / "package-lock.json").read_bytes()
    async with stale(FOLDER / "node_modules", hashlib.sha256(lock).hexdigest()) as is_stale:
        if is_stale:
            say("Installing the Firebase CLI (once, 250 MB, about half a minute) …")
            try:
                # No install scripts: none of them is needed, and what runs here is what the lock's hashes say.
                await run_to_end("npm", [npm, "ci", "--ignore-scripts"], env=env, run_dir=run_dir, cwd=FOLDER)
            except ChildError as error:
                raise EmulatorMissing(
                    f"npm could not install the Firebase CLI; see what it says, and try again when it can reach the "
                    f"npm registry.\n{error}"
                ) from error
    return [node, str(FOLDER / _PROGRAM)]


def find_node(env: Mapping[str, str]) -> tuple[str, str]:
    """Node and npm. Raises EmulatorMissing where one is missing or too old."""
    node, npm = (shutil.which(tool, path=env.get("PATH", "")) for tool in ("node", "npm"))
    if not node or not npm:
        raise EmulatorMissing(
            f"{'npm' if node else 'Node'} cannot be found. The Firebase Emulator Suite needs Node {OLDEST_NODE} or "
            "later with npm: install it and see that it is on PATH. `./dev up` is a local cloud that needs neither."
        )
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    major = said.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        raise EmulatorMissing(
            f"The Firebase Emulator Suite needs Node {OLDEST_NODE} or later; {node} is {said or 'not to be run'}. "
            "Install a newer one, and see that it comes first on PATH."
        )
    return node, npm
