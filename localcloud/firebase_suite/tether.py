"""Ties a program to whoever holds a lock: `tether.py LOCK_FILE PROGRAM [ARGUMENT…]`. A script, never imported.

firebase-tools starts its Java emulators in sessions of their own, where no signal to its own process group reaches
them. The supervisor holds an exclusive lock on LOCK_FILE, which the kernel takes back however the supervisor ends. A
second process tries to get that lock, in the program's group, and kills the group when it does:

    supervisor ── flock ──▶ LOCK_FILE ◀── tries ── watcher ─┐
    firebase-tools ── starts, signals ──▶ program (this pid) ┴── one process group
"""

import fcntl
import os
import signal
import sys
import time

_POLL_SECONDS = 0.25


def main() -> None:
    lock, program = sys.argv[1], sys.argv[2:]
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    leader = os.getpid()
    if os.fork() == 0:
        _watch(lock, leader)
    os.execvp(program[0], program)  # noqa: S606  becoming the program is the purpose: its pid is the one that is known


def _watch(lock: str, leader: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # the program's pipes shall end with the program
        os.dup2(silence, descriptor)
    while _is_held(lock):
        if os.getppid() != leader:
            sys.exit()  # the program has ended by itself
        time.sleep(_POLL_SECONDS)
    os.killpg(0, signal.SIGKILL)


def _is_held(lock: str) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False  # the run's folder is gone, and so is the supervisor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


if __name__ == "__main__":
    main()
