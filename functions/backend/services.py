"""The clients that the functions share, each made on first use, once for all threads of the process.

Importing Google's libraries and opening channels costs seconds that a cold start should not spend on what this function
will not touch, so nothing here happens at import.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

from backend.settings import ApiSettings, Settings
from jobs.config import load
from jobs.outbox import Outbox
from jobs.store import Store
from jobs.transition import Policy

if TYPE_CHECKING:
    from google.cloud import firestore
    from opentelemetry.sdk.trace.export import SpanExporter

    from backend.fcm import Fcm
    from backend.gpu import GpuBackend
    from backend.links import Links
    from backend.objects import Objects
    from backend.storage import Eraser, Signer
    from backend.tasks import TaskQueues
    from backend.watching import Watcher

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value that is made once, by whichever thread asks first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = None

    def __call__(self) -> T:
        if self._value is None:
            with self._lock:
                if self._value is None:
                    self._value = self._make()
        return self._value


class Services:
    """Everything that an entry point needs, from one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.settings = Lazy(lambda: load(Settings, environ))
        self.api_settings = Lazy(lambda: load(ApiSettings, environ))
        self.firestore = Lazy(self._firestore)
        self.store = Lazy(lambda: Store(self.firestore(), load(Policy, environ)))
        self.outbox = Lazy(lambda: Outbox(self.firestore()))
        self.queues: Lazy[TaskQueues] = Lazy(self._queues)
        self.gpu: Lazy[GpuBackend] = Lazy(self._gpu)
        self.signer: Lazy[Signer] = Lazy(self._signer)
        self.eraser: Lazy[Eraser] = Lazy(self._eraser)
        self.objects: Lazy[Objects] = Lazy(self._objects)
        self.links: Lazy[Links] = Lazy(self._links)
        self.watcher: Lazy[Watcher] = Lazy(self._watcher)
        self.fcm: Lazy[Fcm] = Lazy(self._fcm)
        self.spans: Lazy[SpanExporter] = Lazy(self._spans)

    def _firestore(self) -> firestore.Client:
        from google.cloud import firestore  # noqa: PLC0415

        return firestore.Client(project=self.settings().project)

    def _queues(self) -> TaskQueues:
        from backend.tasks import TaskQueues  # noqa: PLC0415

        return TaskQueues(self.settings())

    def _gpu(self) -> GpuBackend:
        from backend import gpu  # noqa: PLC0415

        return gpu.make(self.settings(), self.queues)

    def _signer(self) -> Signer:
        from backend.storage import Signer  # noqa: PLC0415

        return Signer(self.settings())

    def _eraser(self) -> Eraser:
        from backend.storage import Eraser  # noqa: PLC0415

        return Eraser(self.settings())

    def _objects(self) -> Objects:
        from backend.objects import Objects  # noqa: PLC0415

        return Objects(self.signer())

    def _links(self) -> Links:
        from backend.links import Links  # noqa: PLC0415

        return Links(self.signer(), self.settings().audio_url_seconds)

    def _watcher(self) -> Watcher:
        from backend.watching import Watcher  # noqa: PLC0415

        return Watcher(self.settings().waiting_requests)

    def _fcm(self) -> Fcm:
        from backend.fcm import SCOPE, Fcm  # noqa: PLC0415
        from backend.google_access import GoogleAccess  # noqa: PLC0415

        return Fcm(self.settings(), GoogleAccess(SCOPE).token)

    def _spans(self) -> SpanExporter:
        from backend import tracing  # noqa: PLC0415

        return tracing.exporter(self.settings())


@cache
def services() -> Services:
    """The services of this process, from its environment."""
    return Services(os.environ)
