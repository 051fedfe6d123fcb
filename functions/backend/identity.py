"""Whose document is it: ownership as the server sees it, whatever the rules let through.

The identity of a document's writer comes from firestore.rules, which hold `userId` to the signed-in user; the event's
own auth context is not reliable for mobile writes and is never used. What a document refers to is checked here.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from jobs import keys
from jobs.errors import NotFound, Unauthenticated

Fields = dict[str, Any]


def owned(found: Fields | None, user_id: str, what: str) -> Fields:
    """`found` if it exists and is this user's. Another's is not there: nobody learns which ids exist."""
    if found is None or found.get("userId") != user_id:
        raise NotFound(f"There is no such {what}.")
    return found


def caller(request: CallableRequest[Any]) -> str:
    """The user id of a callable's caller, from the ID token that firebase_functions has verified."""
    if request.auth is None or not request.auth.uid:
        raise Unauthenticated("Please sign in first.")
    uid: str = request.auth.uid
    if not keys.is_id(uid):
        raise Unauthenticated("This account cannot be used here: its id has an unexpected form.")
    return uid
