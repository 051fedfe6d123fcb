"""Firestore's Python values as plain ones: what msgspec, which is strict about types, can convert."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """A copy in which every subclass of datetime (Firestore gives DatetimeWithNanoseconds) is a datetime."""
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.timetz())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
