"""The server child as its owner sees it: one address, started again when it dies, one pool of connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import yarl

from localcloud.processes import Child

log = logging.getLogger(__name__)

_SERVER = Path(__file__).parent / "server.py"
_START_SECONDS = 60
_IDLE_CONNECTION_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 10.0
_YOUNG_SECONDS = 1.0
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")


class Unreachable(ConnectionError):
    """The server died under this request, or closed its connection."""


class ServerProcess:
    """The listening socket is ours: requests that come while the child is down wait in the backlog for the next one."""

    def __init__(self, functions_dir: Path, env: Mapping[str, str], run_dir: Path, threads: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        # Connections inherit it; without it each answer waits 40 ms for the acknowledgement of its own headers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._base = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        self._child = Child(
            "functions",
            # -P: not even this script's folder is on the path.
            [sys.executable, "-P", str(_SERVER), str(self._socket.fileno()), str(threads)],
            env={**inherited, "PYTHONUNBUFFERED": "1", **env},
            cwd=functions_dir,
            log=run_dir / "functions.log",
            pass_fds=[self._socket.fileno()],
            on_exit=self._ended,
        )
        self._session: aiohttp.ClientSession | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._started_at = 0.0
        self._pause = 0.0
        self.restarts = 0

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> dict[str, Any]:
        """Returns the functions' manifest. Raises ChildExited, with main.py's traceback, where it cannot be loaded."""
        self._session = _new_session()
        manifest: dict[str, Any] = {}

        async def loaded() -> bool:
            with contextlib.suppress(Unreachable):
                async with self.request("GET", "/__/functions.json", seconds=_START_SECONDS) as response:
                    manifest.update(await response.json(content_type=None))
            return bool(manifest)

        self._stopping = True  # until it has been up once, an end is an error and not a reason to restart
        await self._child.start()
        await self._child.wait_ready(loaded, _START_SECONDS)
        self._stopping = False
        return manifest

    async def stop(self) -> None:
        self._stopping = True
        if self._restarting:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        await asyncio.gather(*self._closing, return_exceptions=True)
        if self._session:
            await self._session.close()
        await self._child.stop()
        self._socket.close()

    async def crash(self) -> None:
        """SIGKILL, as when an instance runs out of memory. It is started again at once."""
        await self._child.kill()

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, path: str, *, seconds: float, headers: Any = None, body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request to `/{function}/…`. Raises TimeoutError after `seconds`, Unreachable where no answer came."""
        if self._session is None:
            raise RuntimeError("the functions' server has not been started")
        timeout = aiohttp.ClientTimeout(total=seconds)
        url = yarl.URL(self._base + path, encoded=True)  # as the client wrote it, not normalised
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
            ) as response:
                yield response
        except aiohttp.ClientConnectionError as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unreachable(str(error)) from error
        except aiohttp.ClientPayloadError as error:
            raise Unreachable(str(error)) from error

    def _ended(self, status: int) -> None:
        if not self._stopping:
            log.warning("The functions' server ended with status %d; starting it again.", status)
            self._abandon_connections()
            self._restarting = asyncio.create_task(self._restart(), name="restart functions")

    def _abandon_connections(self) -> None:
        """Those to a dead server may look open for a moment yet: the next request shall not be sent into one."""
        dead, self._session = self._session, _new_session()
        if dead:
            closing = asyncio.create_task(dead.close(), name="close dead connections")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _restart(self) -> None:
        """At once after a long life; after a short one (it cannot even load) with ever longer pauses."""
        loop = asyncio.get_running_loop()
        young = loop.time() - self._started_at < _YOUNG_SECONDS
        self._pause = min(max(2 * self._pause, 0.1), _LONGEST_PAUSE_SECONDS) if young else 0.0
        await asyncio.sleep(self._pause)
        self.restarts += 1
        self._started_at = loop.time()
        await self._child.start()


def _new_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION_SECONDS)
    session = aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    # aiohttp would send a GET again by itself when the instance dies. No option says so; its own test client does this.
    session._retry_connection = False
    return session
