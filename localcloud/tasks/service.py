"""The gRPC face: google.cloud.tasks.v2.CloudTasks by generic handlers over the messages that the client library ships.

Faults of `tasks.create`: STATUS (503 UNAVAILABLE, 429 RESOURCE_EXHAUSTED, 504 DEADLINE_EXCEEDED, else INTERNAL: not
created), hang (no answer), delay=S, reset (created, but the answer is lost: UNAVAILABLE), drop (accepted and lost).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.cloud import tasks_v2
from google.protobuf import empty_pb2

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.tasks import messages
from localcloud.tasks.broker import Broker
from localcloud.tasks.errors import InvalidArgumentError, TasksError

_SERVICE = "/google.cloud.tasks.v2.CloudTasks/"
_FAULT_CODES = {
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_MAX_QUEUES_PAGE, _MAX_TASKS_PAGE = 9800, 1000

Method = Callable[[Any], Awaitable[Any]]


class FaultError(Exception):
    """A call that a fault makes fail."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code.name)
        self.code = code


class CloudTasksService(grpc.GenericRpcHandler):  # type: ignore[misc,unused-ignore]
    def __init__(self, broker: Broker, clock: Clock, faults: Faults) -> None:
        self._broker = broker
        self._clock = clock
        self._faults = faults
        methods: dict[str, tuple[Method, Any]] = {
            "ListQueues": (self._list_queues, tasks_v2.ListQueuesRequest),
            "GetQueue": (self._get_queue, tasks_v2.GetQueueRequest),
            "CreateQueue": (self._create_queue, tasks_v2.CreateQueueRequest),
            "UpdateQueue": (self._update_queue, tasks_v2.UpdateQueueRequest),
            "DeleteQueue": (self._delete_queue, tasks_v2.DeleteQueueRequest),
            "PurgeQueue": (self._purge_queue, tasks_v2.PurgeQueueRequest),
            "PauseQueue": (self._pause_queue, tasks_v2.PauseQueueRequest),
            "ResumeQueue": (self._resume_queue, tasks_v2.ResumeQueueRequest),
            "ListTasks": (self._list_tasks, tasks_v2.ListTasksRequest),
            "GetTask": (self._get_task, tasks_v2.GetTaskRequest),
            "CreateTask": (self._create_task, tasks_v2.CreateTaskRequest),
            "DeleteTask": (self._delete_task, tasks_v2.DeleteTaskRequest),
            "RunTask": (self._run_task, tasks_v2.RunTaskRequest),
        }
        self._handlers = {_SERVICE + name: _handler(*method) for name, method in methods.items()}

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        return self._handlers.get(method) or _unimplemented(method)

    async def _list_queues(self, request: Any) -> Any:
        if request.filter:
            raise InvalidArgumentError("ListQueuesRequest.filter is not implemented by the local Cloud Tasks.")
        queues = self._broker.list_queues(request.parent)
        page, token = _page(queues, request, _MAX_QUEUES_PAGE)
        return tasks_v2.ListQueuesResponse.pb()(queues=page, next_page_token=token)

    async def _get_queue(self, request: Any) -> Any:
        return self._broker.get_queue(request.name)

    async def _create_queue(self, request: Any) -> Any:
        return self._broker.create_queue(request.parent, request.queue)

    async def _update_queue(self, request: Any) -> Any:
        return self._broker.update_queue(request.queue, list(request.update_mask.paths))

    async def _delete_queue(self, request: Any) -> Any:
        self._broker.delete_queue(request.name)
        return empty_pb2.Empty()

    async def _purge_queue(self, request: Any) -> Any:
        return self._broker.purge_queue(request.name)

    async def _pause_queue(self, request: Any) -> Any:
        return self._broker.pause_queue(request.name, paused=True)

    async def _resume_queue(self, request: Any) -> Any:
        return self._broker.pause_queue(request.name, paused=False)

    async def _list_tasks(self, request: Any) -> Any:
        page, token = _page(self._broker.list_tasks(request.parent), request, _MAX_TASKS_PAGE)
        rendered = [messages.render_task(task, request.response_view) for task in page]
        return tasks_v2.ListTasksResponse.pb()(tasks=rendered, next_page_token=token)

    async def _get_task(self, request: Any) -> Any:
        return messages.render_task(self._broker.get_task(request.name), request.response_view)

    async def _create_task(self, request: Any) -> Any:
        fault = self._faults.at("tasks.create")
        if fault and fault.status:
            raise FaultError(_FAULT_CODES.get(fault.status, grpc.StatusCode.INTERNAL))
        if fault and fault.action == "hang":
            await asyncio.get_running_loop().create_future()  # until the client gives up, which cancels us
        if fault and fault.action == "delay":
            await self._clock.sleep(fault.seconds)
        lost = fault is not None and fault.action == "drop"
        task = self._broker.create_task(request.parent, request.task, lost=lost)
        if fault and fault.action == "reset":
            raise FaultError(grpc.StatusCode.UNAVAILABLE)
        return messages.render_task(task, request.response_view)

    async def _delete_task(self, request: Any) -> Any:
        self._broker.delete_task(request.name)
        return empty_pb2.Empty()

    async def _run_task(self, request: Any) -> Any:
        return messages.render_task(self._broker.run_task(request.name), request.response_view)


def _handler(method: Method, request_type: Any) -> Any:
    async def call(request: Any, context: Any) -> Any:
        try:
            return await method(request)
        except TasksError as error:
            await context.abort(grpc.StatusCode[error.code], error.message)
        except FaultError as fault:
            await context.abort(fault.code, "A fault was asked for at tasks.create.")

    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request_type.pb().FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _unimplemented(method: str) -> Any:
    async def call(request: bytes, context: Any) -> None:
        del request
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not implemented by the local Cloud Tasks.")

    return grpc.unary_unary_rpc_method_handler(call)


def _page(items: list[Any], request: Any, limit: int) -> tuple[list[Any], str]:
    """The page that was asked for, and the token of the next. Items are sorted by name; the token is the last name."""
    after = request.page_token
    rest = [item for item in items if item.name > after] if after else items
    size = min(request.page_size or limit, limit)
    return rest[:size], rest[size - 1].name if len(rest) > size else ""
