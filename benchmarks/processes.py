"""Memory and CPU of processes, as Linux accounts them."""

from __future__ import annotations

import os
from pathlib import Path


def peak_rss(pid: int, *, group: bool = True) -> float:
    """MB: the highest resident size of the largest process in the group that `pid` leads, or of `pid` alone."""
    members = _group(pid) if group else [pid]
    return max(_high_water(member) for member in members)


def cpu_seconds(pid: int, *, group: bool = True) -> float:
    """Used so far by the processes of the group that `pid` leads and live, or by `pid` alone."""
    ticks = 0
    for member in _group(pid) if group else [pid]:
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _group(leader: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getpgid(int(entry.name)) == leader:
                members.append(int(entry.name))
        except ProcessLookupError:
            continue
    return members


def _high_water(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
