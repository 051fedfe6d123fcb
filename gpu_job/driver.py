"""Starts a worker on a driver that torch's CUDA can use: `python -m gpu_job.driver gpu_job.handler`.

torch is locked with CUDA 13, which wants NVIDIA's driver 580 or later. Cloud Run's machines with an L4 have 535, for
CUDA 12.2 (Google's "GPU support for services"). For its data centre GPUs NVIDIA has libraries that stand between the
two, the "forward compatibility package", which the image holds. Where the driver is new enough they would be in the
way: CUDA then fails with error 803.

    the host's driver is for CUDA 12.2     LD_LIBRARY_PATH begins with the package, and the worker runs
    13.0 or later, or there is no driver   the worker runs
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

COMPATIBILITY = Path("/opt/cuda-compat")
_RUNTIME = "nvidia-cuda-runtime"  # the package of the CUDA that torch brings along
Cuda = tuple[int, int]


def environment(environ: Mapping[str, str], *, needed: Cuda | None, offered: Cuda | None) -> dict[str, str]:
    """What the worker gets: CUDA as torch needs it and as the host's driver offers it decide."""
    if needed is None or offered is None or offered >= needed:
        return dict(environ)
    paths = [str(COMPATIBILITY), *filter(None, environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))]
    return {**environ, "LD_LIBRARY_PATH": os.pathsep.join(paths)}


def needed_cuda() -> Cuda | None:
    """None where torch has none."""
    try:
        major, minor, *_ = version(_RUNTIME).split(".")
    except PackageNotFoundError:
        return None
    return int(major), int(minor)


def offered_cuda(library: str = "libcuda.so.1") -> Cuda | None:
    """None where there is no driver, or one that does not say.

    Source: CUDA Driver API, cuDriverGetVersion: 1000 times the major version and 10 times the minor; it needs no GPU.
    """
    try:
        ask = ctypes.CDLL(library).cuDriverGetVersion
    except (OSError, AttributeError):
        return None
    said = ctypes.c_int()
    if ask(ctypes.byref(said)) != 0:
        return None
    return said.value // 1000, said.value % 1000 // 10


def main() -> None:
    """Becomes the worker: the same process, so signals and its end are the platform's."""
    found = environment(os.environ, needed=needed_cuda(), offered=offered_cuda())
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[1:]], found)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main()
