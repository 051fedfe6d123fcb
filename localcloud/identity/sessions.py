"""ID tokens and refresh tokens, in the form of Google's Auth emulator.

An ID token is an unsigned JWT (`alg` none). That suffices because whoever takes it has been told, by
FIREBASE_AUTH_EMULATOR_HOST or by being Google's Firestore emulator, to check no signature. Everything else about it is
as in production: issuer, audience, lifetime, the `firebase` claim, custom claims at the top level.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from localcloud.clock import Clock
from localcloud.identity.accounts import Account, Accounts
from localcloud.identity.json_http import ApiError
from localcloud.state import State

LIFETIME_SECONDS = 3600
CUSTOM_TOKEN_AUDIENCE = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"  # noqa: S105  (public)


@dataclass(frozen=True)
class Tokens:
    """What a sign-in yields. `expires_in` in seconds."""

    uid: str
    id_token: str
    refresh_token: str
    expires_in: int = LIFETIME_SECONDS

    def as_json(self) -> dict[str, str]:
        return {"idToken": self.id_token, "refreshToken": self.refresh_token, "expiresIn": str(self.expires_in)}


@dataclass(frozen=True)
class _Session:
    """A refresh token; only its hash is kept."""

    token_hash: str
    local_id: str
    provider: str
    signed_in_at: float
    claims: str  # JSON: those of the custom token that began it


class Sessions:
    """Issues tokens for accounts, and says whose a token is."""

    def __init__(self, project: str, accounts: Accounts, state: State, clock: Clock) -> None:
        self._project = project
        self._accounts = accounts
        self._clock = clock
        self._table = state.table("auth_sessions", _Session)
        self._sessions = {session.token_hash: session for session in self._table.all()}

    def begin(self, account: Account, provider: str, claims: dict[str, Any] | None = None) -> Tokens:
        """Sign in. `provider` is `password`, `anonymous`, `custom` or `phone`."""
        if account.disabled:
            raise ApiError("USER_DISABLED")
        now = self._clock.now()
        account = self._accounts.update(account, last_login_at=now)
        refresh_token = secrets.token_urlsafe(48)
        session = _Session(_hash(refresh_token), account.local_id, provider, now, json.dumps(claims or {}))
        self._sessions[session.token_hash] = session
        self._table.put(session)
        return Tokens(account.local_id, self._id_token(account, session), refresh_token)

    def refresh(self, refresh_token: str) -> Tokens:
        session = self._sessions.get(_hash(refresh_token))
        if session is None:
            raise ApiError("INVALID_REFRESH_TOKEN")
        account = self._accounts.get(session.local_id)
        if account.disabled:
            raise ApiError("USER_DISABLED")
        if int(session.signed_in_at) < account.valid_since:
            raise ApiError("TOKEN_EXPIRED")
        return Tokens(account.local_id, self._id_token(account, session), refresh_token)

    def account_of(self, id_token: str) -> tuple[Account, str]:
        """Whose ID token it is, and by which provider they signed in."""
        claims = _decode(id_token, "INVALID_ID_TOKEN")
        if claims.get("aud") != self._project or claims.get("iss") != self._issuer:
            raise ApiError("INVALID_ID_TOKEN")
        try:
            local_id, issued, expires = str(claims["sub"]), float(claims["iat"]), float(claims["exp"])
            provider = str(claims["firebase"]["sign_in_provider"])
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError("INVALID_ID_TOKEN") from error
        account = self._accounts.get(local_id)
        if account.disabled:
            raise ApiError("USER_DISABLED")
        if expires <= self._clock.now() or issued < account.valid_since:
            raise ApiError("TOKEN_EXPIRED")
        return account, provider

    def forget(self, local_id: str) -> None:
        """The account is gone, and its sessions with it."""
        for session in [session for session in self._sessions.values() if session.local_id == local_id]:
            del self._sessions[session.token_hash]
            self._table.remove(session.token_hash)

    @property
    def _issuer(self) -> str:
        return f"https://securetoken.google.com/{self._project}"

    def _id_token(self, account: Account, session: _Session) -> str:
        now = int(self._clock.now())
        identities = {"email": [account.email] if account.email else None,
                      "phone": [account.phone_number] if account.phone_number else None}  # fmt: skip
        claims = {
            **account.claims,
            **json.loads(session.claims),
            "name": account.display_name,
            "picture": account.photo_url,
            "email": account.email,
            "email_verified": account.email_verified if account.email else None,
            "phone_number": account.phone_number,
            "provider_id": "anonymous" if session.provider == "anonymous" else None,
            "auth_time": int(session.signed_in_at),
            "user_id": account.local_id,
            "firebase": {
                "identities": {kind: names for kind, names in identities.items() if names},
                "sign_in_provider": session.provider,
            },
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "aud": self._project,
            "iss": self._issuer,
            "sub": account.local_id,
        }
        return _encode({name: value for name, value in claims.items() if value is not None})


def read_custom_token(token: str) -> tuple[str, dict[str, Any]]:
    """(uid, developer claims) of a token that firebase_admin's create_custom_token made. Its signature is not checked.

    It was made this moment by a server that lives in real time, so it is by real time that it expires.
    """
    payload = _decode(token, "INVALID_CUSTOM_TOKEN : Invalid assertion format.")
    if payload.get("aud") != CUSTOM_TOKEN_AUDIENCE:
        raise ApiError("INVALID_CUSTOM_TOKEN : ((Invalid JWT audience.))")
    uid, claims, expires = payload.get("uid"), payload.get("claims") or {}, payload.get("exp")
    if not isinstance(uid, str) or not isinstance(claims, dict) or not isinstance(expires, int | float):
        raise ApiError("INVALID_CUSTOM_TOKEN : uid, exp and claims are needed.")
    if expires <= time.time():
        raise ApiError("TOKEN_EXPIRED")
    return uid, claims


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _encode(claims: dict[str, Any]) -> str:
    return ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "none", "typ": "JWT"}, claims)) + "."


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str, complaint: str) -> dict[str, Any]:
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise ApiError(complaint) from error
    if not isinstance(claims, dict):
        raise ApiError(complaint)
    return claims
