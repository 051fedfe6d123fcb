"""An RSA key that signs JWTs, and its public half as a JSON Web Key Set."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from localcloud.clock import Clock

ALGORITHM = "RS256"


class SigningKey:
    """A fresh 2048-bit key under a fresh id: whoever caches keys by id can never mistake it for an older one."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = secrets.token_hex(8)

    def jwks(self) -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.key_id, "alg": ALGORITHM, "use": "sig"}]}

    def private_pem(self) -> str:
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def verify(self, token: str, *, audience: str | list[str], issuer: str | None, now: float) -> dict[str, Any]:
        """The claims. jwt.InvalidTokenError for any other key, audience or issuer, or when it has expired by `now`."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self._private.public_key(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={"require": ["exp", "iat", "aud"], "verify_exp": False, "verify_iat": False},
        )
        if float(claims["exp"]) <= now:
            raise jwt.ExpiredSignatureError("Signature has expired")
        return claims


def issuing_time(clock: Clock) -> int:
    """Seconds to put under `iat`. Those who verify are other processes, which live in real time and refuse a token from
    the future; so a Clock that has been moved ahead does not count, one that stands in the past does."""
    return int(min(clock.now(), time.time()))
