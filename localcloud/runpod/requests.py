"""Reading what clients post to /run and /runsync; what cannot be read is answered 400 or 413 with the reason."""

from __future__ import annotations

import json
import uuid
from typing import Any

from aiohttp import web

from localcloud.runpod.http import RefusedError
from localcloud.runpod.job import Job

DEFAULT_EXECUTION_TIMEOUT_MS = 600_000
DEFAULT_TTL_MS = 24 * 3600 * 1000
RESULT_KEPT_SECONDS = 30 * 60.0
SYNC_RESULT_KEPT_SECONDS = 60.0
MAX_RUN_BYTES = 10 * 1000 * 1000
MAX_RUNSYNC_BYTES = 20 * 1000 * 1000


async def read_job(request: web.Request, *, sync: bool, now: float) -> Job:
    limit = MAX_RUNSYNC_BYTES if sync else MAX_RUN_BYTES
    body = await request.read()
    if len(body) > limit:
        raise RefusedError(413, f"The request is {len(body)} bytes; the limit is {limit}.")
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise RefusedError(400, "The request is not JSON.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("input"), dict):
        raise RefusedError(400, "The request needs an object named input.")
    webhook = fields.get("webhook")
    if webhook is not None and not (isinstance(webhook, str) and webhook.startswith(("http://", "https://"))):
        raise RefusedError(400, "webhook must be an http:// or https:// URL.")
    policy = fields.get("policy") or {}
    if not isinstance(policy, dict):
        raise RefusedError(400, "policy must be an object.")
    return Job(
        id=f"{'sync-' if sync else ''}{uuid.uuid4()}-e1",
        endpoint=request.match_info["endpoint"],
        input=json.dumps(fields["input"]),
        webhook=webhook,
        execution_timeout=_milliseconds(policy, "executionTimeout", DEFAULT_EXECUTION_TIMEOUT_MS),
        ttl=_milliseconds(policy, "ttl", DEFAULT_TTL_MS),
        retention=SYNC_RESULT_KEPT_SECONDS if sync else RESULT_KEPT_SECONDS,
        queued_at=now,
    )


def _milliseconds(policy: dict[str, Any], name: str, default: int) -> float:
    """Seconds of a policy's setting in milliseconds."""
    value = policy.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise RefusedError(400, f"policy.{name} must be a positive whole number of milliseconds.")
    return value / 1000
