"""Users with an account of our own: the access token of backend.api.tokens."""

from __future__ import annotations

from backend.api.principal import Principal
from backend.api.routing import Door
from backend.api.tokens import Tokens


class JwtDoor:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def enter(self, token: str) -> Principal:
        """Raises Unauthenticated."""
        return Principal(self._tokens.user_of(token), Door.JWT)
