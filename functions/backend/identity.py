"""Whose document is it: ownership as the server sees it, whatever the rules let through.

The identity of a document's writer comes from firestore.rules, which hold `userId` to the signed-in user; the event's
own auth context is not reliable for mobile writes and is never used. What a document refers to is checked here.
"""

from __future__ import annotations

from typing import Any

import jwt
from firebase_admin import app_check, auth
from firebase_admin.exceptions import FirebaseError
from firebase_functions.https_fn import CallableRequest

from jobs import keys
from jobs.errors import NotFound, Unauthenticated, Unavailable

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


def consume_app_check(request: CallableRequest[Any]) -> None:
    """Use up the caller's App Check token, which firebase_functions has verified and has no option to consume.

    Apps send a limited-use token with such a call (`limitedUseAppCheckTokens` in the SDKs). Raises Unauthenticated when
    it was used before, Unavailable when App Check cannot be asked.
    """
    token = request.raw_request.headers.get("X-Firebase-AppCheck", "")
    try:
        claims = app_check.verify_token(token, consume=True)
    except ValueError as error:
        raise Unauthenticated("This app could not be verified.") from error
    except (FirebaseError, jwt.PyJWKClientError) as error:
        raise Unavailable("It could not be verified that this is our app. Please try again.") from error
    if claims["already_consumed"]:
        raise Unauthenticated(
            "This call has been made before. Please make it anew, with a limited-use App Check token."
        )


def delete_sign_in(user_id: str) -> None:
    """The user of Firebase Auth, if there is one (still). Raises Unavailable."""
    try:
        auth.delete_user(user_id)
    except auth.UserNotFoundError:
        return
    except FirebaseError as error:
        raise Unavailable("The sign-in could not be deleted yet. Please try again.") from error
