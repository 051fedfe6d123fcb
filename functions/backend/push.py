"""The end of a job, pushed to the user's devices: once to each, although its event may come more often.

    event ─▶ begin (transaction: not done, nobody else at it) ─▶ send to each device ─▶ record (sent to these; done)
    again ─▶ begin: done ✗                                              │
    at the same time ─▶ begin: somebody is at it, come again later      └ died here: after the lease the event that
                                                                          comes again sends once more

The record is `push` in the job: {sent: [deviceId, …], holder and leaseExpiresAt, or doneAt}. So what can be pushed
twice is only what was sent just before a process died, or what no answer came to; it carries the same tag, by which a
phone that has it on the screen replaces it.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.api_core import exceptions as google_errors
from google.cloud import firestore

from backend.push_texts import texts_in
from backend.services import Services
from jobs import transactions
from jobs.documents import DEVICES, JOBS, USERS, Device, Status, validate
from jobs.errors import InvalidArgument, PermanentError, RetryableError, Unavailable
from jobs.model import Kind, State
from jobs.outbox import JobEvent
from jobs.values import shown

log = logging.getLogger(__name__)
Fields = dict[str, Any]
MOST_DEVICES = 20  # of a user; those seen last
FRESH = timedelta(hours=6)  # what has been over for longer is no news any more
LEASE = timedelta(minutes=2)  # longer than an instance has for one event
_LONGEST_SUBJECT = 100  # characters of a title that a phone shows
_READ = ("state", "push", "timeline.finishedAt", "input.title", "input.name")
_STATUS = {State.SUCCEEDED: Status.READY, State.FAILED: Status.FAILED}


@dataclass(frozen=True)
class _Pending:
    """A push that is ours to send: what it is about, and the devices that have it already."""

    subject: str
    sent: frozenset[str]
    expires_at: datetime


def job_is_over(services: Services, event: JobEvent) -> None:
    """Tell the user's devices of a job that succeeded or failed; of a cancelled one the user knows.

    Raises Unavailable when some device could not be told, or another delivery is at it.
    """
    if event.state not in _STATUS or not (devices := list(_devices(services, event.user_id))):
        return
    pending = _begin(services, event)
    if pending is None:
        return
    told = set(pending.sent)
    try:
        for device_id, device in devices:
            if device_id in told or _tell(services, event, pending, device_id, device):
                told.add(device_id)
    finally:
        is_done = told.issuperset(device_id for device_id, _ in devices)
        _record(services, event, told, is_done=is_done)
    if not is_done:
        raise Unavailable("Some devices could not be told yet.")
    log.info("pushed", extra={"jobId": event.job_id, "userId": event.user_id, "count": len(told)})


def _devices(services: Services, user_id: str) -> Iterator[tuple[str, Device]]:
    """The devices that the user's apps have written down, by id. What is no device is left out."""
    below = services.firestore().collection(f"{USERS}/{user_id}/{DEVICES}")
    query = below.order_by("updatedAt", direction=firestore.Query.DESCENDING).limit(MOST_DEVICES)
    for snapshot in transactions.call(lambda: list(query.stream())):
        try:
            yield snapshot.id, validate(snapshot.to_dict(), Device)
        except InvalidArgument:
            log.warning("a document that is no device", extra={"userId": user_id})


def _begin(services: Services, event: JobEvent) -> _Pending | None:
    """Take the push of this job, if it is still to be sent. Raises Unavailable while another delivery has it."""
    now, holder = services.store().clock(), secrets.token_hex(8)
    reference = services.firestore().document(f"{JOBS}/{event.job_id}")

    def begin(transaction: firestore.Transaction) -> _Pending | None:
        job = transactions.read_within(transaction, reference, _READ) or {}
        over_at = job.get("timeline", {}).get("finishedAt")
        push = job.get("push", {})
        if job.get("state") != event.state.value or "doneAt" in push or over_at is None or over_at + FRESH < now:
            return None
        if "leaseExpiresAt" in push and push["leaseExpiresAt"] > now and push["holder"] != holder:
            raise Unavailable("Another delivery of this event is telling the devices.")
        transaction.update(reference, {"push.leaseExpiresAt": now + LEASE, "push.holder": holder})
        given = job.get("input", {})
        subject = given.get("title" if event.kind is Kind.NARRATE else "name")
        return _Pending(subject if isinstance(subject, str) else "", frozenset(push.get("sent", [])), over_at + FRESH)

    return transactions.run(services.firestore(), begin)


def _record(services: Services, event: JobEvent, sent: set[str], *, is_done: bool) -> None:
    changes: Fields = {"push.leaseExpiresAt": firestore.DELETE_FIELD, "push.holder": firestore.DELETE_FIELD}
    if sent:
        changes["push.sent"] = firestore.ArrayUnion(sorted(sent))
    if is_done:
        changes["push.doneAt"] = services.store().clock()
    reference = services.firestore().document(f"{JOBS}/{event.job_id}")
    with contextlib.suppress(google_errors.NotFound):  # erased with its user in the meantime
        transactions.call(reference.update, changes)


def _tell(services: Services, event: JobEvent, pending: _Pending, device_id: str, device: Device) -> bool:
    """Whether nothing is left to do for this device. No device's trouble keeps word from the others."""
    try:
        is_alive = services.fcm().send(_message(event, pending, device, services.store().clock()))
        if not is_alive:
            _forget(services, event.user_id, device_id, device)
    except RetryableError as error:
        log.warning("not pushed yet: %s", error.code, extra={"jobId": event.job_id})
        return False
    except PermanentError as error:
        log.exception("not pushed: %s", error.code, extra={"jobId": event.job_id})
    return True


def _forget(services: Services, user_id: str, device_id: str, device: Device) -> None:
    """Delete a device whose token is dead, unless the app has given it another one meanwhile."""
    reference = services.firestore().document(f"{USERS}/{user_id}/{DEVICES}/{device_id}")

    def delete(transaction: firestore.Transaction) -> None:
        found = transactions.read_within(transaction, reference, ("token",))
        if found is not None and found.get("token") == device.token:
            transaction.delete(reference)

    transactions.run(services.firestore(), delete)
    log.info("a device is gone", extra={"userId": user_id})


def _message(event: JobEvent, pending: _Pending, device: Device, now: datetime) -> Fields:
    """What FCM gets, with what each platform needs to drop it when it is no news and to replace what it repeats."""
    subject = shown(pending.subject, _LONGEST_SUBJECT)
    seconds = max(0, int((pending.expires_at - now).total_seconds()))
    return {
        "token": device.token,
        "notification": {"title": _sentence(event, device.language), **({"body": subject} if subject else {})},
        "data": {
            "kind": event.kind.value,
            "requestPath": event.request_path,
            "status": _STATUS[event.state],
        },
        "android": {"ttl": f"{seconds}s", "notification": {"tag": event.job_id}},
        "apns": {
            "headers": {
                "apns-collapse-id": event.job_id,
                "apns-expiration": str(int(pending.expires_at.timestamp())),
            }
        },
        "webpush": {"headers": {"TTL": str(seconds)}, "notification": {"tag": event.job_id}},
    }


def _sentence(event: JobEvent, language: str) -> str:
    texts = texts_in(language)
    if event.kind is Kind.NARRATE:
        return texts.story_ready if event.state is State.SUCCEEDED else texts.story_failed
    return texts.voice_ready if event.state is State.SUCCEEDED else texts.voice_failed
