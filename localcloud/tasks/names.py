"""Resource names: projects/P/locations/L, …/queues/Q, …/tasks/T. A name that is not one is refused with the reason."""

from __future__ import annotations

import re

from localcloud.tasks.errors import InvalidArgumentError

_LOCATION = r"projects/[A-Za-z0-9:.-]+/locations/[A-Za-z0-9-]+"
_QUEUE = rf"{_LOCATION}/queues/[A-Za-z0-9-]{{1,100}}"
_LOCATION_NAME = re.compile(_LOCATION)
_QUEUE_NAME = re.compile(_QUEUE)
_TASK_NAME = re.compile(rf"({_QUEUE})/tasks/([A-Za-z0-9_-]{{1,500}})")


def check_location(name: str) -> str:
    if not _LOCATION_NAME.fullmatch(name):
        raise InvalidArgumentError(f"{name!r} is not a location: projects/PROJECT_ID/locations/LOCATION_ID.")
    return name


def check_queue(name: str) -> str:
    if not _QUEUE_NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is not a queue name: projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID, "
            f"QUEUE_ID of up to 100 letters, digits and hyphens."
        )
    return name


def queue_of_task(name: str) -> str:
    """The queue's name in a task's; refuses what is no task name."""
    match = _TASK_NAME.fullmatch(name)
    if not match:
        raise InvalidArgumentError(
            f"{name!r} is not a task name: QUEUE_NAME/tasks/TASK_ID, TASK_ID of 1 to 500 letters, digits, hyphens "
            f"and underscores."
        )
    return match[1]


def location_of_queue(name: str) -> str:
    return name.split("/queues/", maxsplit=1)[0]


def last_part(name: str) -> str:
    return name.rsplit("/", 1)[1]
