"""Telling an internal service that a job of its is over: one signed POST to the `webhook_url` that it gave.

    job over ─ Pub/Sub ─▶ on_job_event ─ one task per job ─▶ deliverWebhook ── POST, signed ─▶ 2xx: done
                                                                  ▲              else, or no answer: the task fails
                                                                  └── Cloud Tasks, with backoff ──┘

At least once: `X-Idempotency-Key` is the same each time. Whoever gets it verifies X-Daezend-Signature as we verify
theirs; only they know the secret, so only they may ask for a webhook.

The URL is a caller's, and we call it from inside our own network: so https only, no redirect is followed, and the
address is judged when the connection is made, not before. A name that changes its address in between gains nothing.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from backend.services import Services
from backend.settings import Settings
from backend.signing import signature
from jobs import keys, transactions
from jobs.documents import JOBS, Status
from jobs.errors import InvalidArgument, Unavailable
from jobs.model import Kind
from jobs.outbox import JobEvent

log = logging.getLogger(__name__)
Fields = dict[str, Any]
LONGEST_URL = 2048
_READ = ("userId", "kind", "requestPath", "state", "error", "input.webhookUrl")
_STATUS = {"succeeded": Status.READY, "failed": Status.FAILED, "cancelled": Status.CANCELLED}
_GONE = 410  # whoever answers so does not want to hear of it any more
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def checked(url: str, settings: Settings) -> str:
    """`url`, if we would call it as far as can be seen without asking anybody. Raises InvalidArgument."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidArgument("`webhook_url` must be a URL.") from None
    if not host or len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or parts.fragment or "@" in parts.netloc:
        raise InvalidArgument("`webhook_url` must be a URL without a user, a password or a fragment.")
    if host in settings.webhook_trusted_hosts and parts.scheme in {"http", "https"}:
        return url
    if parts.scheme != "https":
        raise InvalidArgument("`webhook_url` must begin with https://.")
    from backend.public_network import is_private_address  # noqa: PLC0415

    if is_private_address(host):
        raise InvalidArgument("`webhook_url` must lead to a public address.")
    return url


def job_is_over(services: Services, event: JobEvent) -> None:
    """Have the job's webhook called, if it has one. Raises Unavailable, FailedPrecondition."""
    if event.state.finished and _webhook_url(_job(services, event.job_id)):
        services.queues().enqueue_webhook(event.job_id)


def deliver(services: Services, job_id: str, now: Callable[[], float] = time.time) -> None:
    """Call the job's webhook. Raises Unavailable when it has to be tried again."""
    found = _job(services, job_id)
    url = _webhook_url(found)
    if found is None or not url or found.get("state") not in _STATUS:
        return  # erased meanwhile
    settings = services.settings()
    body = json.dumps(_told(job_id, found), ensure_ascii=False).encode()
    parts = urlsplit(checked(url, settings))
    timestamp = str(int(now() * 1000))
    signed = signature(services.api_settings().shared_secret, "POST", _target(parts), timestamp, body)
    headers: dict[str | bytes, str | bytes] = {
        "Content-Type": "application/json",
        "X-Daezend-Timestamp": timestamp,
        "X-Daezend-Signature": signed,
        "X-Idempotency-Key": f"webhook-{job_id}",
    }
    from backend.public_network import post  # noqa: PLC0415

    status = post(parts.geturl(), headers, body, trusted=settings.webhook_trusted_hosts)
    if status == _GONE or 200 <= status < 300:
        log.info("webhook delivered", extra={"jobId": job_id, "status": status})
        return
    log.warning("webhook not taken", extra={"jobId": job_id, "status": status})
    raise Unavailable("The webhook was not answered with success.")


def _told(job_id: str, job: Fields) -> Fields:
    """What a webhook says: of which job, and how it ended. What was made is to be asked for."""
    kind, made = Kind(job["kind"]), str(job["requestPath"]).partition("/")[2]
    status = _STATUS[job["state"]]
    return {
        "event": f"job.{status}",
        "job_id": job_id,
        "kind": kind.value,
        "status": status,
        "user_id": job["userId"],
        "voice_id" if kind is Kind.CLONE else "audio_id": made,
        "error": job.get("error") if status == Status.FAILED else None,
    }


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _job(services: Services, job_id: str) -> Fields | None:
    if not keys.is_usable_id(job_id):
        return None
    reference = services.firestore().document(f"{JOBS}/{job_id}")
    found: Fields | None = transactions.call(reference.get, field_paths=_READ).to_dict()
    return found


def _webhook_url(job: Fields | None) -> str:
    return str(((job or {}).get("input") or {}).get("webhookUrl") or "")
