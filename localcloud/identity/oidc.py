"""Service accounts on one machine: Google's OIDC tokens, and credentials that Google's own libraries can use.

Cloud Tasks and Pub/Sub push attach such a token to what they deliver; Cloud Run checks it before a function sees the
request. Here `mint` does the first and `verify` the second.

`credentials_file` writes what GOOGLE_APPLICATION_CREDENTIALS names: a service account whose `token_uri` is our
`/token`. With it google.auth.default() works on a machine that has no Google account, and so do access tokens and
google.oauth2.id_token.fetch_id_token, all by the libraries' own code: they sign an assertion, we answer with a token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web

from localcloud.clock import Clock
from localcloud.identity.json_http import JsonServer
from localcloud.identity.signing_key import SigningKey, issuing_time

ISSUER = "https://accounts.google.com"
LIFETIME_SECONDS = 3600
# google-auth writes this audience into its assertions whatever the token_uri is.
_GOOGLES_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  (public)
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class OidcServer(JsonServer):
    """Google's token service for the local cloud's service accounts."""

    def __init__(self, project: str, clock: Clock, port: int = 0) -> None:
        super().__init__("The token service", port)
        self.project = project
        self._clock = clock
        self._issuing_key = SigningKey()
        self._account_key = SigningKey()

    def mint(self, service_account_email: str, audience: str) -> str:
        """An ID token as Google signs it for that service account."""
        issued = issuing_time(self._clock)
        subject = str(int(hashlib.sha256(service_account_email.encode()).hexdigest()[:16], 16))
        return self._issuing_key.sign(
            {
                "iss": ISSUER,
                "aud": audience,
                "azp": subject,
                "sub": subject,
                "email": service_account_email,
                "email_verified": True,
                "iat": issued,
                "exp": issued + LIFETIME_SECONDS,
            }
        )

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that `mint` made. jwt.InvalidTokenError (a ValueError it is not) for any other."""
        return self._issuing_key.verify(token, audience=audience, issuer=ISSUER, now=issuing_time(self._clock))

    def credentials_file(self, path: Path, service_account_email: str) -> Path:
        """Write the service account's key file (mode 600). It works while this server runs."""
        document = {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self._account_key.key_id,
            "private_key": self._account_key.private_pem(),
            "client_email": service_account_email,
            "client_id": "local",
            "token_uri": f"{self.url}/token",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document, indent=1))
        return path

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/.well-known/openid-configuration", self._configuration)
        yield web.get("/oauth2/v3/certs", self._certs)
        yield web.post("/token", self._token)

    async def _configuration(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{self.url}/oauth2/v3/certs",
                "token_endpoint": f"{self.url}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _certs(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._issuing_key.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        """RFC 7523: for an assertion signed with the account's key an access token, or (target_audience) an ID one."""
        form = await request.post()
        if form.get("grant_type") != _GRANT:
            return _oauth_error("unsupported_grant_type")
        assertion, audiences = str(form.get("assertion", "")), [f"{self.url}/token", _GOOGLES_TOKEN_URI]
        try:
            claims = self._account_key.verify(assertion, audience=audiences, issuer=None, now=issuing_time(self._clock))
        except jwt.InvalidTokenError:
            return _oauth_error("invalid_grant")
        if target := claims.get("target_audience"):
            return web.json_response({"id_token": self.mint(str(claims["iss"]), str(target))})
        return web.json_response(
            {"access_token": secrets.token_urlsafe(32), "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"}
        )


def _oauth_error(code: str) -> web.Response:
    """RFC 6749, section 5.2."""
    return web.json_response({"error": code}, status=400)
