"""X-Idempotency-Key: what a call has done is done once, however often the call is made.

    same key, same request   answered before      the answer of then
                             being worked on      409, Retry-After
                             failed, or died      it is done now
    same key, another one                         409
    no key                                        through the HMAC door 400, else it is simply done

    call 1   claim ── handler ── keep the answer ─────────────▶ 202
    call 2              409         … and from here on ───────▶ 202, the same bytes

Only success is kept: after any failure the same call may be right another time. A call that dies holds its key for a
minute; whoever goes on then gives what it makes the same ids (Call.new_id), so that nothing is there twice.

A signature is bound to the first key that it comes with, in the same commit. Its formula has no key in it, so without
this a recorded request could be sent again under a new one.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from google.cloud import firestore
from werkzeug.wrappers import Response

from backend.api import reading
from backend.api.doors.hmac_signature import target
from backend.api.principal import Principal
from backend.api.routing import Call
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import IDEMPOTENCY_KEYS
from jobs.errors import AlreadyExists, Conflict, InvalidArgument, StoryvoiceError, Unauthenticated

log = logging.getLogger(__name__)
Fields = dict[str, Any]
HEADER = "X-Idempotency-Key"
HELD = timedelta(minutes=1)  # longer than any handler that changes something takes
_KEY = re.compile(r"[A-Za-z0-9_.:+/=-]{1,200}", re.ASCII)
_LARGEST_KEPT = 512 * 1024  # bytes; a document takes 1 MiB


class InProgress(Conflict):
    retryable = True
    retry_after_seconds = 2


class _Claim(NamedTuple):
    """What a call holds while it is worked on: `mark` tells it from one that took over after it seemed dead."""

    reference: Any
    mark: str


class Idempotency:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept = timedelta(seconds=services.api_settings().idempotency_seconds)

    def once(self, call: Call, act: Callable[[], Response]) -> Response:
        """What `act` answers, or has answered. Raises InvalidArgument, AlreadyExists, InProgress, Unauthenticated, and
        what `act` raises."""
        if call.principal is None or not call.route.changes:
            return act()
        call.idempotency_key = _key_of(call)
        if not call.idempotency_key:
            return act()
        claimed = self._claim(call, call.principal)
        if isinstance(claimed, Response):
            return claimed
        try:
            response = act()
        except BaseException:
            self._release(claimed)
            raise
        if response.status_code >= 300 or response.is_streamed or len(response.get_data()) > _LARGEST_KEPT:
            self._release(claimed)
        else:
            self._keep(claimed, response)
        return response

    def _claim(self, call: Call, principal: Principal) -> _Claim | Response:
        """The key for us, or the answer that it stands for already."""
        now = self._services.store().clock()
        client = self._services.firestore()
        key_id = keys.derived_id("idempotency", principal.door, principal.user_id, call.idempotency_key)
        reference = client.document(f"{IDEMPOTENCY_KEYS}/{key_id}")
        signature = principal.signature and client.document(
            f"{IDEMPOTENCY_KEYS}/{keys.derived_id('signature', principal.signature)}"
        )
        mark = secrets.token_hex(8)
        request = _fingerprint(call)
        fields = {
            "userId": principal.user_id,
            "request": request,
            "mark": mark,
            "heldUntil": now + HELD,
            "expireAt": now + self._kept,
        }

        def claim(transaction: firestore.Transaction) -> Fields | None:
            found = _alive(transactions.read_within(transaction, reference), now)
            if signature:
                bound = _alive(transactions.read_within(transaction, signature), now)
                if bound is not None and bound["key"] != key_id:
                    raise Unauthenticated(f"This signature has been used with another {HEADER}; please sign anew.")
            if found is not None and found["mark"] != mark:  # ours: the answer to our commit was lost
                if found["request"] != request:
                    raise AlreadyExists(f"This {HEADER} has been used for another request.")
                if "status" in found:
                    return found
                if found["heldUntil"] > now:
                    raise InProgress("The same call is being worked on. Please ask again in a moment.")
            transaction.set(reference, fields)
            if signature:
                transaction.set(signature, {"userId": principal.user_id, "key": key_id, "expireAt": fields["expireAt"]})
            return None

        answered = transactions.run(client, claim)
        return _Claim(reference, mark) if answered is None else _as_before(answered)

    def _keep(self, claim: _Claim, response: Response) -> None:
        """Not raising: what was asked for is done. Were this lost, the same call would find the same things."""
        answer = {
            "status": response.status_code,
            "body": response.get_data(),
            "headers": {name: value for name, value in response.headers if name != "Content-Length"},
        }
        self._if_still_held(claim, lambda transaction: transaction.update(claim.reference, answer))

    def _release(self, claim: _Claim) -> None:
        """Not raising: the caller gets the error that is the reason; and the key comes free by itself."""
        self._if_still_held(claim, lambda transaction: transaction.delete(claim.reference))

    def _if_still_held(self, claim: _Claim, write: Callable[[firestore.Transaction], None]) -> None:
        def run(transaction: firestore.Transaction) -> None:
            found = transactions.read_within(transaction, claim.reference)
            if found is not None and found["mark"] == claim.mark:
                write(transaction)

        try:
            transactions.run(self._services.firestore(), run)
        except StoryvoiceError as error:
            log.warning("an idempotency key is left to lapse: %s", error.code, exc_info=True)


def _key_of(call: Call) -> str:
    key = call.request.headers.get(HEADER)
    if key is None:
        if call.principal is not None and call.principal.signature:
            raise InvalidArgument(f"{HEADER} is missing: give every signed call an id of its own.")
        return ""
    if not _KEY.fullmatch(key):
        raise InvalidArgument(f"{HEADER} must be 1 to 200 letters, digits or _ . : + / = -")
    return key


def _fingerprint(call: Call) -> str:
    """What makes it the same request: method, path, query, body."""
    request = call.request
    asked = f"{request.method}\n{target(request)}\n{request.mimetype}\n".encode()
    return hashlib.sha256(asked + reading.digest(request)).hexdigest()


def _alive(found: Fields | None, now: datetime) -> Fields | None:
    """Firestore's TTL may come a day late."""
    return found if found is not None and found["expireAt"] > now else None


def _as_before(answered: Fields) -> Response:
    response = Response(answered["body"], answered["status"], answered["headers"])
    response.headers["X-Idempotent-Replay"] = "true"
    return response
