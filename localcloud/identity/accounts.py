"""The users: what Firebase Authentication keeps about each, and the rules about names and passwords."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
import secrets
import string
from dataclasses import dataclass
from typing import Any

from localcloud.identity.json_http import ApiError
from localcloud.state import State

_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.?[^@\s]*$")
_MIN_PASSWORD = 6
MAX_UID = 128
_UID_LETTERS = string.ascii_letters + string.digits


def new_uid() -> str:
    """28 letters and digits, as Firebase draws them: no hyphen in front, which a command line takes for an option."""
    return "".join(secrets.choice(_UID_LETTERS) for _ in range(28))


@dataclass(frozen=True)
class Account:
    """One user. Times in seconds since the epoch."""

    local_id: str
    created_at: float
    valid_since: int  # tokens issued before are revoked
    email: str | None = None
    email_verified: bool = False
    password_hash: bytes | None = None
    password_salt: bytes | None = None
    phone_number: str | None = None
    display_name: str | None = None
    photo_url: str | None = None
    custom_claims: str = "{}"  # JSON
    disabled: bool = False
    last_login_at: float | None = None

    @property
    def anonymous(self) -> bool:
        return self.email is None and self.phone_number is None and self.password_hash is None

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = json.loads(self.custom_claims)
        return claims

    def as_user_info(self) -> dict[str, Any]:
        """The `UserInfo` of the REST API, without what is not set (so SDKs see it as absent)."""
        providers = []
        if self.password_hash:
            providers.append({"providerId": "password", "email": self.email, "federatedId": self.email,
                              "rawId": self.email, "displayName": self.display_name})  # fmt: skip
        if self.phone_number:
            providers.append({"providerId": "phone", "phoneNumber": self.phone_number, "rawId": self.phone_number})
        info = {
            "localId": self.local_id,
            "email": self.email,
            "emailVerified": self.email_verified,
            "phoneNumber": self.phone_number,
            "displayName": self.display_name,
            "photoUrl": self.photo_url,
            "providerUserInfo": [_without_none(provider) for provider in providers],
            "validSince": str(self.valid_since),
            "disabled": self.disabled,
            "createdAt": str(int(self.created_at * 1000)),
            "lastLoginAt": str(int(self.last_login_at * 1000)) if self.last_login_at else None,
            "customAttributes": self.custom_claims if self.custom_claims != "{}" else None,
        }
        return _without_none(info)


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def checked_email(email: str) -> str:
    if not _EMAIL.match(email):
        raise ApiError("INVALID_EMAIL")
    return email.lower()


def hash_password(password: str) -> tuple[bytes, bytes]:
    """(hash, salt). Some 50 ms of one core: call it on a thread."""
    if len(password) < _MIN_PASSWORD:
        raise ApiError(f"WEAK_PASSWORD : Password should be at least {_MIN_PASSWORD} characters")
    salt = secrets.token_bytes(16)
    return _scrypt(password, salt), salt


def password_matches(account: Account, password: str) -> bool:
    """As slow as hash_password."""
    if account.password_hash is None or account.password_salt is None:
        return False
    return hmac.compare_digest(account.password_hash, _scrypt(password, account.password_salt))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=1 << 14, r=8, p=1)


class Accounts:
    """All users of the project: asked from memory, written through to the state."""

    def __init__(self, state: State) -> None:
        self._table = state.table("auth_accounts", Account)
        self._by_id: dict[str, Account] = {}
        self._by_email: dict[str, str] = {}
        self._by_phone: dict[str, str] = {}
        for row in self._table.all():
            self._remember(_restored(row))

    def get(self, local_id: str) -> Account:
        if local_id not in self._by_id:
            raise ApiError("USER_NOT_FOUND")
        return self._by_id[local_id]

    def find(
        self, *, local_id: str | None = None, email: str | None = None, phone: str | None = None
    ) -> Account | None:
        if email is not None:
            local_id = self._by_email.get(email.lower())
        elif phone is not None:
            local_id = self._by_phone.get(phone)
        return self._by_id.get(local_id) if local_id is not None else None

    def all(self) -> list[Account]:
        return sorted(self._by_id.values(), key=lambda account: account.local_id)

    def create(self, account: Account) -> Account:
        if not 1 <= len(account.local_id) <= MAX_UID:
            raise ApiError("INVALID_LOCAL_ID")
        if account.local_id in self._by_id:
            raise ApiError("DUPLICATE_LOCAL_ID")
        return self._write(account)

    def update(self, account: Account, **changes: Any) -> Account:
        return self._write(dataclasses.replace(account, **changes))

    def delete(self, local_id: str) -> None:
        self._forget(self.get(local_id))
        self._table.remove(local_id)

    def _write(self, account: Account) -> Account:
        if account.email and self._by_email.get(account.email, account.local_id) != account.local_id:
            raise ApiError("EMAIL_EXISTS")
        if account.phone_number and self._by_phone.get(account.phone_number, account.local_id) != account.local_id:
            raise ApiError("PHONE_NUMBER_EXISTS")
        if account.local_id in self._by_id:
            self._forget(self._by_id[account.local_id])
        self._table.put(account)
        self._remember(account)
        return account

    def _remember(self, account: Account) -> None:
        self._by_id[account.local_id] = account
        if account.email:
            self._by_email[account.email] = account.local_id
        if account.phone_number:
            self._by_phone[account.phone_number] = account.local_id

    def _forget(self, account: Account) -> None:
        del self._by_id[account.local_id]
        self._by_email.pop(account.email or "", None)
        self._by_phone.pop(account.phone_number or "", None)


def _restored(row: Account) -> Account:
    """SQLite has no booleans."""
    return dataclasses.replace(row, email_verified=bool(row.email_verified), disabled=bool(row.disabled))
