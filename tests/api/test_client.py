"""examples/client.py as somebody runs it who has read the README: in a process of its own, without our path."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

from localcloud.cloud import ROOT
from tests.cloud import TestCloud

CLIENT = ROOT / "examples" / "client.py"
RECORDING = ROOT / "assets" / "recording.flac"


def run(cloud: TestCloud, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    url = cloud.api_url
    command = [sys.executable, "-I", str(CLIENT), url, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_a_whole_visit(cloud: TestCloud, tmp_path: Path) -> None:
    out = tmp_path / "night.wav"

    done = run(cloud, "--recording", RECORDING, "--name", "Mum", "--text", "Good night, little mouse.", "--out", out)

    assert done.returncode == 0, done.stderr
    registered, ready, voices, spoken = done.stdout.splitlines()
    assert registered.startswith("Registered as guest-")
    assert ready == "The voice Mum is ready."
    assert voices.startswith("Voices: Built-in voice (default), Mum (")
    with wave.open(str(out)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert 0.8 < seconds < 5
    assert spoken.startswith(f"{seconds:.2f}"[:3])


def test_a_refusal_is_a_sentence(cloud: TestCloud) -> None:
    done = run(cloud, "--username", "nobody-at-all", "--password", "wrong password")
    assert done.returncode == 1
    assert done.stderr.startswith("It did not work: ")
    assert "Traceback" not in done.stderr
