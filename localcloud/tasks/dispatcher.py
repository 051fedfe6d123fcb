"""Carries tasks to their handlers over HTTP, as Cloud Tasks does, and puts in the faults of `tasks.dispatch`.

drop        lost without a trace: no call, the task is gone
duplicate   the handler is called twice at once; the first call's answer counts
delay=S     called S seconds late
reorder     called after the next task of the queue, or a second later if none comes
reset       called, but the answer is thrown away, so the attempt counts as unanswered
hang        no answer until the deadline
STATUS      not called; the attempt counts as answered with that status
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
from google.cloud import tasks_v2
from yarl import URL

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.tasks import messages, names
from localcloud.tasks.broker import Broker
from localcloud.tasks.queue import Outcome, Task, Verdict

log = logging.getLogger(__name__)

MintToken = Callable[[str, str], str]  # (service account email, audience) → JWT

# What clients may not set on a task: Cloud Tasks computes these itself.
_RESERVED_HEADERS = {"host", "content-length", "user-agent"}
_RESERVED_PREFIXES = ("x-cloudtasks-", "x-google-", "x-appengine-")
_REORDER_SECONDS = 1.0
_DROPPED = Outcome(200, "dropped by a fault")


class Dispatcher:
    def __init__(self, broker: Broker, clock: Clock, faults: Faults, oidc: MintToken) -> None:
        self._broker = broker
        self._clock = clock
        self._faults = faults
        self._oidc = oidc
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._overtaken: dict[str, asyncio.Event] = {}  # by queue: who waits until another task has been answered
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.Task[None] | None = None
        broker.on_change = self._wake.set

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),  # deadlines are the clock's
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._loop = asyncio.create_task(self._run(), name="tasks-dispatcher")

    async def stop(self) -> None:
        """Cut every attempt off. Their tasks are still in the state and are dispatched again by the next process."""
        running = [*self._attempts, *([self._loop] if self._loop else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            for task in self._broker.take():
                attempt = asyncio.create_task(self._attempt(task))
                self._attempts.add(attempt)
                attempt.add_done_callback(self._attempts.discard)
            await self._clock.sleep_until(self._broker.next_due(), wake=self._wake)

    async def _attempt(self, task: Task) -> None:
        dispatched_at = task.last_dispatch_at or 0.0
        try:
            outcome = await self._deliver(task)
        except Exception:  # whatever it was, the task must not stay "running" for ever
            log.exception("The dispatch of task %s failed on our side.", names.last_part(task.name))
            outcome = Outcome(None, "the dispatcher failed")
        verdict = self._broker.finish(task, dispatched_at, outcome)
        if verdict is Verdict.RETRY:
            log.info(
                "Task %s: attempt %d ended with %s; again in %.1f s.",
                names.last_part(task.name),
                task.dispatch_count,
                outcome.status or outcome.reason,
                task.schedule_at - self._clock.now(),
            )

    async def _deliver(self, task: Task) -> Outcome:
        fault = self._faults.at("tasks.dispatch")
        if fault is None:
            outcome = await self._call(task)
        else:
            outcome = await self._deliver_badly(task, fault)
        if overtaken := self._overtaken.pop(task.queue, None):
            overtaken.set()
        return outcome

    async def _deliver_badly(self, task: Task, fault: Fault) -> Outcome:
        match fault:
            case Fault(action="delay"):
                await self._clock.sleep(fault.seconds)
            case Fault(action="reorder"):
                answered = self._overtaken.setdefault(task.queue, asyncio.Event())
                await self._clock.sleep_until(self._clock.now() + _REORDER_SECONDS, wake=answered)
            case Fault(action="drop"):
                return _DROPPED
            case Fault(action="duplicate"):
                return (await asyncio.gather(self._call(task), self._call(task)))[0]
            case Fault(action="reset"):
                await self._call(task)
                return Outcome(None, "connection reset by a fault")
            case Fault(action="hang"):
                await self._clock.sleep(task.deadline)
                return Outcome(None, "deadline exceeded")
            case Fault(status=int(status)):
                return Outcome(status, f"HTTP status code {status}")
            case _:
                log.warning("The fault %s means nothing at tasks.dispatch; the task is delivered.", fault.action)
        return await self._call(task)

    async def _call(self, task: Task) -> Outcome:
        """Call the handler and wait for its answer until the deadline; then the connection is cut."""
        request = messages.http_request_of(task)
        call = asyncio.ensure_future(self._request(request, self._headers(task, request)))
        deadline = asyncio.ensure_future(self._clock.sleep(task.deadline))
        try:
            await asyncio.wait({call, deadline}, return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else Outcome(None, "deadline exceeded")
        finally:
            for future in (call, deadline):
                future.cancel()
            await asyncio.gather(call, deadline, return_exceptions=True)

    async def _request(self, request: Any, headers: dict[str, str]) -> Outcome:
        if self._session is None:
            raise RuntimeError("The dispatcher is not started.")
        method = tasks_v2.HttpMethod(request.http_method or tasks_v2.HttpMethod.POST).name
        try:
            async with self._session.request(
                method,
                URL(request.url, encoded=True),
                data=request.body or None,
                headers=headers,
                skip_auto_headers=("Content-Type",),
            ) as response:
                async for _ in response.content.iter_chunked(65536):
                    pass  # read to the end, so that the connection can be used again
                reason = f"HTTP status code {response.status}"
                return Outcome(response.status, reason, _retry_after(response.headers.get("Retry-After", "")))
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(None, f"no answer ({type(error).__name__})")

    def _headers(self, task: Task, request: Any) -> dict[str, str]:
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.lower() not in _RESERVED_HEADERS and not key.lower().startswith(_RESERVED_PREFIXES)
        }
        headers |= {
            "User-Agent": "Google-Cloud-Tasks",
            "X-CloudTasks-QueueName": names.last_part(task.queue),
            "X-CloudTasks-TaskName": names.last_part(task.name),
            # Retries made so far; executions are only those that the handler answered with less than 500.
            "X-CloudTasks-TaskRetryCount": str(task.dispatch_count - 1),
            "X-CloudTasks-TaskExecutionCount": str(task.execution_count),
            "X-CloudTasks-TaskETA": f"{task.last_schedule_at or task.schedule_at:.6f}",
        }
        if task.dispatch_count > 1:
            headers["X-CloudTasks-TaskRetryReason"] = task.last_reason or "interrupted"
            if task.last_status is not None:
                headers["X-CloudTasks-TaskPreviousResponse"] = str(task.last_status)
        if request.HasField("oidc_token"):
            token = request.oidc_token
            headers["Authorization"] = (
                f"Bearer {self._oidc(token.service_account_email, token.audience or request.url)}"
            )
        return headers


def _retry_after(value: str) -> float:
    """Seconds of a Retry-After header; its form with a date is not considered."""
    return float(value) if value.isdigit() else 0.0
