"""App Check on one machine: real tokens with real signatures, for whoever knows a debug token.

A debug token stands for an attested app, as it does in production for emulators and CI. Verifying happens where it
always does, in firebase_admin; `redirect` tells it where the keys are.

Source: the REST reference of the Firebase App Check API (v1, and v1beta for replay protection).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import jwt
from aiohttp import web

from localcloud.clock import Clock
from localcloud.identity.json_http import ApiError, JsonServer, body_of, flag_in, text_in
from localcloud.identity.signing_key import SigningKey, issuing_time
from localcloud.state import State

ISSUER_PREFIX = "https://firebaseappcheck.googleapis.com/"
LIFETIME_SECONDS = 3600
LIMITED_USE_LIFETIME_SECONDS = 300


@dataclass(frozen=True)
class _Consumed:
    """A token that has been used up, kept until it would have expired anyway."""

    token_id: str
    expires_at: float


class AppCheckServer(JsonServer):
    """The issuer for one project. `debug_tokens`: who knows one of these is taken for a genuine app."""

    def __init__(
        self, project: str, state: State, clock: Clock, port: int = 0, *, debug_tokens: tuple[str, ...] = ("local",)
    ) -> None:
        super().__init__("App Check", port)
        self.project = project
        self._clock = clock
        self._debug_tokens = debug_tokens
        self._key = SigningKey()
        self._table = state.table("app_check_consumed", _Consumed)
        self._consumed = {row.token_id: row for row in self._table.all()}

    def mint(self, app_id: str, lifetime_seconds: int = LIFETIME_SECONDS) -> str:
        """An App Check token for the app (`1:123456:android:abc`)."""
        issued = issuing_time(self._clock)
        return self._key.sign(
            {
                "iss": ISSUER_PREFIX + self.project,
                "aud": [f"projects/{self.project}"],
                "sub": app_id,
                "iat": issued,
                "exp": issued + lifetime_seconds,
                "jti": secrets.token_urlsafe(16),
                "provider": "debug",
            }
        )

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/v1/jwks", self._jwks)
        yield web.post("/v1/projects/{project}/apps/{app}:exchangeDebugToken", self._exchange_debug_token)
        for version in ("v1", "v1beta"):
            yield web.post(f"/{version}/projects/{{project}}:verifyAppCheckToken", self._verify)

    async def _jwks(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._key.jwks())

    async def _exchange_debug_token(self, request: web.Request) -> web.Response:
        self._check_project(request)
        body = await body_of(request)
        shown = text_in(body, "debugToken") or text_in(body, "debug_token") or ""
        if not any(hmac.compare_digest(shown.encode(), known.encode()) for known in self._debug_tokens):
            raise ApiError("App attestation failed.", 403)
        limited = flag_in(body, "limitedUse") or flag_in(body, "limited_use")
        lifetime = LIMITED_USE_LIFETIME_SECONDS if limited else LIFETIME_SECONDS
        return web.json_response({"token": self.mint(request.match_info["app"], lifetime), "ttl": f"{lifetime}s"})

    async def _verify(self, request: web.Request) -> web.Response:
        """Replay protection: the first to ask consumes the token, everybody after is told so."""
        self._check_project(request)
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            raise ApiError("Request is missing required authentication credential.", 401)
        body = await body_of(request)
        token = text_in(body, "appCheckToken") or text_in(body, "app_check_token") or ""
        now = issuing_time(self._clock)
        try:
            claims = self._key.verify(
                token, audience=f"projects/{self.project}", issuer=ISSUER_PREFIX + self.project, now=now
            )
        except jwt.InvalidTokenError as error:
            raise ApiError("App Check token is invalid.", 403) from error
        return web.json_response({"alreadyConsumed": True} if self._consume(claims["jti"], claims["exp"], now) else {})

    def _consume(self, token_id: str, expires_at: float, now: float) -> bool:
        """Whether it had been consumed before."""
        for row in [row for row in self._consumed.values() if row.expires_at <= now]:
            del self._consumed[row.token_id]
            self._table.remove(row.token_id)
        if token_id in self._consumed:
            return True
        self._consumed[token_id] = _Consumed(token_id, expires_at)
        self._table.put(self._consumed[token_id])
        return False

    def _check_project(self, request: web.Request) -> None:
        if request.match_info["project"] != self.project:
            raise ApiError(f"This is the App Check of project {self.project}.", 404)
