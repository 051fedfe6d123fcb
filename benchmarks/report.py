"""What a benchmark says: the machine, then a line per figure with median, spread and what was to be reached."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


class Report:
    """Lines that are printed as they come and kept as a small text file."""

    def __init__(self, name: str, runs: int, jobs: int | None = None, seed: int = 0) -> None:
        """`jobs` and `seed` are for those benchmarks whose size and chance can be chosen."""
        self.name = name
        self.runs = runs
        self.jobs = jobs
        self.seed = seed
        self._lines: list[str] = []
        self.say(f"{name}: {datetime.now(UTC):%Y-%m-%d}, {machine()}")

    def say(self, line: str) -> None:
        print(line, flush=True)
        self._lines.append(line)

    def figure(self, what: str, values: Sequence[float], unit: str, reach: str = "") -> float:
        """One figure: the median of the runs, with their minimum and maximum. Returns the median."""
        median = statistics.median(values)
        spread = f"{min(values):.3g} to {max(values):.3g}, n={len(values)}"
        said = f"; reach {reach}" if reach else ""
        self.say(f"  {what:<44} {median:>9.4g} {unit:<10} ({spread}{said})")
        return median

    def save(self, path: Path) -> None:
        path.write_text("\n".join(self._lines) + "\n")


def machine() -> str:
    """Cores, processor, memory, system: what a figure means nothing without."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores {_processor()}, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor"
