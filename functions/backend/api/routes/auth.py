"""POST /auth/register · /auth/login · /auth/refresh, GET and DELETE /profile: seed two's accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from backend import erasing
from backend.api import limits
from backend.api.accounts import Accounts, Pair
from backend.api.routing import CLIENTS, PUBLIC, USERS, Call, Routes
from backend.api.schemas.auth import Login, Profile, Receipt, RefreshToken, Register, TokenPair
from jobs.errors import FailedPrecondition

routes = Routes("Accounts")
_JOHN = {"username": "johndoe", "password": "securepassword123"}
_BEARER: Literal["bearer"] = "bearer"
_REGISTER = {"A new user": {**_JOHN, "email": "john@example.com", "full_name": "John Doe"}}
_REFRESH = {"The token of the log-in": {"refresh_token": "eyJhbGciOiJIUzI1NiIs…"}}


@routes.post("/auth/register", doors=PUBLIC, answers={201: Profile}, examples=_REGISTER)
def register(call: Call, body: Register) -> Profile:
    """Register a new user."""
    accounts = _accounts(call)
    limits.charge_registration(call.services, call.address)
    return _profile(accounts.register(body))


@routes.post("/auth/login", doors=PUBLIC, answers={200: TokenPair}, examples={"Log in": _JOHN})
def log_in(call: Call, body: Login) -> TokenPair:
    """Log in and get tokens.

    Five tries a minute and account, twenty an address. A wrong name and a wrong password are answered alike.
    """
    accounts = _accounts(call)
    limits.charge_login(call.services, body.username.lower(), call.address)
    return _tokens(call, accounts.log_in(body))


@routes.post("/auth/refresh", doors=PUBLIC, answers={200: TokenPair}, examples=_REFRESH)
def refresh(call: Call, body: RefreshToken) -> TokenPair:
    """Get new tokens for a refresh token.

    A refresh token is good once. One that comes again ends all that came of the same log-in.
    """
    return _tokens(call, _accounts(call).refresh(body.refresh_token))


@routes.get("/profile", doors=CLIENTS, answers={200: Profile})
def profile(call: Call) -> Profile:
    """Who is signed in."""
    found = _accounts(call).profile(call.user_id) if call.services.api_settings().jwt else None
    return _profile(found or {"userId": call.user_id})


@routes.delete("/profile", doors=USERS, answers={200: Receipt}, even_if_closed=True)
def delete_profile(call: Call) -> Receipt:
    """Delete the account and everything of its user.

    Voices, recordings, narrations, stories, tokens: out of sight at once, and gone within minutes. The receipt is kept.
    """
    done = erasing.delete_account(call.services, call.user_id, {})
    return Receipt(
        receipt_id=done["receiptId"],
        requested_at=done["requestedAt"],
        completed_at=done.get("completedAt"),
        erased=done["erased"],
    )


def _accounts(call: Call) -> Accounts:
    if call.accounts is None:
        raise FailedPrecondition("Accounts with passwords are switched off here. Please sign in with Firebase.")
    return call.accounts


def _tokens(call: Call, pair: Pair) -> TokenPair:
    minutes = call.services.api_settings().access_minutes
    return TokenPair(
        access_token=pair.access_token, refresh_token=pair.refresh_token, token_type=_BEARER, expires_in=minutes * 60
    )


def _profile(account: Mapping[str, Any]) -> Profile:
    created = account.get("createdAt")
    return Profile(
        user_id=account["userId"],
        username=account.get("username"),
        email=account.get("email"),
        full_name=account.get("fullName") or None,
        created_at=created.isoformat(timespec="seconds") if created else None,
    )
