"""How much anybody may ask: the token buckets of jobs.quotas, for addresses and principals.

every request   per address     in this process's memory: nobody unknown makes us write to the database
let in          per principal   in `quotas/{userId}`, with what documents and callables of that user use up
log-in          per account     in `quotas/{hash}`, and per address there too: over all instances
registration    per address     likewise
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.cloud import firestore
from werkzeug.wrappers import Request

from backend.services import Services
from jobs import keys, quotas, transactions
from jobs.documents import QUOTAS
from jobs.quotas import Limit

Fields = dict[str, Any]
_ADDRESSES = 10_000  # remembered at a time; the one that has been away longest is forgotten
_TRIES_OF_AN_ADDRESS = 4  # times as many log-ins as one account has: families share an address


def address_of(request: Request, proxies: int) -> str:
    """The client's, as the last proxy that can be trusted has seen it. What stands before that, anybody can write."""
    seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    return seen[-min(proxies, len(seen))] if seen else request.remote_addr or ""


class AddressLimit:
    """Thread-safe."""

    def __init__(self, per_minute: int, clock: Callable[[], datetime]) -> None:
        self._limit = Limit("address", per_minute)
        self._clock = clock
        self._lock = threading.Lock()
        self._quotas: OrderedDict[str, Fields] = OrderedDict()

    def charge(self, address: str) -> None:
        """One request of this address. Raises ResourceExhausted."""
        with self._lock:
            before = self._quotas.get(address)
            self._quotas[address], _ = quotas.charge(before, self._limit, 0, self._clock())
            self._quotas.move_to_end(address)
            if len(self._quotas) > _ADDRESSES:
                self._quotas.popitem(last=False)


def charge_login(services: Services, username: str, address: str) -> None:
    """One try. The account need not exist: what is answered here tells nobody. Raises ResourceExhausted."""
    rate = services.api_settings().logins_per_minute
    _charge(
        services,
        {
            keys.derived_id("login from", address): Limit("login", rate * _TRIES_OF_AN_ADDRESS),
            keys.derived_id("login as", username): Limit("login", rate),
        },
    )


def charge_registration(services: Services, address: str) -> None:
    """Raises ResourceExhausted."""
    rate = services.api_settings().logins_per_minute
    _charge(services, {keys.derived_id("register from", address): Limit("register", rate)})


def _charge(services: Services, limits: dict[str, Limit]) -> None:
    """All or nothing, in one transaction."""
    client, now = services.firestore(), services.store().clock()

    def charge(transaction: firestore.Transaction) -> None:
        after = {}
        for quota_id, limit in limits.items():
            reference = client.document(f"{QUOTAS}/{quota_id}")
            before = transactions.read_within(transaction, reference)
            after[reference], _ = quotas.charge(before, limit, 0, now)
        for reference, fields in after.items():
            transaction.set(reference, fields)

    transactions.run(client, charge)
