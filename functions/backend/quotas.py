"""Which action may use how much: the limits of the settings, applied to the arithmetic of jobs.quotas."""

from __future__ import annotations

from google.cloud import firestore

from backend.settings import Settings
from jobs import quotas, transactions
from jobs.documents import QUOTAS
from jobs.quotas import Limit
from jobs.store import Store


def clone_limit(settings: Settings) -> Limit:
    return Limit("clone", settings.clones_per_minute)


def narrate_limit(settings: Settings) -> Limit:
    return Limit("narrate", settings.narrations_per_minute, settings.characters_per_day)


def charge_call(store: Store, settings: Settings, user_id: str, *, even_if_closed: bool = False) -> None:
    """One callable of this user. Raises ResourceExhausted, and PermissionDenied while the account is being deleted,
    except for the call that goes on with that. A commit whose answer is lost may charge one call more."""
    limit = Limit("call", settings.calls_per_minute)
    reference = store.client.document(f"{QUOTAS}/{user_id}")

    def charge(transaction: firestore.Transaction) -> None:
        before = transactions.read_within(transaction, reference) or {}
        kept = {}
        if even_if_closed and before.pop("closed", False):
            kept = {"closed": True, "expireAt": before["expireAt"]}
        after, _ = quotas.charge(before, limit, 0, store.clock())
        transaction.set(reference, {**after, **kept})

    with store.turns.of(user_id):
        transactions.run(store.client, charge)
