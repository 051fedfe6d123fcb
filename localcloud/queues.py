"""The queues of a deployment: one for each task queue function, and the one in front of the GPU service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import duration_pb2

from localcloud.functions.manifest import FunctionSpec


def queue_of(function: FunctionSpec, project: str) -> tasks_v2.Queue:
    """The queue is named after the function, and has the limits and retries of its manifest."""
    return tasks_v2.Queue(
        name=f"projects/{project}/locations/{function.region}/queues/{function.name}",
        rate_limits=_rate_limits(function.rate_limits),
        retry_config=_retry_config(function.retry_config),
    )


def gpu_queue(project: str, region: str, gpus: int) -> tasks_v2.Queue:
    """The queue of GPU_BACKEND=http: as many tasks at a time as there are GPUs, each tried again every half minute for
    the better part of an hour. It then gives up, and the reconciler begins the job's next attempt."""
    return tasks_v2.Queue(
        name=f"projects/{project}/locations/{region}/queues/gpu-jobs",
        rate_limits=_rate_limits({"maxConcurrentDispatches": gpus}),
        retry_config=_retry_config({"minBackoffSeconds": 1, "maxBackoffSeconds": 30}),
    )


def _rate_limits(declared: Mapping[str, Any]) -> tasks_v2.RateLimits:
    # Production's own values where the function says nothing.
    return tasks_v2.RateLimits(
        max_dispatches_per_second=declared.get("maxDispatchesPerSecond") or 500,
        max_concurrent_dispatches=declared.get("maxConcurrentDispatches") or 1000,
    )


def _retry_config(declared: Mapping[str, Any]) -> tasks_v2.RetryConfig:
    config = tasks_v2.RetryConfig(
        max_attempts=declared.get("maxAttempts") or 100,
        max_doublings=declared.get("maxDoublings") or 16,
        min_backoff=_seconds(declared.get("minBackoffSeconds") or 0.1),
        max_backoff=_seconds(declared.get("maxBackoffSeconds") or 3600),
    )
    if declared.get("maxRetrySeconds"):
        config.max_retry_duration = _seconds(declared["maxRetrySeconds"])
    return config


def _seconds(seconds: float) -> duration_pb2.Duration:
    whole = int(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))
