"""The doors: which one a request knocks at, and whether its route has it.

    X-Daezend-Signature             hmac       an internal service, for the user that it names
    Authorization: Bearer …         jwt        a token of ours (its `iss` says so)
                                    firebase   any other token: Firebase's ID token, and App Check's beside it

A route without doors asks nobody. One that has doors takes no request without a credential (401), none that shows two
(400: it cannot be known whose it is), and none that is good at another door only (403).
"""

from __future__ import annotations

from werkzeug.wrappers import Request

from backend.api.doors.firebase_token import FirebaseDoor
from backend.api.doors.hmac_signature import HmacDoor
from backend.api.principal import Principal
from backend.api.routing import Door, Route
from backend.services import Services
from jobs.errors import InvalidArgument, PermissionDenied, Unauthenticated

_SIGNED = ("X-Daezend-Signature", "X-Daezend-Timestamp")


class Doors:
    def __init__(self, services: Services) -> None:
        settings = services.api_settings()
        self._hmac = HmacDoor(settings) if settings.hmac else None
        self._firebase = FirebaseDoor(app_check=settings.app_check) if settings.firebase_auth else None

    def enter(self, route: Route, request: Request) -> Principal | None:
        """None where everybody may come in. Raises Unauthenticated, PermissionDenied, InvalidArgument."""
        if not route.doors:
            return None
        door = self._door_of(request)
        if door not in route.doors:
            raise PermissionDenied("You may not do this. It is for internal services only.")
        return self._let_in(door, route, request)

    def _door_of(self, request: Request) -> Door:
        signed = any(name in request.headers for name in _SIGNED)
        bearing = "Authorization" in request.headers
        if signed and bearing:
            raise InvalidArgument("Send a signature or a token, not both.")
        if signed:
            return Door.HMAC
        if bearing:
            return Door.FIREBASE
        raise Unauthenticated("Please sign in first.")

    def _let_in(self, door: Door, route: Route, request: Request) -> Principal:
        if door is Door.HMAC and self._hmac is not None:
            return self._hmac.enter(route, request)
        if door is Door.FIREBASE and self._firebase is not None:
            return self._firebase.enter(route, request)
        raise Unauthenticated("This way of signing in is switched off.")
