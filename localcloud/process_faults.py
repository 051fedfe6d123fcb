"""Inside a process of ours that shall die, stand still or lose its sense of time at a named point.

The functions' server loads this by path; a worker is started through it: `python -m localcloud.process_faults MODULE`.
Nothing of production code knows. What is wrapped are methods and replies that have names already:

    {process}.{call}.before        process   functions, worker
    {process}.{call}.after         call      each method of jobs.store.Store that writes (admit, lease, claim, …),
                                             publish, upload, delete (in the functions: a page of files), reply
    clock.{process}                visited with each of them: `skew=S` sets the clock that leases are reckoned by S
                                   seconds from the true one, from now on

At each visit the supervisor decides (localcloud/fault_points.py), so that one seed decides for every process and what
has struck is counted even though the one that it struck is gone.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import runpy
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

ADDRESS_VARIABLE = "FAULT_POINTS_ADDRESS"  # host:port of the supervisor's FaultPoints; unset: nothing is wrapped
PROCESS_VARIABLE = "FAULT_POINTS_PROCESS"  # kind/id, as in worker/worker-3
_ANSWER_SECONDS = 10

_Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Points:
    """Asks the supervisor at each point, and does what it says. Thread-safe."""

    def __init__(self, address: str, process: str) -> None:
        self._address = address
        self._process = process
        self._connections = threading.local()
        self.skew = timedelta()

    def visit(self, point: str) -> None:
        """Returns, perhaps late, or never: then this process is killed meanwhile. A supervisor that does not answer is
        one that is being stopped: no fault."""
        answer = self._ask_twice(point)
        if answer is None:
            return
        self.skew = timedelta(seconds=answer["skew"])
        time.sleep(answer["seconds"])

    def around(self, call: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def visiting(*arguments: Any, **named: Any) -> Any:
            self.visit(f"{call}.before")
            result = function(*arguments, **named)
            self.visit(f"{call}.after")
            return result

        return visiting

    def around_reply(self, application: _Application) -> _Application:
        """A WSGI application; `reply.after` is when the server has written its answer."""

        def replying(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return _Reply(application(environ, start_response), self)

        return replying

    def _ask_twice(self, point: str) -> dict[str, Any] | None:
        """A connection that nobody has used for a while may have been closed."""
        for _ in range(2):
            try:
                return self._ask(point)
            except (OSError, http.client.HTTPException, ValueError):
                self._connections.__dict__.clear()
        return None

    def _ask(self, point: str) -> dict[str, Any]:
        if not hasattr(self._connections, "own"):
            self._connections.own = http.client.HTTPConnection(self._address, timeout=_ANSWER_SECONDS)
        query = urllib.parse.urlencode({"process": self._process, "point": point})
        self._connections.own.request("GET", f"/visit?{query}")
        answer: dict[str, Any] = json.loads(self._connections.own.getresponse().read())
        return answer


class _Reply:
    """The body of an answer, and the two points around sending it."""

    def __init__(self, body: Iterable[bytes], points: Points) -> None:
        self._body = body
        self._points = points

    def __iter__(self) -> Any:
        self._points.visit("reply.before")
        return iter(self._body)

    def close(self) -> None:
        """Called by the server when everything is written: PEP 3333."""
        if close := getattr(self._body, "close", None):
            close()
        self._points.visit("reply.after")


def install(environ: Mapping[str, str]) -> Points | None:
    """Wrap what jobs/ writes with, if the environment says who decides. Call it before production code is loaded."""
    if not environ.get(ADDRESS_VARIABLE):
        return None
    from jobs import outbox, store  # noqa: PLC0415  only where faults are wanted

    points = Points(environ[ADDRESS_VARIABLE], environ[PROCESS_VARIABLE])
    for name in writes_of(store.Store):
        setattr(store.Store, name, points.around(name, getattr(store.Store, name)))
    outbox.Outbox.publish = points.around("publish", outbox.Outbox.publish)  # type: ignore[method-assign]
    initialise = store.Store.__init__

    def with_own_clock(
        self: Any, client: Any, policy: Any = None, clock: Callable[[], datetime] = store.utc_now
    ) -> None:
        initialise(self, client, policy, lambda: clock() + points.skew)

    store.Store.__init__ = with_own_clock  # type: ignore[method-assign]
    if environ[PROCESS_VARIABLE].startswith("functions/"):
        from backend.storage import Eraser  # noqa: PLC0415

        Eraser.delete_some = points.around("delete", Eraser.delete_some)  # type: ignore[method-assign]
    return points


def writes_of(store: type) -> list[str]:
    """Every public method of the store except the one that only looks."""
    return sorted(name for name in vars(store) if not name.startswith("_") and name != "find")


def _install_in_worker(points: Points, module: str) -> None:
    from gpu_job.storage import Bucket  # noqa: PLC0415

    for name, call in (("upload", "upload"), ("put_bytes", "upload"), ("delete", "delete")):
        setattr(Bucket, name, points.around(call, getattr(Bucket, name)))
    if module == "gpu_job.handler":
        _install_in_runpod(points)


def _install_in_runpod(points: Points) -> None:
    from runpod.serverless.modules import rp_job  # noqa: PLC0415

    send = rp_job.send_result

    async def replying(*arguments: Any, **named: Any) -> None:
        points.visit("reply.before")
        await send(*arguments, **named)
        points.visit("reply.after")

    rp_job.send_result = replying


def main() -> None:
    module = sys.argv.pop(1)
    points = install(os.environ)
    if points is not None:
        _install_in_worker(points, module)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
