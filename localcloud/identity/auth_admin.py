"""What firebase_admin's `auth` asks for, by project and as the owner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from localcloud.clock import Clock
from localcloud.identity.accounts import Account, Accounts, checked_email, hash_password, new_uid
from localcloud.identity.json_http import ApiError, body_of, flag_in, number_in, text_in, texts_in
from localcloud.identity.sessions import Sessions

MAX_PAGE = 1000
Body = dict[str, Any]


class AdminApi:
    def __init__(self, project: str, accounts: Accounts, sessions: Sessions, clock: Clock) -> None:
        self._project = project
        self._accounts = accounts
        self._sessions = sessions
        self._clock = clock

    def routes(self, toolkit: str) -> Iterable[web.RouteDef]:
        accounts = f"{toolkit}/projects/{{project}}/accounts"
        methods: dict[str, Callable[[Body], Awaitable[Body]]] = {
            "": self._create,
            ":lookup": self._lookup,
            ":update": self._update,
            ":delete": self._delete,
            ":batchDelete": self._batch_delete,
        }
        for suffix, method in methods.items():
            yield web.post(accounts + suffix, self._for_owner(method))
        yield web.get(f"{accounts}:batchGet", self._for_owner(self._batch_get))
        yield web.delete("/emulator/v1/projects/{project}/accounts", self._for_owner(self._clear))

    def _for_owner(self, method: Callable[[Body], Awaitable[Body]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if not request.headers.get("Authorization", "").startswith("Bearer "):
                raise ApiError("Request is missing required authentication credential.", 401)
            if request.match_info["project"] != self._project:
                raise ApiError(f"PROJECT_NOT_FOUND : this is the local cloud of {self._project}.", 404)
            body = dict(request.query) if request.method == "GET" else await body_of(request)
            return web.json_response(await method(body))

        return handle

    async def _create(self, body: Body) -> Body:
        now = self._clock.now()
        fields = await self._changes(body)
        local_id = text_in(body, "localId")
        account = Account(new_uid() if local_id is None else local_id, created_at=now, valid_since=int(now))
        account = self._accounts.create(Account(**{**account.__dict__, **fields}))
        return {"kind": "identitytoolkit#SignupNewUserResponse", **account.as_user_info()}

    async def _lookup(self, body: Body) -> Body:
        found = [
            *(self._accounts.find(local_id=local_id) for local_id in texts_in(body, "localId")),
            *(self._accounts.find(email=email) for email in texts_in(body, "email")),
            *(self._accounts.find(phone=phone) for phone in texts_in(body, "phoneNumber")),
        ]
        users = {account.local_id: account.as_user_info() for account in found if account}
        answer: Body = {"kind": "identitytoolkit#GetAccountInfoResponse"}
        return answer | ({"users": list(users.values())} if users else {})

    async def _update(self, body: Body) -> Body:
        account = self._named(body)
        changes = await self._changes(body)
        account = self._accounts.update(self._accounts.get(account.local_id), **changes)
        return {"kind": "identitytoolkit#SetAccountInfoResponse", **account.as_user_info()}

    async def _delete(self, body: Body) -> Body:
        self._remove(self._named(body).local_id)
        return {"kind": "identitytoolkit#DeleteAccountResponse"}

    async def _batch_delete(self, body: Body) -> Body:
        """Those who are not there count as deleted; those not disabled only go by force."""
        errors = []
        for index, local_id in enumerate(texts_in(body, "localIds")):
            account = self._accounts.find(local_id=local_id)
            if account and not (account.disabled or body.get("force")):
                errors.append({"index": index, "localId": local_id, "message": "NOT_DISABLED : Disable it first."})
            elif account:
                self._remove(local_id)
        return {"errors": errors} if errors else {}

    async def _batch_get(self, query: Body) -> Body:
        """A page of users in the order of their ids; the token is the last id of the page before."""
        size = number_in(query, "maxResults") or MAX_PAGE
        if not 1 <= size <= MAX_PAGE:
            raise ApiError(f"INVALID_PAGE_SIZE : maxResults must be between 1 and {MAX_PAGE}.")
        after = text_in(query, "nextPageToken") or ""
        rest = [account for account in self._accounts.all() if account.local_id > after]
        answer: Body = {
            "kind": "identitytoolkit#DownloadAccountResponse",
            "users": [account.as_user_info() for account in rest[:size]],
        }
        return answer | ({"nextPageToken": rest[size - 1].local_id} if len(rest) > size else {})

    async def _clear(self, body: Body) -> Body:
        del body
        for account in self._accounts.all():
            self._remove(account.local_id)
        return {}

    def _named(self, body: Body) -> Account:
        local_id = text_in(body, "localId")
        if not local_id:
            raise ApiError("MISSING_LOCAL_ID")
        return self._accounts.get(local_id)

    def _remove(self, local_id: str) -> None:
        self._accounts.delete(local_id)
        self._sessions.forget(local_id)

    async def _changes(self, body: Body) -> Body:
        """The fields of Account that the body sets."""
        changes: Body = {}
        for name, field in (
            ("displayName", "display_name"),
            ("photoUrl", "photo_url"),
            ("phoneNumber", "phone_number"),
        ):
            if (value := text_in(body, name)) is not None:
                changes[field] = value
        for name, field in (("emailVerified", "email_verified"), ("disabled", "disabled"), ("disableUser", "disabled")):
            if (flag := flag_in(body, name)) is not None:
                changes[field] = flag
        if (email := text_in(body, "email")) is not None:
            changes["email"] = checked_email(email)
        if (claims := text_in(body, "customAttributes")) is not None:
            changes["custom_claims"] = _checked_claims(claims)
        if (valid_since := number_in(body, "validSince")) is not None:
            changes["valid_since"] = valid_since
        if (password := text_in(body, "password")) is not None:
            hashed, salt = await asyncio.to_thread(hash_password, password)
            changes |= {"password_hash": hashed, "password_salt": salt, "valid_since": int(self._clock.now())}
        return changes | _removals(body)


def _removals(body: Body) -> Body:
    removable = {"DISPLAY_NAME": "display_name", "PHOTO_URL": "photo_url"}
    removed = {removable[name]: None for name in texts_in(body, "deleteAttribute") if name in removable}
    for provider in texts_in(body, "deleteProvider"):
        if provider == "phone":
            removed["phone_number"] = None
        elif provider == "password":
            removed |= {"password_hash": None, "password_salt": None}
    return removed


def _checked_claims(claims: str) -> str:
    try:
        parsed = json.loads(claims)
    except ValueError as error:
        raise ApiError("INVALID_CLAIMS") from error
    if not isinstance(parsed, dict):
        raise ApiError("INVALID_CLAIMS")
    return json.dumps(parsed)
