"""The doors: which one a request knocks at, and whether its route has it.

    X-Daezend-Signature             hmac       an internal service, for the user that it names
    Authorization: Bearer …         jwt        a token of ours (its `iss` says so)
                                    firebase   any other token: Firebase's ID token, and App Check's beside it

A route without doors asks nobody. One that has doors takes no request without a credential (401), none that shows two
(400: it cannot be known whose it is), and none that is good at another door only (403).
"""

from __future__ import annotations

from werkzeug.wrappers import Request

from backend.api.accounts import Accounts
from backend.api.doors.bearer import bearer
from backend.api.doors.firebase_token import FirebaseDoor
from backend.api.doors.hmac_signature import HmacDoor
from backend.api.doors.jwt_token import JwtDoor
from backend.api.principal import Principal
from backend.api.reading import ACTING_FOR, user_in_body
from backend.api.routing import Door, Route
from backend.api.tokens import is_ours
from backend.settings import ApiSettings
from jobs.errors import InvalidArgument, PermissionDenied, Unauthenticated

_SIGNED = ("X-Daezend-Signature", "X-Daezend-Timestamp")


class Doors:
    def __init__(self, settings: ApiSettings, accounts: Accounts | None) -> None:
        self._hmac = HmacDoor(settings) if settings.hmac else None
        self._jwt = JwtDoor(accounts.tokens) if accounts is not None else None
        self._firebase = FirebaseDoor(app_check=settings.app_check) if settings.firebase_auth else None

    def enter(self, route: Route, request: Request) -> Principal | None:
        """None where everybody may come in. Raises Unauthenticated, PermissionDenied, InvalidArgument."""
        if not route.doors:
            return None
        door = self._door_of(request)
        principal = self._let_in(door, route, request)
        if door not in route.doors:
            raise PermissionDenied("You may not do this: it takes another way of signing in.")
        _check_named(principal, request)
        return principal

    def _door_of(self, request: Request) -> Door:
        signed = any(name in request.headers for name in _SIGNED)
        bearing = "Authorization" in request.headers
        if signed and bearing:
            raise InvalidArgument("Send a signature or a token, not both.")
        if signed:
            return Door.HMAC
        if bearing:
            return Door.JWT if is_ours(bearer(request)) else Door.FIREBASE
        raise Unauthenticated("Please sign in first.")

    def _let_in(self, door: Door, route: Route, request: Request) -> Principal:
        if door is Door.HMAC and self._hmac is not None:
            return self._hmac.enter(route, request)
        if door is Door.JWT and self._jwt is not None:
            return self._jwt.enter(bearer(request))
        if door is Door.FIREBASE and self._firebase is not None:
            return self._firebase.enter(route, request)
        raise Unauthenticated("This way of signing in is switched off.")


def _check_named(principal: Principal, request: Request) -> None:
    """Only an internal service may name another user than the one who calls."""
    named = {*request.args.getlist(ACTING_FOR), user_in_body(request)} - {None, principal.user_id}
    if named and principal.door is not Door.HMAC:
        raise PermissionDenied("You may not act for another user.")
