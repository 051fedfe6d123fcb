"""Kills process groups when the process that started it is gone. Run as a script by processes.py, never imported.

It reads lines from stdin, the read end of a pipe whose only writer is the supervisor: `+PGID` from now on belongs to
it, `-PGID` no longer does. The kernel closes the pipe however the supervisor ends, SIGKILL included. At end of file,
every group that is still on the list is killed.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a Ctrl-C is for the supervisor, which then closes the pipe
    groups: set[int] = set()
    for line in sys.stdin:
        sign, group = line[0], int(line[1:])
        if sign == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
