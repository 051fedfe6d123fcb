"""A free TCP port for a program that insists on being told a number."""

from __future__ import annotations

import random
import socket

# Below the ranges from which Linux (32768-) and macOS (49152-) take the local ports of outgoing connections, so that
# none of them takes this one between our look and the program's bind.
_FROM, _TO = 20_000, 32_000


def free_port() -> int:
    """On 127.0.0.1. Nothing holds it: bind it soon."""
    for port in random.sample(range(_FROM, _TO), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port among 100 tried between {_FROM} and {_TO}")
