"""`users`: quotas, what a user has, and erasing everything of theirs."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import firebase_admin
from google.cloud.firestore_v1.base_query import FieldFilter

from backend import erasing
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import AUDIO_REQUESTS, DEVICES, ERASURES, JOBS, QUOTAS, STORIES, USERS, VOICE_PROFILES
from jobs.errors import FailedPrecondition, InvalidArgument
from operations.results import Action, Fields, Record, Result, Rows

_COUNTED = (VOICE_PROFILES, AUDIO_REQUESTS, STORIES, JOBS)
_TRIES = 60
_PAUSE_SECONDS = 5.0
COLUMNS = ("userId", "day", "characters", "allowance", "closed")


def list_quotas(services: Services, given: Namespace) -> Result:
    """Who has used most today; a quota that was not touched for two days is gone."""
    query: Any = services.firestore().collection(QUOTAS).select(["day", "characters", "closed"])
    found = transactions.call(lambda: [(each.id, each.to_dict()) for each in query.stream()])
    allowance = services.settings().characters_per_day
    rows = [{"userId": name, "allowance": allowance, **fields} for name, fields in found]
    rows.sort(key=lambda row: (str(row.get("day", "")), row.get("characters", 0)), reverse=True)
    return Rows(COLUMNS, rows[: given.limit])


def show_user(services: Services, given: Namespace) -> Result:
    user_id = _user(given.user)
    quota = _get(services, f"{QUOTAS}/{user_id}") or {}
    devices: Any = services.firestore().collection(f"{USERS}/{user_id}/{DEVICES}")
    counts = {name: _count(_of(services, name, user_id).count()) for name in _COUNTED}
    erasure = _get(services, f"{ERASURES}/{keys.erasure_id(f'{USERS}/{user_id}')}")
    return Record(
        {
            "userId": user_id,
            "quota": quota or "untouched",
            "allowance": services.settings().characters_per_day,
            **counts,
            DEVICES: _count(devices.count()),
            **({"being erased": {"receipt": erasure["receiptId"], "due": erasure["dueAt"]}} if erasure else {}),
        }
    )


def reset_quota(services: Services, given: Namespace) -> Result:
    user_id = _user(given.user)
    if (_get(services, f"{QUOTAS}/{user_id}") or {}).get("closed"):
        raise FailedPrecondition("This account is being erased; its quota stays closed.")
    if given.yes:
        transactions.call(services.firestore().document(f"{QUOTAS}/{user_id}").delete)
    return Action(f"Give user {user_id} the whole allowance of the day, and full buckets.", given.yes)


def erase_user(services: Services, given: Namespace, sleep: Callable[[float], None] = time.sleep) -> Result:
    """What deleteAccount does when the user calls it; until it is complete, or for as long as an operator waits."""
    user_id = _user(given.user)
    says = f"Erase user {user_id}: the sign-in, every document and every file. This cannot be undone."
    if not given.yes:
        return Action(
            says, done=False, outcome={name: _count(_of(services, name, user_id).count()) for name in _COUNTED}
        )
    try:
        firebase_admin.get_app()
    except ValueError:
        firebase_admin.initialize_app(options={"projectId": services.settings().project, "httpTimeout": 10})
    receipt: Fields = {}
    for _ in range(_TRIES):
        receipt = erasing.delete_account(services, user_id, {})
        if "completedAt" in receipt:
            return Action(says, done=True, outcome=receipt)
        sleep(_PAUSE_SECONDS)
    receipt["note"] = "Not complete yet; reconcile goes on with it."
    return Action(says, done=True, outcome=receipt, exit_code=1)


def _user(text: str) -> str:
    if not keys.is_id(text):
        raise InvalidArgument("A user's id is letters, digits, _ and -.")
    return text


def _of(services: Services, collection: str, user_id: str) -> Any:
    return services.firestore().collection(collection).where(filter=FieldFilter("userId", "==", user_id))


def _count(query: Any) -> int:
    ((found,),) = transactions.call(query.get)
    return int(found.value)


def _get(services: Services, path: str) -> Fields | None:
    return transactions.read(services.firestore(), path)
