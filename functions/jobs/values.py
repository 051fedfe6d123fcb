"""Values as others gave them: from Firestore, for msgspec; from users, for a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """A copy that msgspec, which is strict about types, can convert: every subclass of datetime (Firestore gives
    DatetimeWithNanoseconds) is a datetime."""
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.timetz())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def shown(text: str, most: int) -> str:
    """What a user wrote, safe to be quoted in a message: one line, nothing invisible, at most `most` characters."""
    visible = "".join(character if character.isprintable() else "?" for character in text[:most])
    return visible if len(text) <= most else f"{visible[:-1]}…"
