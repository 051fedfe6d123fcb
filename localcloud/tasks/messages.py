"""Between the messages of google.cloud.tasks.v2 and what the queues work with; every check of a message is here.

The messages are used in their plain protobuf form (`X.pb(…)`), which is several times quicker than proto-plus.
"""

from __future__ import annotations

from typing import Any

from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from localcloud.tasks.errors import InvalidArgumentError, UnimplementedError
from localcloud.tasks.queue import QueueLimits, Task, TaskQueue
from localcloud.tasks.retry import RetryPolicy

MAX_TASK_BYTES = 100 * 1024
MAX_URL_LENGTH = 2083
MAX_SCHEDULE_AHEAD_SECONDS = 30 * 24 * 3600.0
DEFAULT_DEADLINE_SECONDS = 600.0
DEADLINE_RANGE_SECONDS = (15.0, 1800.0)

TaskMessage = tasks_v2.Task.pb()
QueueMessage = tasks_v2.Queue.pb()
_BODY_METHODS = {
    tasks_v2.HttpMethod.HTTP_METHOD_UNSPECIFIED,
    tasks_v2.HttpMethod.POST,
    tasks_v2.HttpMethod.PUT,
    tasks_v2.HttpMethod.PATCH,
}
# google.rpc codes of the attempts that clients can look at, by the handler's HTTP status.
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 10, 429: 8, 499: 1, 501: 12, 503: 14, 504: 4}
_UNAVAILABLE = 14


def seconds(duration: duration_pb2.Duration) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def duration_of(value: float) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=int(value), nanos=round(value % 1 * 1e6) * 1000)


def timestamp(value: float) -> timestamp_pb2.Timestamp:
    microseconds = round(value * 1e6)
    return timestamp_pb2.Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)


def read_retry(config: Any) -> RetryPolicy:
    """A RetryConfig with production's defaults for what it leaves unset."""
    default = RetryPolicy()
    policy = RetryPolicy(
        max_attempts=config.max_attempts or default.max_attempts,
        max_retry_duration=seconds(config.max_retry_duration),
        min_backoff=seconds(config.min_backoff) if config.HasField("min_backoff") else default.min_backoff,
        max_backoff=seconds(config.max_backoff) if config.HasField("max_backoff") else default.max_backoff,
        max_doublings=config.max_doublings or default.max_doublings,
    )
    if policy.max_attempts < -1:
        raise InvalidArgumentError(f"max_attempts is {policy.max_attempts}; it must be -1 (no limit) or positive.")
    if policy.max_retry_duration < 0 or policy.max_doublings < 0:
        raise InvalidArgumentError("max_retry_duration and max_doublings must not be negative.")
    if not 0 < policy.min_backoff <= policy.max_backoff:
        raise InvalidArgumentError("min_backoff must be positive and at most max_backoff.")
    return policy


def read_queue(message: Any) -> TaskQueue:
    """A Queue with production's defaults for what it leaves unset. Output-only fields are ignored."""
    for name in ("http_target", "app_engine_routing_override"):
        if message.HasField(name):
            raise UnimplementedError(f"Queue.{name} is not implemented by the local Cloud Tasks.")
    default = QueueLimits()
    rates = message.rate_limits
    limits = QueueLimits(
        max_dispatches_per_second=rates.max_dispatches_per_second or default.max_dispatches_per_second,
        max_concurrent_dispatches=rates.max_concurrent_dispatches or default.max_concurrent_dispatches,
    )
    if not 0 < limits.max_dispatches_per_second <= 500:
        raise InvalidArgumentError("max_dispatches_per_second must be above 0 and at most 500.")
    if not 0 < limits.max_concurrent_dispatches <= 5000:
        raise InvalidArgumentError("max_concurrent_dispatches must be 1 to 5000.")
    return TaskQueue(name=message.name, limits=limits, retry=read_retry(message.retry_config))


def render_queue(queue: TaskQueue, purged_at: float | None) -> Any:
    states = tasks_v2.Queue.State
    message = QueueMessage(name=queue.name, state=states.PAUSED if queue.paused else states.RUNNING)
    message.rate_limits.max_dispatches_per_second = queue.limits.max_dispatches_per_second
    message.rate_limits.max_burst_size = queue.limits.max_burst_size
    message.rate_limits.max_concurrent_dispatches = queue.limits.max_concurrent_dispatches
    retry = message.retry_config
    retry.max_attempts = queue.retry.max_attempts
    retry.max_doublings = queue.retry.max_doublings
    retry.min_backoff.CopyFrom(duration_of(queue.retry.min_backoff))
    retry.max_backoff.CopyFrom(duration_of(queue.retry.max_backoff))
    if queue.retry.max_retry_duration:
        retry.max_retry_duration.CopyFrom(duration_of(queue.retry.max_retry_duration))
    if purged_at is not None:
        message.purge_time.CopyFrom(timestamp(purged_at))
    return message


