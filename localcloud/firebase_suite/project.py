"""The project folder that firebase-tools is started in: the repository's, with this run's ports and secrets beside it.

    PROJECT/firebase.json            the one that deploys; `emulators` says this run's addresses
    PROJECT/firestore.rules, …       links to the repository's, so that an edit is seen at once
    PROJECT/functions/…              links to the repository's sources
    PROJECT/functions/venv           a link to the environment that venv.py keeps
    PROJECT/functions/.secret.local  what Secret Manager would have

Nothing of a run is written into the repository, and two runs do not meet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of firebase-tools, beside those that firebase.json asks for: it cannot do without them.
_COMPANIONS = ("hub", "logging", "eventarc", "tasks")
PORTS = ("auth", "functions", "firestore", "websocket", "pubsub", "ui", *_COMPANIONS)
_OF_THE_REPOSITORY_ONLY = frozenset({"venv", "__pycache__"})


def read_config(root: Path) -> dict[str, Any]:
    """The repository's firebase.json."""
    config: dict[str, Any] = json.loads((root / "firebase.json").read_text())
    return config


def config_of_a_run(config: Mapping[str, Any], ports: Mapping[str, int], runtime: str, *, ui: bool) -> dict[str, Any]:
    """firebase.json with the addresses of this run, and the Python to run on."""
    emulators: dict[str, Any] = {
        name: {**config["emulators"].get(name, {}), "host": "127.0.0.1", "port": ports[name]}
        for name in ("auth", "functions", "firestore", "pubsub", "ui", *_COMPANIONS)
    }
    emulators["firestore"]["websocketPort"] = ports["websocket"]
    emulators["ui"]["enabled"] = ui
    functions = [{**codebase, "runtime": runtime} for codebase in config["functions"]]
    return {**config, "functions": functions, "emulators": emulators}


def write_project(
    folder: Path, root: Path, config: Mapping[str, Any], environment: Path, secrets: Mapping[str, str]
) -> None:
    """Make the folder. `environment`: the functions' virtual environment."""
    [codebase] = config["functions"]
    functions = folder / codebase["source"]
    functions.mkdir(parents=True)
    (folder / "firebase.json").write_text(json.dumps(config, indent=2))
    for name in config["firestore"].values():
        (folder / name).symlink_to(root / name)
    for source in (root / codebase["source"]).iterdir():
        if source.name not in _OF_THE_REPOSITORY_ONLY and not source.name.startswith("."):
            (functions / source.name).symlink_to(source)
    (functions / "venv").symlink_to(environment)
    local = functions / ".secret.local"
    local.touch(mode=0o600)
    local.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
