"""Users of the app: Firebase's ID token, and App Check's token as a second lock."""

from __future__ import annotations

import jwt
from firebase_admin import app_check, auth
from firebase_admin.exceptions import FirebaseError
from werkzeug.wrappers import Request

from backend.api.doors.bearer import bearer
from backend.api.principal import Principal
from backend.api.routing import Door, Route
from jobs import keys
from jobs.errors import Unauthenticated, Unavailable


class FirebaseDoor:
    def __init__(self, *, app_check: bool) -> None:
        self._with_app_check = app_check

    def enter(self, route: Route, request: Request) -> Principal:
        """Costly routes also ask Firebase whether the token was revoked. Raises Unauthenticated, Unavailable."""
        user_id = _verified(bearer(request), check_revoked=_is_costly(route))
        if self._with_app_check:
            _verify_app(request.headers.get("X-Firebase-AppCheck", ""))
        if not keys.is_id(user_id):
            raise Unauthenticated("This account cannot be used here: its id has an unexpected form.")
        return Principal(user_id, Door.FIREBASE)


def _is_costly(route: Route) -> bool:
    """What a stolen phone shall not do any more: make things, or delete them."""
    return bool(route.costs) or route.method == "DELETE"


def _verified(token: str, *, check_revoked: bool) -> str:
    try:
        return str(auth.verify_id_token(token, check_revoked=check_revoked)["uid"])
    except auth.CertificateFetchError as error:
        raise Unavailable("It could not be verified who you are. Please try again.") from error
    except (auth.InvalidIdTokenError, auth.UserDisabledError, auth.UserNotFoundError, ValueError) as error:
        raise Unauthenticated("Your sign-in is not valid (any more). Please sign in again.") from error
    except FirebaseError as error:
        raise Unavailable("It could not be verified who you are. Please try again.") from error


def _verify_app(token: str) -> None:
    try:
        app_check.verify_token(token)
    except ValueError as error:
        raise Unauthenticated("This app could not be verified: X-Firebase-AppCheck is missing or not valid.") from error
    except (FirebaseError, jwt.PyJWKClientError) as error:
        raise Unavailable("It could not be verified that this is our app. Please try again.") from error
