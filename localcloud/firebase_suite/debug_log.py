"""What firebase-tools' functions emulator does, read from the debug log that it always writes.

It has no interface for what waits and what runs. Its log has, in three kinds of line (15.34):

    [debug] [TIME] [work-queue] {"queuedWork": […], "queueLength": 1, "runningWork": […], "workRunningCount": 2}
    [info] i  functions: Finished "us-central1-dispatchJob" in 31.7ms {…}
    [info] >  {"severity": "INFO", "message": …} {…}          a line that a function has written
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

_WORK_QUEUE = "[work-queue] "
_FINISHED = re.compile(r'functions: Finished "[a-z]+-[a-z]+\d+-(\w+)" in ')
_SAID = "[info] >  "


class DebugLog:
    """`read` it now and then. `counts` has `{function}:delivered`, however the function has answered.

    What the functions have written is copied to `functions_log`, one JSON object a line, as Cloud Logging has it.
    """

    def __init__(self, path: Path, functions_log: Path) -> None:
        self._path = path
        self._functions_log = functions_log
        self._offset = 0
        self._rest = b""
        self.depth = 0
        self.counts: Counter[str] = Counter()

    def read(self) -> None:
        """Take in what was added since the last time."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as log:
            log.seek(self._offset)
            added = log.read()
            self._offset += len(added)
            *lines, self._rest = (self._rest + added).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        if _WORK_QUEUE in line and line.startswith("[debug]"):
            work = _json_in(line.partition(_WORK_QUEUE)[2])
            if "queueLength" in work and "workRunningCount" in work:
                self.depth = work["queueLength"] + work["workRunningCount"]
        elif line.startswith(_SAID):
            said = _json_in(line.removeprefix(_SAID))
            if said:
                with self._functions_log.open("a", encoding="utf-8") as log:
                    log.write(f"{json.dumps(said, ensure_ascii=False)}\n")
        elif finished := _FINISHED.search(line):
            self.counts[f"{finished[1]}:delivered"] += 1


def _json_in(text: str) -> dict[str, Any]:
    """The object that the text begins with; empty where it begins with something else."""
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
