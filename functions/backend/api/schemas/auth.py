"""What registering, logging in and refreshing take and give: seed two's shapes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Username = Annotated[
    str,
    Meta(pattern=r"\A[A-Za-z0-9_.@+-]{3,64}\Z", description="3 to 64 letters, digits or _ . @ + -"),
]
Email = Annotated[str, Meta(pattern=r"\A[^@\s]{1,64}@[^@\s]{1,189}\Z", max_length=254, description="an e-mail address")]
NewPassword = Annotated[str, Meta(min_length=8, max_length=256, description="a password of 8 to 256 characters")]
Password = Annotated[str, Meta(max_length=256, description="a password of up to 256 characters")]
Token = Annotated[str, Meta(max_length=4096, description="a token of ours")]


class Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: Username
    email: Email
    password: NewPassword
    full_name: Annotated[str, Meta(max_length=200, description="a name of up to 200 characters")] = ""


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: Annotated[str, Meta(max_length=64, description="a username of up to 64 characters")]
    password: Password


class RefreshToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Token


class TokenPair(Struct, frozen=True, kw_only=True):
    """`expires_in`: seconds that the access token lasts."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Profile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is signed in. Who came in through another door than ours has no account here, only an id."""

    user_id: str
    username: str | None = None
    email: str | None = None
    full_name: str | None = None
    created_at: str | None = None


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of an account's deletion. Without `completed_at` the rest goes within minutes."""

    receipt_id: str
    requested_at: str
    erased: dict[str, int]
    completed_at: str | None = None
