"""Waits for leave, then becomes the program: `process_launcher.py FD PROGRAM [ARGUMENT…]`. Run by processes.py only.

A child may not run before the guardian knows its process group, or a supervisor killed in between leaves it behind. So
the child begins as this script, in its own session already, and reads one byte from FD: a byte means that it is
registered, end of file that the supervisor died first.
"""

import os
import sys


def main() -> None:
    gate = int(sys.argv[1])
    if not os.read(gate, 1):
        sys.exit(1)
    os.close(gate)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  replacing this process by the program is the purpose
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")


if __name__ == "__main__":
    main()
