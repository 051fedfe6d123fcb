"""A local cloud inside a synchronous program: its event loop runs in a thread of its own.

with EmbeddedCloud(Options()) as cloud:
    phone = Phone(cloud.endpoints)
    cloud.run(cloud.cloud.quiet())
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from localcloud.cloud import LocalCloud, Options
from localcloud.phone import Endpoints

T = TypeVar("T")


class EmbeddedCloud:
    """Up when it has been made; `stop` it, or use it as a context manager."""

    def __init__(self, options: Options, kind: type[LocalCloud] = LocalCloud) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local cloud", daemon=True)
        self._thread.start()
        self._stopped = False
        try:
            self.cloud = self.run(self._start(options, kind))
        except BaseException:
            self._end_loop()
            raise

    @property
    def endpoints(self) -> Endpoints:
        return self.cloud.endpoints

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """Run on the cloud's loop, from any other thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def stop(self) -> None:
        """Stop everything. Safe to call twice."""
        if not self._stopped:
            self._stopped = True
            self.run(self.cloud.stop())
            self._end_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @staticmethod
    async def _start(options: Options, kind: type[LocalCloud]) -> LocalCloud:
        cloud = kind(options)
        await cloud.start()
        return cloud

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
