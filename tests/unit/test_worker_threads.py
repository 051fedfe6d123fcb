"""A worker's process has no threads but those that it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = """
import gpu_job.narration.assembly
import os
import numpy as np
ones = np.ones((512, 512))
assert (ones @ ones)[0, 0] == 512
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_product_of_matrices_leaves_no_thread_spinning() -> None:
    """The bug: OpenBLAS' threads, one a core, took a third of the CPU that mastering and encoding cost."""
    environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"}
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, env=environ, capture_output=True, check=True)
    assert int(done.stdout) == 1
