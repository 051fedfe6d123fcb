"""What the system says of itself."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Health(Struct, frozen=True, kw_only=True):
    """`firebase_connected`: whether the database has answered within the last seconds. `timestamp` in ISO 8601."""

    status: Literal["healthy"]
    service: str
    firebase_connected: bool
    timestamp: str


class Root(Struct, frozen=True, kw_only=True):
    status: Literal["running"]
    service: str
    docs: str


class Directory(Struct, frozen=True, kw_only=True):
    """`objects` are counted up to a thousand; `more`: there may be more."""

    path: str
    exists: bool
    objects: int
    more: bool


class Directories(Struct, frozen=True, kw_only=True):
    status: Literal["success"] = "success"
    directories: list[Directory]
