"""Firebase Authentication on one machine, for unmodified client SDKs and for firebase_admin.

The paths are those of Google's Auth emulator, which the SDKs turn to by `connectAuthEmulator` (phones, browsers) or
FIREBASE_AUTH_EMULATOR_HOST (servers). Phones name an API key, any; servers say `Authorization: Bearer owner`.

    phone                                                     server
    /identitytoolkit…/v1/accounts:signUp, :signIn…, …         /identitytoolkit…/v1/projects/{p}/accounts, :lookup, …
    /securetoken…/v1/token                                    /emulator/v1/projects/{p}/accounts (clear)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from localcloud.clock import Clock
from localcloud.identity.accounts import Account, Accounts, checked_email, hash_password, new_uid, password_matches
from localcloud.identity.auth_admin import AdminApi
from localcloud.identity.json_http import ApiError, JsonServer, body_of, flag_in, text_in, texts_in
from localcloud.identity.sessions import Sessions, Tokens, read_custom_token
from localcloud.state import State

_TOOLKIT = "/identitytoolkit.googleapis.com/v1"
Body = dict[str, Any]


class AuthServer(JsonServer):
    """The users of one project. `FIREBASE_AUTH_EMULATOR_HOST` is `host`."""

    def __init__(self, project: str, state: State, clock: Clock, port: int = 0) -> None:
        super().__init__("Authentication", port)
        self.project = project
        self._clock = clock
        self._accounts = Accounts(state)
        self._sessions = Sessions(project, self._accounts, state, clock)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def sign_in(self, email_or_uid: str) -> Tokens:
        """Tokens as a phone would get them, for the demo and for tests; a user who is not there yet is made."""
        if "@" in email_or_uid:
            account = self._accounts.find(email=email_or_uid)
            account = account or self._create(new_uid(), email=checked_email(email_or_uid))
            return self._sessions.begin(account, "password")
        account = self._accounts.find(local_id=email_or_uid) or self._create(email_or_uid)
        return self._sessions.begin(account, "custom")

    def routes(self) -> Iterable[web.RouteDef]:
        methods: dict[str, Callable[[Body], Awaitable[Body]]] = {
            "signUp": self._sign_up,
            "signInWithPassword": self._sign_in_with_password,
            "signInWithCustomToken": self._sign_in_with_custom_token,
            "lookup": self._lookup,
            "update": self._update,
            "delete": self._delete,
        }
        for name, method in methods.items():
            yield web.post(f"{_TOOLKIT}/accounts:{name}", _for_phones(method))
        yield web.post("/securetoken.googleapis.com/v1/token", self._refresh)
        yield from AdminApi(self.project, self._accounts, self._sessions, self._clock).routes(_TOOLKIT)

    def _create(self, local_id: str, **fields: Any) -> Account:
        # The first token may be issued within the same second, and must count as later.
        now = self._clock.now()
        return self._accounts.create(Account(local_id, created_at=now, valid_since=int(now), **fields))

    async def _sign_up(self, body: Body) -> Body:
        """Anonymous without an e-mail address; with an ID token, the account that it belongs to gets the address."""
        email, password, id_token = text_in(body, "email"), text_in(body, "password"), text_in(body, "idToken")
        if email is None and password is None:
            account, provider = self._create(new_uid()), "anonymous"
        else:
            if email is None:
                raise ApiError("MISSING_EMAIL")
            if password is None:
                raise ApiError("MISSING_PASSWORD")
            hashed, salt = await asyncio.to_thread(hash_password, password)
            credentials = {"email": checked_email(email), "password_hash": hashed, "password_salt": salt}
            if id_token:
                account = self._accounts.update(self._sessions.account_of(id_token)[0], **credentials)
            else:
                account = self._create(new_uid(), **credentials)
            provider = "password"
        if text_in(body, "displayName"):
            account = self._accounts.update(account, display_name=body["displayName"])
        return _signed_in("SignupNewUser", account, self._sessions.begin(account, provider))

    async def _sign_in_with_password(self, body: Body) -> Body:
        email, password = text_in(body, "email"), text_in(body, "password")
        if not email:
            raise ApiError("MISSING_EMAIL")
        if not password:
            raise ApiError("MISSING_PASSWORD")
        account = self._accounts.find(email=checked_email(email))
        if account is None:
            raise ApiError("EMAIL_NOT_FOUND")
        if not await asyncio.to_thread(password_matches, account, password):
            raise ApiError("INVALID_PASSWORD")
        account = self._accounts.get(account.local_id)  # as it is after the await
        return _signed_in("VerifyPassword", account, self._sessions.begin(account, "password")) | {"registered": True}

    async def _sign_in_with_custom_token(self, body: Body) -> Body:
        token = text_in(body, "token")
        if not token:
            raise ApiError("MISSING_CUSTOM_TOKEN")
        uid, claims = read_custom_token(token)
        known = self._accounts.find(local_id=uid)
        account = known or self._create(uid)
        tokens = self._sessions.begin(account, "custom", claims)
        return _signed_in("VerifyCustomToken", account, tokens) | {"isNewUser": known is None}

    async def _lookup(self, body: Body) -> Body:
        account, _ = self._caller(body)
        return {"kind": "identitytoolkit#GetAccountInfoResponse", "users": [account.as_user_info()]}

    async def _update(self, body: Body) -> Body:
        account, provider = self._caller(body)
        changes: Body = {}
        for name, field in (("displayName", "display_name"), ("photoUrl", "photo_url")):
            if text_in(body, name) is not None:
                changes[field] = body[name] or None
        for name in texts_in(body, "deleteAttribute"):
            changes |= {"DISPLAY_NAME": {"display_name": None}, "PHOTO_URL": {"photo_url": None}}.get(name, {})
        if email := text_in(body, "email"):
            changes |= {"email": checked_email(email), "email_verified": False}
        if password := text_in(body, "password"):
            hashed, salt = await asyncio.to_thread(hash_password, password)
            # A new password ends every session that the old one began.
            changes |= {"password_hash": hashed, "password_salt": salt, "valid_since": int(self._clock.now())}
        account = self._accounts.update(self._accounts.get(account.local_id), **changes)
        answer = {"kind": "identitytoolkit#SetAccountInfoResponse", **account.as_user_info()}
        if flag_in(body, "returnSecureToken"):
            answer |= self._sessions.begin(account, "password" if password else provider).as_json()
        return answer

    async def _delete(self, body: Body) -> Body:
        account, _ = self._caller(body)
        self._accounts.delete(account.local_id)
        self._sessions.forget(account.local_id)
        return {"kind": "identitytoolkit#DeleteAccountResponse"}

    def _caller(self, body: Body) -> tuple[Account, str]:
        id_token = text_in(body, "idToken")
        if not id_token:
            raise ApiError("MISSING_ID_TOKEN")
        return self._sessions.account_of(id_token)

    async def _refresh(self, request: web.Request) -> web.Response:
        """OAuth's token endpoint: a form, or JSON for those who prefer it; the answer's names are OAuth's too."""
        _check_api_key(request)
        is_json = request.content_type == "application/json"
        body = await body_of(request) if is_json else dict(await request.post())
        if body.get("grant_type") != "refresh_token":
            raise ApiError("INVALID_GRANT_TYPE")
        refresh_token = text_in(body, "refresh_token")
        if not refresh_token:
            raise ApiError("MISSING_REFRESH_TOKEN")
        tokens = self._sessions.refresh(refresh_token)
        return web.json_response(
            {
                "id_token": tokens.id_token,
                "access_token": tokens.id_token,
                "refresh_token": tokens.refresh_token,
                "expires_in": str(tokens.expires_in),
                "token_type": "Bearer",
                "user_id": tokens.uid,
                "project_id": self.project,
            }
        )


def _for_phones(method: Callable[[Body], Awaitable[Body]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        _check_api_key(request)
        return web.json_response(await method(await body_of(request)))

    return handle


def _check_api_key(request: web.Request) -> None:
    if not (request.query.get("key") or request.headers.get("X-Goog-Api-Key")):
        raise ApiError("The request is missing a valid API key.", 403)


def _signed_in(kind: str, account: Account, tokens: Tokens) -> Body:
    known = {"localId": account.local_id, "email": account.email, "displayName": account.display_name}
    return {
        "kind": f"identitytoolkit#{kind}Response",
        **{name: value for name, value in known.items() if value is not None},
        **tokens.as_json(),
    }
