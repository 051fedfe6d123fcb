"""Our own tokens: JWTs, HS256, signed with the newest SECRET_KEY and good under each that is listed.

    access    {iss, aud: …/access,  sub, iat, exp, jti}               30 minutes; nothing is looked up
    refresh   {iss, aud: …/refresh, sub, iat, exp, jti, family}       7 days; once (backend.api.accounts)

The header's `kid` is a hash of the key, so that rotation needs no second setting: `SECRET_KEY=NEW,OLD` signs with NEW,
accepts both, and OLD can go when the last refresh token of its time has expired.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from jobs import keys
from jobs.errors import Unauthenticated
from jobs.store import utc_now

ISSUER = "storyvoice"
_ALGORITHM = "HS256"
_ACCESS, _REFRESH = "storyvoice/access", "storyvoice/refresh"
_NEEDED = ["iss", "aud", "sub", "iat", "exp", "jti"]
_NOT_VALID = "This token is not valid (any more). Please log in again."


@dataclass(frozen=True)
class Refresh:
    """What a refresh token says: it is number `jti` of its family, which began with a log-in of this user."""

    user_id: str
    family: str
    jti: str


class Tokens:
    def __init__(
        self, secret_keys: Sequence[str], access: timedelta, refresh: timedelta, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """`secret_keys`: the newest first. `access`, `refresh`: how long each kind lasts."""
        self._keys = {key_id(key): key for key in secret_keys}
        self._newest = key_id(secret_keys[0])
        self._access, self.refresh_lifetime = access, refresh
        self._clock = clock

    def access_token(self, user_id: str) -> str:
        return self._sign(_ACCESS, self._access, sub=user_id, jti=secrets.token_hex(16))

    def refresh_token(self, refresh: Refresh) -> str:
        return self._sign(_REFRESH, self.refresh_lifetime, sub=refresh.user_id, jti=refresh.jti, family=refresh.family)

    def user_of(self, access_token: str) -> str:
        """Raises Unauthenticated."""
        user_id = self._verified(access_token, _ACCESS)["sub"]
        if not isinstance(user_id, str) or not keys.is_id(user_id):
            raise Unauthenticated(_NOT_VALID)
        return user_id

    def read_refresh(self, refresh_token: str) -> Refresh:
        """Raises Unauthenticated. Whether it has been used before, its family's document says."""
        claims = self._verified(refresh_token, _REFRESH)
        if not isinstance(claims.get("family"), str):
            raise Unauthenticated(_NOT_VALID)
        return Refresh(claims["sub"], claims["family"], claims["jti"])

    def _sign(self, audience: str, lifetime: timedelta, **claims: str) -> str:
        now = self._clock()
        whole = {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + lifetime, **claims}
        return jwt.encode(whole, self._keys[self._newest], _ALGORITHM, headers={"kid": self._newest})

    def _verified(self, token: str, audience: str) -> dict[str, Any]:
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Unauthenticated(_NOT_VALID)
            claims: dict[str, Any] = jwt.decode(
                token, key, [_ALGORITHM], audience=audience, issuer=ISSUER, options={"require": _NEEDED}
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise Unauthenticated(_NOT_VALID) from error
        return claims


def is_ours(token: str) -> bool:
    """Whether a token says that we made it. It proves nothing; it only says which door to knock at."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return False
    return claims.get("iss") == ISSUER


def key_id(key: str) -> str:
    return hashlib.sha256(b"key id\n" + key.encode()).hexdigest()[:16]