def read_task(message: Any, *, name: str, queue: str, now: float) -> Task:
    """A checked task, not yet anywhere."""
    _check_target(message)
    size = message.ByteSize()
    if size > MAX_TASK_BYTES:
        raise InvalidArgumentError(f"The task is {size} bytes; the limit is {MAX_TASK_BYTES} (100 KB).")
    schedule_at = now
    if message.HasField("schedule_time"):
        schedule_at = max(now, message.schedule_time.seconds + message.schedule_time.nanos // 1000 / 1e6)
    if schedule_at - now > MAX_SCHEDULE_AHEAD_SECONDS:
        raise InvalidArgumentError("schedule_time is more than 30 days ahead.")
    deadline = DEFAULT_DEADLINE_SECONDS
    if message.HasField("dispatch_deadline"):
        deadline = seconds(message.dispatch_deadline)
        low, high = DEADLINE_RANGE_SECONDS
        if not low <= deadline <= high:
            raise InvalidArgumentError(f"dispatch_deadline is {deadline:g} s; it must be {low:g} s to {high:g} s.")
    if message.HasField("retry_config"):
        read_retry(message.retry_config)
    return Task(
        name=name,
        queue=queue,
        message=message.SerializeToString(),
        named=bool(message.name),
        created_at=now,
        schedule_at=schedule_at,
        deadline=deadline,
    )


def _check_target(message: Any) -> None:
    if message.HasField("app_engine_http_request"):
        raise UnimplementedError("Task.app_engine_http_request is not implemented by the local Cloud Tasks.")
    if not message.HasField("http_request"):
        raise InvalidArgumentError("The task has no http_request.")
    request = message.http_request
    if request.HasField("oauth_token"):
        raise UnimplementedError("HttpRequest.oauth_token is not implemented by the local Cloud Tasks.")
    if not request.url.startswith(("http://", "https://")) or len(request.url) > MAX_URL_LENGTH:
        raise InvalidArgumentError(f"HttpRequest.url must be http:// or https://, at most {MAX_URL_LENGTH} characters.")
    if request.body and request.http_method not in _BODY_METHODS:
        raise InvalidArgumentError("HttpRequest.body is allowed only with POST, PUT and PATCH.")
    if request.HasField("oidc_token") and not request.oidc_token.service_account_email:
        raise InvalidArgumentError("HttpRequest.oidc_token needs a service_account_email.")


def task_retry(task: Task) -> RetryPolicy | None:
    """The policy that the task brought itself, if it did."""
    message = TaskMessage.FromString(task.message)
    return read_retry(message.retry_config) if message.HasField("retry_config") else None


def http_request_of(task: Task) -> Any:
    return TaskMessage.FromString(task.message).http_request


def render_task(task: Task, view: int) -> Any:
    """The task as clients see it. The body is only in the FULL view."""
    message = TaskMessage.FromString(task.message)
    full = view == tasks_v2.Task.View.FULL
    if not full:
        message.http_request.ClearField("body")
    message.view = tasks_v2.Task.View.FULL if full else tasks_v2.Task.View.BASIC
    message.name = task.name
    message.create_time.CopyFrom(timestamp(int(task.created_at)))
    message.schedule_time.CopyFrom(timestamp(task.schedule_at))
    message.dispatch_deadline.CopyFrom(duration_of(task.deadline))
    message.dispatch_count, message.response_count = task.dispatch_count, task.response_count
    if task.first_dispatch_at is not None:
        message.first_attempt.dispatch_time.CopyFrom(timestamp(task.first_dispatch_at))
    if task.last_dispatch_at is not None:
        last = message.last_attempt
        last.schedule_time.CopyFrom(timestamp(task.last_schedule_at or task.last_dispatch_at))
        last.dispatch_time.CopyFrom(timestamp(task.last_dispatch_at))
        if task.last_response_at is not None:
            last.response_time.CopyFrom(timestamp(task.last_response_at))
            last.response_status.code = _rpc_code(task.last_status)
            last.response_status.message = task.last_reason
    return message


def _rpc_code(status: int | None) -> int:
    if status is None:
        return _UNAVAILABLE
    if 200 <= status < 300:
        return 0
    return _RPC_CODES.get(status, 2 if status < 500 else 13)
