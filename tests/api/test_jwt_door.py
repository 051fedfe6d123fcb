"""The door for users with a password: tokens of ours, unchanged, of the right kind, and not too old."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.tokens import ISSUER, Refresh, Tokens, is_ours, key_id
from jobs.errors import Unauthenticated

KEYS = [hashlib.sha256(name.encode()).hexdigest() for name in ("new", "old", "stranger")]
NEW, OLD, STRANGER = KEYS
MINUTES, DAYS = timedelta(minutes=30), timedelta(days=7)
ACCESS, REFRESH = "storyvoice/access", "storyvoice/refresh"


def tokens(*keys: str, ago: timedelta = timedelta()) -> Tokens:
    return Tokens(keys or (NEW,), MINUTES, DAYS, clock=lambda: datetime.now(UTC) - ago)


def forged(key: str = NEW, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token as we make them, but for what is `changed` (None: left out)."""
    now = datetime.now(UTC)
    claims = {"iss": ISSUER, "aud": ACCESS, "sub": "u1", "jti": "1", "iat": now, "exp": now + MINUTES, **changed}
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers={"kid": key_id(NEW), **(headers or {})})


def test_whose_token_it_is() -> None:
    assert tokens().user_of(tokens().access_token("u1")) == "u1"
    assert tokens().user_of(forged()) == "u1"
    refresh = Refresh("u1", "family", "jti")
    assert tokens().read_refresh(tokens().refresh_token(refresh)) == refresh


def test_how_long_they_last() -> None:
    second = timedelta(seconds=2)
    assert tokens().user_of(tokens(ago=MINUTES - second).access_token("u1"))
    with pytest.raises(Unauthenticated):
        tokens().user_of(tokens(ago=MINUTES + second).access_token("u1"))
    refresh = Refresh("u1", "family", "jti")
    assert tokens().read_refresh(tokens(ago=DAYS - second).refresh_token(refresh)) == refresh
    with pytest.raises(Unauthenticated):
        tokens().read_refresh(tokens(ago=DAYS + second).refresh_token(refresh))


def test_keys_rotate() -> None:
    before, between, after = tokens(OLD), tokens(NEW, OLD), tokens(NEW)
    assert between.user_of(before.access_token("u1")) == "u1"
    assert before.user_of(before.access_token("u1")) == "u1"
    assert after.user_of(between.access_token("u1")) == "u1"
    for late, token in ((after, before.access_token("u1")), (before, after.access_token("u1"))):
        with pytest.raises(Unauthenticated):
            late.user_of(token)


@pytest.mark.parametrize(
    "token",
    [
        forged(key=STRANGER),
        forged(key=STRANGER, headers={"kid": key_id(STRANGER)}),
        forged(headers={"kid": "../../dev/null"}),
        forged(algorithm="HS512"),
        forged(key="", algorithm="none"),
        forged(aud=REFRESH),
        forged(aud=None),
        forged(aud=[ACCESS, 7]),
        forged(iss="https://securetoken.google.com/p"),
        forged(iss=None),
        forged(sub=None),
        forged(sub="a/b"),
        forged(sub=""),
        forged(exp=None),
        forged(iat=None),
        forged(jti=None),
        forged(iat=datetime.now(UTC) + timedelta(hours=1)),
        forged(nbf=datetime.now(UTC) + timedelta(hours=1)),
        "",
        "a.b.c",
        "..",
        "a.b.c.d",
        "eyJhbGciOiJub25lIn0.e30.",
    ],
)
def test_what_is_no_token_of_ours(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens().user_of(token)


def test_a_token_of_one_kind_is_none_of_the_other() -> None:
    pair = tokens()
    with pytest.raises(Unauthenticated):
        pair.user_of(pair.refresh_token(Refresh("u1", "family", "jti")))
    with pytest.raises(Unauthenticated):
        pair.read_refresh(pair.access_token("u1"))
    with pytest.raises(Unauthenticated):
        pair.read_refresh(forged(aud=REFRESH))  # of no family


@given(data=st.data())
def test_one_character_makes_the_difference(data: st.DataObject) -> None:
    token = tokens().access_token("u1")
    at = data.draw(st.integers(0, len(token) - 2))  # the last one has bits that mean nothing
    other = data.draw(st.sampled_from("ABCxyz019-_."))
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        with pytest.raises(Unauthenticated):
            tokens().user_of(changed)


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_any_text_is_at_most_refused(text: str) -> None:
    assert not is_ours(text)
    with pytest.raises(Unauthenticated):
        tokens().user_of(text)


def test_a_token_says_whose_door_it_is_for() -> None:
    assert is_ours(tokens().access_token("u1"))
    assert is_ours(forged(key=STRANGER)), "and is refused there"
    assert not is_ours(forged(iss="https://securetoken.google.com/p"))
