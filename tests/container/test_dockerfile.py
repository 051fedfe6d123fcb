"""The image cannot be built here, so its Dockerfile is followed: what it copies and installs has to run what it starts.

torch and the engine's packages are gigabytes and stay out; tests/engines run in an environment of the same locks.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import pytest

from gpu_job.driver import COMPATIBILITY
from tests.container.dockerfile import DOCKERFILE, ROOT, command, copy, environment, ignored, instructions

BUILT = instructions(DOCKERFILE.read_text())
BIN = Path(sys.executable).parent
WORKERS_LOCK = "gpu_job/requirements.txt"
STAGES = ("runpod", "cloud-run")
# Every licence is named by its package; these are what an image that we hand on may not hold.
LICENCES = r"""
import importlib.metadata as metadata, re
for found in metadata.distributions():
    said = [found.metadata.get("License-Expression") or "", (found.metadata.get("License") or "")[:80]]
    said += [each for each in found.metadata.get_all("Classifier") or [] if each.startswith("License")]
    if re.search(r"(?<!L)\bA?GPL|(?<!Lesser )General Public|GNU Affero", "; ".join(said)):
        print(found.metadata["Name"])
"""


def locks() -> list[str]:
    """The files that the build installs, in its order, as paths of the repository."""
    copied: dict[str, str] = {}
    installed = []
    for each in BUILT:
        if each.keyword == "COPY" and each.stage == "build":
            *sources, to = each.arguments.split()
            copied.update({to if not to.endswith("/") else to + Path(source).name: source for source in sources})
        for install in re.findall(r"pip install ([^&]*)", each.arguments if each.keyword == "RUN" else ""):
            assert {"--require-hashes", "--no-deps"} <= set(install.split()), "what is not locked is not installed"
            installed.append(copied[install.split(" -r ")[1].strip()])
    return installed


def pins(lock: str) -> dict[str, str]:
    """What a lock installs on the image's Python."""
    found = re.findall(r"^([\w-]+)==(\S+)(?: ; (.*?))?\s*\\$", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: version for name, version, marker in found if "python_full_version >= '3.12'" not in marker}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with /app and /opt/worker, torch and the engine apart."""
    root = tmp_path_factory.mktemp("image")
    copy(BUILT, "worker", root)
    copy(BUILT, "build", root)
    uv, worker = str(BIN / "uv"), str(root / "opt/worker")
    subprocess.run([uv, "--quiet", "venv", "--python", sys.executable, worker], check=True)
    install = ["pip", "install", "--require-hashes", "--no-deps", "-r", str(root / "build/requirements.txt")]
    subprocess.run([uv, "--quiet", *install, "--python", worker], check=True)
    return root


def run(image: Path, argv: list[str], stage: str) -> subprocess.CompletedProcess[str]:
    assert argv[0] == "python"
    env = {**environment(BUILT, stage), "PYTHONPATH": str(image / "app"), "HOME": str(image), "ENGINE": "none"}
    python = str(image / "opt/worker/bin/python")
    return subprocess.run(
        [python, *argv[1:]], cwd="/", env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("stage", STAGES)
def test_what_it_starts_finds_all_that_it_imports(image: Path, stage: str) -> None:
    """As far as its settings, which nobody has made."""
    ended = run(image, command(BUILT, stage), stage)
    assert ended.returncode == 1
    assert "SettingError: Set GOOGLE_CLOUD_PROJECT, R2_ENDPOINT" in ended.stderr, ended.stderr[-2000:]


def test_the_decoder_of_recordings_starts_without_the_workers_environment(image: Path) -> None:
    """It gets the path of gpu_job and nothing else (gpu_job/recordings.py)."""
    ended = run(image, ["python", "-c", "import gpu_job.decoding, av; print(gpu_job.__file__)"], "runpod")
    assert ended.stdout.strip() == str(image / "app/gpu_job/__init__.py"), ended.stderr


def test_the_locks_are_complete_and_free(image: Path) -> None:
    check = subprocess.run(
        [BIN / "uv", "pip", "check", "--python", image / "opt/worker"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr
    assert run(image, ["python", "-c", LICENCES], "runpod").stdout.split() == []


def test_the_locks_agree() -> None:
    """Each is installed without regard to the others: the last one that has a package decides about it."""
    installed = [pins(lock) for lock in locks()]
    assert len(installed) == 4
    last = {name: version for lock in installed for name, version in lock.items()}
    different = {name for lock in installed for name, version in lock.items() if version != last[name]}
    assert different <= {"setuptools"}, "torch locks its own, and takes any"
    assert int(last["setuptools"].partition(".")[0]) < 81, "the watermark needs pkg_resources"


def test_only_what_it_needs_is_in_the_context(image: Path) -> None:
    folders = {path.name for path in (image / "app").iterdir()}
    assert folders == {"jobs", "gpu_job"}
    assert not list((image / "app").rglob("__pycache__"))
    for path in (
        "README.md",
        "functions/main.py",
        "functions/.env",
        ".git/config",
        "localcloud/cloud.py",
        "gpu_job/Dockerfile",
    ):
        assert ignored(Path(path)), path


def test_ffmpeg_is_the_one_that_pyav_was_made_for() -> None:
    [python] = {each.arguments for each in BUILT if each.keyword == "ARG" and each.arguments.startswith("PYTHON=")}
    if f"python:{sys.version_info.major}.{sys.version_info.minor}-" not in python:
        pytest.skip(f"this Python has another PyAV than the image ({python})")
    [ffmpeg] = [each.arguments for each in BUILT if each.keyword == "ADD"]
    assert f"/ffmpeg-{av.ffmpeg_version_info}.tar.xz" in ffmpeg, "PyAV was upgraded: upgrade FFmpeg with it"
    assert re.match(r"--checksum=sha256:[0-9a-f]{64} https://", ffmpeg)


def test_what_stands_in_for_an_old_driver_is_of_the_cuda_that_torch_brings() -> None:
    [image] = {each.arguments for each in BUILT if each.keyword == "ARG" and each.arguments.startswith("CUDA=")}
    brought = pins("gpu_job/engines/chatterbox/torch.txt")["nvidia-cuda-runtime"]
    assert re.match(r"CUDA=nvidia/cuda:(\d+\.\d+)\.", image)[1] == brought.rpartition(".")[0]  # type: ignore[index]
    [copied] = [each.arguments for each in BUILT if each.arguments.startswith("--from=cuda ")]
    assert copied.split()[-1] == str(COMPATIBILITY)


def test_it_does_not_run_as_root() -> None:
    for stage in STAGES:
        assert [each.arguments for each in BUILT if each.keyword == "USER" and each.stage in {"worker", stage}] == [
            "10001"
        ]


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def healthy() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_health_check_sees_whether_it_answers(healthy: int) -> None:
    argv = [sys.executable, *command(BUILT, "cloud-run", "HEALTHCHECK")[1:]]
    statuses = [
        subprocess.run(argv, env={"PORT": str(port)}, capture_output=True, timeout=20, check=False).returncode
        for port in (healthy, 9)
    ]
    assert statuses == [0, 1]


def test_hadolint_finds_nothing() -> None:
    found = subprocess.run([BIN / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
