"""What a cold start of a function costs us: `import main` in a fresh process, after one that warms the disk cache."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import Report

FUNCTIONS = Path(__file__).parents[1] / "functions"
_MEASURE = """
import json, resource, time
wall = time.perf_counter()
import main
used = resource.getrusage(resource.RUSAGE_SELF)
figures = {"wall": time.perf_counter() - wall, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss / 1024}
print(json.dumps(figures))
"""


def measure(report: Report) -> None:
    """CPU is that of the whole process, the interpreter's own start included."""
    runs = [_import_once() for _ in range(report.runs + 1)][1:]
    report.figure("import main, CPU of the process", [run["cpu"] for run in runs], "s", "1.0 s")
    report.figure("import main, wall", [run["wall"] for run in runs], "s")
    report.figure("import main, peak RSS", [run["rss"] for run in runs], "MB", "130 MB")


def _import_once() -> dict[str, float]:
    command = [sys.executable, "-c", _MEASURE]
    done = subprocess.run(command, cwd=FUNCTIONS, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
