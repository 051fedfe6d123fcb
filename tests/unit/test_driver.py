"""Which driver a worker runs on; the driver itself is made here, by the C compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_job.driver import COMPATIBILITY, Cuda, environment, offered_cuda

ROOT = Path(__file__).parents[2]


def driver(folder: Path, body: str) -> str:
    """A libcuda whose cuDriverGetVersion does this; its path."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a driver with")
    library = folder / "libcuda.so.1"
    source = f"int cuDriverGetVersion(int *version) {{ {body} }}"
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-o", library, "-"], input=source, text=True, check=True)
    return str(library)


@pytest.mark.parametrize(
    ("body", "cuda"),
    [
        ("*version = 12020; return 0;", (12, 2)),
        ("*version = 13000; return 0;", (13, 0)),
        ("*version = 13010; return 0;", (13, 1)),
        ("return 100;", None),
    ],
)
def test_the_driver_is_asked(tmp_path: Path, body: str, cuda: Cuda | None) -> None:
    assert offered_cuda(driver(tmp_path, body)) == cuda


def test_where_there_is_none(tmp_path: Path) -> None:
    assert offered_cuda(str(tmp_path / "libcuda.so.1")) is None


@pytest.mark.parametrize(
    ("needed", "offered", "path"),
    [
        ((13, 0), (12, 2), f"{COMPATIBILITY}:/usr/local/nvidia/lib64"),
        ((13, 0), (13, 0), "/usr/local/nvidia/lib64"),
        ((13, 0), (13, 1), "/usr/local/nvidia/lib64"),
        ((12, 8), (13, 0), "/usr/local/nvidia/lib64"),
        ((13, 0), None, "/usr/local/nvidia/lib64"),
        (None, (12, 2), "/usr/local/nvidia/lib64"),
    ],
)
def test_the_package_stands_in_for_an_older_driver_only(needed: Cuda | None, offered: Cuda | None, path: str) -> None:
    before = {"LD_LIBRARY_PATH": "/usr/local/nvidia/lib64", "ENGINE": "chatterbox"}
    assert environment(before, needed=needed, offered=offered) == {**before, "LD_LIBRARY_PATH": path}
    assert before["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"


def test_without_a_path_before() -> None:
    assert environment({}, needed=(13, 0), offered=(12, 2)) == {"LD_LIBRARY_PATH": str(COMPATIBILITY)}


def test_it_becomes_the_worker_on_an_older_driver(tmp_path: Path) -> None:
    """The whole way, with a driver for CUDA 12.2 and torch's runtime, as far as its name, installed."""
    driver(tmp_path, "*version = 12020; return 0;")
    installed = tmp_path / "nvidia_cuda_runtime-13.0.96.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: nvidia-cuda-runtime\nVersion: 13.0.96\n")
    code = "import json, os, sys; print(json.dumps([os.getpid(), sys.argv[1:], os.environ['LD_LIBRARY_PATH']]))"
    (tmp_path / "worker.py").write_text(code)
    environ = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "LD_LIBRARY_PATH": str(tmp_path)}
    argv = [sys.executable, "-m", "gpu_job.driver", "worker", "--flag"]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=30)
    assert json.loads(said) == [process.pid, ["--flag"], f"{COMPATIBILITY}{os.pathsep}{tmp_path}"]
