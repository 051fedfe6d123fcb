"""A cold start loads only what every function needs, and asks nobody anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
HEAVY = {
    "torch",
    "boto3",
    "botocore",
    "runpod",
    "numpy",
    "av",
    "piper",
    "onnxruntime",
    "google.cloud.tasks_v2",
    "google.cloud.pubsub_v1",
    "backend.api",
    "argon2",
}
# Every name that the process looks up and every address that it connects to ends up in `touched`.
PROBE = """
import json, sys
touched = []
def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        touched.append([event, str(arguments[1:] if event == "socket.connect" else arguments)])
sys.addaudithook(audit)
import main
print(json.dumps({"modules": sorted(sys.modules), "touched": touched}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(FUNCTIONS)}
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nothing_heavy_is_loaded(imported: dict[str, Any]) -> None:
    assert "backend.entry" in imported["modules"]
    assert HEAVY & set(imported["modules"]) == set()


def test_nobody_is_asked(imported: dict[str, Any]) -> None:
    assert imported["touched"] == []
