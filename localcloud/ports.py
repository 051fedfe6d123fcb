"""The ports that `./dev up` tries first: the Firebase Emulator Suite's, where it has one, so that apps find them."""

from __future__ import annotations

import socket

PREFERRED = {
    "firestore": 8080,
    "pubsub": 8085,
    "auth": 9099,
    "functions": 5001,
    "ui": 4000,  # of the official suite only
    "app_check": 9098,
    "tasks": 8123,
    "runpod": 8124,
    "bucket": 9000,
    "fcm": 8125,
}


def preferred_ports() -> dict[str, int]:
    """Those of them that are free now; a service that is not named takes any."""
    return {service: port for service, port in PREFERRED.items() if _is_free(port)}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
