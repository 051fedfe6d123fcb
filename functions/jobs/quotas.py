"""The arithmetic of `quotas/{userId}`: token buckets per action and a daily allowance of characters, in one document.

    { buckets: { narrate: { tokens: 7.5, at: <time> }, … }, day: "2026-11-22", characters: 1234, expireAt: <time> }
    { closed: true, expireAt: <time> }       while the user's account is being deleted: nothing is admitted any more

A bucket holds `per_minute` tokens at most and fills at that rate, so a burst may use a whole minute's worth at once.
Pure functions: the transaction that admits a request reads the document, calls `charge`, and writes what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from jobs.errors import PermissionDenied, ResourceExhausted
from jobs.model import Charge

KEPT = timedelta(days=2)
_ROUNDING = 5e-7  # seconds: half of what a timestamp can tell apart


@dataclass(frozen=True)
class Limit:
    """What one action may use: calls a minute, characters a day (None: not counted)."""

    action: str
    per_minute: int
    characters_per_day: int | None = None


def charge(
    document: Mapping[str, Any] | None, limit: Limit, characters: int, now: datetime
) -> tuple[dict[str, Any], Charge]:
    """Take one token and `characters` from the quota.

    Returns the document to write and what was charged. Raises ResourceExhausted, with the seconds after which the same
    request would be admitted, or PermissionDenied when the quota is closed, and then nothing is charged.
    """
    before = document or {}
    if before.get("closed"):
        raise PermissionDenied("This account is being deleted.")
    tokens = _tokens(before, limit, now)
    missing = (1 - tokens) * 60 / limit.per_minute
    if missing > _ROUNDING:
        wait = math.ceil(missing - _ROUNDING)
        raise ResourceExhausted(
            f"That is more than {limit.per_minute} requests a minute. Please try again in {_spoken(wait)}.", wait
        )
    day = _day(before, now)
    used = int(before.get("characters", 0)) if before.get("day") == day else 0
    allowance = limit.characters_per_day
    if allowance is not None and used + characters > allowance:
        raise _over_allowance(characters, allowance, now)
    bucket = {"tokens": max(0.0, tokens - 1), "at": _filled_until(before, limit, now)}
    buckets = {**before.get("buckets", {}), limit.action: bucket}
    after = {"buckets": buckets, "day": day, "characters": used + characters, "expireAt": now + KEPT}
    return after, Charge(action=limit.action, characters=characters, day=day)


def refund(document: Mapping[str, Any] | None, charged: Charge, *, token: bool) -> dict[str, Any] | None:
    """Give back the characters of a charge, and its token if `token`. None: nothing is left to give back to."""
    if document is None:
        return None
    after = dict(document)
    if after.get("day") == charged.day:
        after["characters"] = max(0, after.get("characters", 0) - charged.characters)
    bucket = after.get("buckets", {}).get(charged.action)
    if token and bucket:
        # May exceed the capacity for a moment: the next charge caps it.
        given = {"tokens": bucket["tokens"] + 1, "at": bucket["at"]}
        after["buckets"] = {**after["buckets"], charged.action: given}
    return after


def _tokens(document: Mapping[str, Any], limit: Limit, now: datetime) -> float:
    bucket = document.get("buckets", {}).get(limit.action)
    if bucket is None:
        return float(limit.per_minute)
    elapsed = (_filled_until(document, limit, now) - bucket["at"]).total_seconds()
    filled: float = bucket["tokens"] + elapsed * limit.per_minute / 60
    return min(float(limit.per_minute), filled)


def _filled_until(document: Mapping[str, Any], limit: Limit, now: datetime) -> datetime:
    """Up to when the bucket has been filled. Never back: a clock that runs behind the one that wrote takes no token
    away, and fills no second twice."""
    bucket = document.get("buckets", {}).get(limit.action)
    return now if bucket is None else max(now, bucket["at"])


def _over_allowance(characters: int, allowance: int, now: datetime) -> ResourceExhausted:
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    wait = math.ceil((tomorrow - now).total_seconds())
    if characters > allowance:
        text = f"This text has {characters:,} characters; the daily allowance is {allowance:,}. Please shorten it."
    else:
        text = f"The daily allowance of {allowance:,} characters is used up. It is renewed in {_spoken(wait)}."
    return ResourceExhausted(text, wait)


def _spoken(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"


def _day(document: Mapping[str, Any], now: datetime) -> str:
    """The day that counts: today, or tomorrow if a clock ahead of ours has begun it already."""
    return max(now.astimezone(UTC).date().isoformat(), str(document.get("day", "")))
