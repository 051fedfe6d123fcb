"""Accounts of our own, for callers without Firebase: register, log in, refresh.

    accounts/{userId}          {userId, username, email, fullName, passwordHash, createdAt}
    account_names/{hash}       {userId}: there is one account to a name, however it is capitalised
    refresh_tokens/{hash}      {userId, current, expireAt}: a family of refresh tokens, and which is the newest

    log-in ── family, token 1 ─▶ refresh(1) ── token 2 ─▶ refresh(2) ── token 3 …
                                     └ once more, by whoever stole it: the family ends, and token 3 with it

Only servers read these documents. An e-mail address is kept as it was given, unverified: it identifies nobody, so two
accounts may have the same, and registering tells nobody whether it is known.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from google.api_core import exceptions as google_errors
from google.cloud import firestore

from backend.api import passwords
from backend.api.schemas.auth import Login, Register
from backend.api.tokens import Refresh, Tokens
from backend.services import Services
from jobs import keys, transactions
from jobs.documents import ACCOUNT_NAMES, ACCOUNTS, REFRESH_TOKENS
from jobs.errors import AlreadyExists, Unauthenticated

Fields = dict[str, Any]


class Pair(NamedTuple):
    access_token: str
    refresh_token: str


class Accounts:
    """Thread-safe."""

    def __init__(self, services: Services) -> None:
        settings = services.api_settings()
        self._services = services
        self.tokens = Tokens(
            settings.secret_keys,
            timedelta(minutes=settings.access_minutes),
            timedelta(days=settings.refresh_days),
        )

    def register(self, wanted: Register) -> Fields:
        """The new account's document. Raises AlreadyExists."""
        client, user_id = self._services.firestore(), keys.random_id()
        account = {
            "userId": user_id,
            "username": wanted.username,
            "email": wanted.email,
            "fullName": wanted.full_name,
            "passwordHash": passwords.hashed(wanted.password),
            "createdAt": self._services.store().clock(),
        }
        name = client.document(_name_path(wanted.username))

        def create(transaction: firestore.Transaction) -> None:
            found = transactions.read_within(transaction, name)
            if found is not None and found["userId"] != user_id:  # ours: the answer to our commit was lost
                raise AlreadyExists("This username is taken. Please choose another.")
            if found is None:
                transaction.create(name, {"userId": user_id})
                transaction.create(client.document(f"{ACCOUNTS}/{user_id}"), account)

        try:
            transactions.run(client, create)
        except google_errors.AlreadyExists as error:
            raise AlreadyExists("This username is taken. Please choose another.") from error
        return account

    def log_in(self, wanted: Login) -> Pair:
        """Raises Unauthenticated, in the same words and after the same time whether or not there is such an account."""
        name = self._get(_name_path(wanted.username)) or {}
        user_id = name.get("userId", "nobody")
        account = self._get(f"{ACCOUNTS}/{user_id}") or {}
        fits = passwords.fits(wanted.password, account.get("passwordHash", passwords.NOBODYS))
        if not fits or not account:
            raise Unauthenticated("The username or the password is not right.")
        if passwords.is_outdated(account["passwordHash"]):
            self._rehash(user_id, wanted.password)
        return self._begin_family(user_id)

    def refresh(self, refresh_token: str) -> Pair:
        """The next pair. Raises Unauthenticated; and where the token had been used before, its family ends."""
        presented = self.tokens.read_refresh(refresh_token)
        following = Refresh(presented.user_id, presented.family, _new_secret())
        reference = self._services.firestore().document(_family_path(presented.family))
        fields = self._family(following)

        def rotate(transaction: firestore.Transaction) -> bool:
            family = transactions.read_within(transaction, reference) or {}
            current = str(family.get("current", ""))
            if hmac.compare_digest(current, fields["current"]):
                return True  # done: the answer to our commit was lost
            if not hmac.compare_digest(current, _digest(presented.jti)):
                transaction.delete(reference)
                return False
            transaction.set(reference, fields)
            return True

        if not transactions.run(self._services.firestore(), rotate):
            raise Unauthenticated("This token has been used before. Please log in again.")
        return self._pair(following)

    def profile(self, user_id: str) -> Fields | None:
        return self._get(f"{ACCOUNTS}/{user_id}")

    def _begin_family(self, user_id: str) -> Pair:
        first = Refresh(user_id, _new_secret(), _new_secret())
        reference = self._services.firestore().document(_family_path(first.family))
        transactions.call(reference.set, self._family(first), **transactions.ONE_CALL)
        return self._pair(first)

    def _family(self, newest: Refresh) -> Fields:
        expires = self._services.store().clock() + self.tokens.refresh_lifetime
        return {"userId": newest.user_id, "current": _digest(newest.jti), "expireAt": expires}

    def _pair(self, refresh: Refresh) -> Pair:
        return Pair(self.tokens.access_token(refresh.user_id), self.tokens.refresh_token(refresh))

    def _rehash(self, user_id: str, password: str) -> None:
        reference = self._services.firestore().document(f"{ACCOUNTS}/{user_id}")
        transactions.call(reference.update, {"passwordHash": passwords.hashed(password)}, **transactions.ONE_CALL)

    def _get(self, path: str) -> Fields | None:
        return transactions.read(self._services.firestore(), path, **transactions.ONE_CALL)


def _name_path(username: str) -> str:
    return f"{ACCOUNT_NAMES}/{keys.derived_id('username', username.lower())}"


def _family_path(family: str) -> str:
    return f"{REFRESH_TOKENS}/{_digest(family)}"


def _digest(secret: str) -> str:
    """What is kept of a secret: who reads the database cannot make a token of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_hex(16)
