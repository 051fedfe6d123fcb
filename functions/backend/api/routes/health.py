"""GET / · /health · /api/health/health: whether it is up. /api/debug/directories: what the bucket holds."""

from __future__ import annotations

import threading
import time

from google.api_core import exceptions as google_errors

from backend import storage
from backend.api.routing import INTERNAL, PUBLIC, Call, Routes
from backend.api.schemas.health import Directories, Directory, Health, Root
from backend.services import Services

routes = Routes("System")
SERVICE = "voice-library-api"  # the name by which monitors of the first system know it
_TRUSTED_SECONDS = 10.0
_ASKING_SECONDS = 2.0


class _Database:
    """Whether the database answers; asked by one caller every ten seconds, however many want to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._connected = False

    def connected(self, services: Services) -> bool:
        with self._lock:
            if time.monotonic() >= self._until:
                self._connected = _answers(services)
                self._until = time.monotonic() + _TRUSTED_SECONDS
            return self._connected


_database = _Database()


@routes.get("/", doors=PUBLIC, answers={200: Root})
def root(call: Call) -> Root:
    """What this is."""
    return Root(status="running", service=SERVICE, docs="docs")


@routes.get("/health", doors=PUBLIC, answers={200: Health})
def health(call: Call) -> Health:
    """Whether the service is up. 200 whenever it is, also while the database is not."""
    now = call.services.store().clock().isoformat(timespec="seconds")
    connected = _database.connected(call.services)
    return Health(status="healthy", service=SERVICE, firebase_connected=connected, timestamp=now)


@routes.get("/api/health/health", doors=PUBLIC, answers={200: Health})
def api_health(call: Call) -> Health:
    """The same, where the first system had it."""
    return health(call)


@routes.get("/api/debug/directories", doors=INTERNAL, answers={200: Directories})
def directories(call: Call) -> Directories:
    """What the bucket holds, by kind: the first system's folders, where they are now."""
    return Directories(directories=[_directory(call.services, kind) for kind in storage.KINDS])


def _directory(services: Services, kind: str) -> Directory:
    found = services.eraser().count_some(f"{kind}/")
    return Directory(path=f"{kind}/", exists=found > 0, objects=found, more=found == storage.PAGE)


def _answers(services: Services) -> bool:
    reference = services.firestore().document("health/none")
    try:
        reference.get(retry=None, timeout=_ASKING_SECONDS)
    except google_errors.GoogleAPICallError:
        return False
    return True
