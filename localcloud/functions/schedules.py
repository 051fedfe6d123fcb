"""When a scheduled function is due next: Cloud Scheduler's two forms, "every N minutes|hours" and unix-cron in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_EVERY = re.compile(r"every\s+(?:(\d+)\s+)?(minute|min|hour)s?", re.IGNORECASE)
_UNIT_SECONDS = {"minute": 60, "min": 60, "hour": 3600}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_LONGEST_GAP_DAYS = 8 * 366  # 29 February, over a century's turn
_UTC_NAMES = frozenset({"", "UTC", "Etc/UTC"})


class ScheduleError(ValueError):
    """The schedule cannot be read or is not implemented; the message quotes it."""


@dataclass(frozen=True)
class Interval:
    """Every so many seconds, at multiples of it since 1970."""

    seconds: int

    def next_after(self, now: float) -> float:
        return (now // self.seconds + 1) * self.seconds


@dataclass(frozen=True)
class Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool  # cron's rule: where both kinds of day are restricted, one of them suffices

    def next_after(self, now: float) -> float:
        """Unix seconds, strictly after `now`. Raises ScheduleError for a date that never comes (30 February)."""
        first = datetime.fromtimestamp(now, UTC)
        for offset in range(_LONGEST_GAP_DAYS):
            day = first.date() + timedelta(days=offset)
            if self._is_day(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        due = datetime.combine(day, time(hour, minute), UTC).timestamp()
                        if due > now:
                            return due
        raise ScheduleError(f"{self} never comes.")

    def _is_day(self, day: date) -> bool:
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((by_date or by_weekday) if self.either_day else (by_date and by_weekday))


def parse_schedule(text: str, time_zone: str = "") -> Interval | Cron:
    """Raises ScheduleError."""
    if match := _EVERY.fullmatch(text.strip()):
        seconds = int(match[1] or 1) * _UNIT_SECONDS[match[2].lower()]
        if seconds == 0:
            raise ScheduleError(f"The schedule {text!r} has an interval of nothing.")
        return Interval(seconds)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(
            f"The local cloud does not implement the schedule {text!r}: "
            "write 'every N minutes', 'every N hours', or five fields of unix-cron."
        )
    if time_zone not in _UTC_NAMES:
        raise ScheduleError(f"The local cloud does not implement the schedule {text!r} in {time_zone}: only in UTC.")
    minutes, hours, days, months, weekdays = (
        _values(part, *bounds, text) for part, bounds in zip(fields, _FIELDS, strict=True)
    )
    weekdays = frozenset(day % 7 for day in weekdays)
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, weekdays, either)


def _values(part: str, name: str, least: int, most: int, text: str) -> frozenset[int]:
    """Numbers, ranges, lists and steps: `*/15`, `1-5`, `0,30`."""
    values: set[int] = set()
    for piece in part.split(","):
        match = re.fullmatch(r"(?:\*|(\d{1,4})(?:-(\d{1,4}))?)(?:/(\d{1,4}))?", piece)
        if not match:
            raise ScheduleError(f"The local cloud does not implement {piece!r} as the {name} of the schedule {text!r}.")
        first = int(match[1]) if match[1] else least
        last = int(match[2]) if match[2] else first if match[1] and not match[3] else most
        step = int(match[3]) if match[3] else 1
        if not (least <= first <= last <= most and step):
            raise ScheduleError(f"{piece!r} is not a {name} ({least} to {most}) in the schedule {text!r}.")
        values.update(range(first, last + 1, step))
    return frozenset(values)
