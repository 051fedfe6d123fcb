"""`queues`: hold back what leads to a GPU, let it go again, and wait until nothing runs."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from google.cloud.firestore_v1.base_query import FieldFilter

from backend import killswitch
from backend.services import Services
from jobs import transactions
from jobs.documents import JOBS
from jobs.errors import InvalidArgument
from jobs.model import State
from operations.results import Action, Result, Rows

COLUMNS = ("queue", "state", "waiting")
_MOST_COUNTED = 1000
_LOOK_SECONDS = 2.0


def list_queues(services: Services, given: Namespace) -> Result:
    del given
    queues = services.queues()
    rows = [
        {
            "queue": name,
            "state": "paused" if queues.is_paused(name) else "running",
            "waiting": queues.waiting(name, _MOST_COUNTED),
        }
        for name in killswitch.costly(services.settings())
    ]
    return Rows(COLUMNS, rows, f"Counted up to {_MOST_COUNTED:,}.")


def pause(services: Services, given: Namespace) -> Result:
    names = _named(services, given.queue)
    if given.yes:
        for name in names:
            services.queues().pause(name)
    return Action(f"Pause {', '.join(names)}: what runs goes on, what is asked for waits.", given.yes)


def resume(services: Services, given: Namespace) -> Result:
    names = _named(services, given.queue)
    if given.yes:
        for name in names:
            services.queues().resume(name)
    return Action(f"Resume {', '.join(names)}.", given.yes)


def drain(services: Services, given: Namespace, sleep: Callable[[float], None] = time.sleep) -> Result:
    """Before the container or the functions are replaced: nothing new is begun, and what was begun ends."""
    names = killswitch.costly(services.settings())[:1]
    says = f"Pause {names[0]}, and wait up to {given.seconds} s until no job is dispatched or running."
    if not given.yes:
        return Action(says, done=False, outcome={"under way": _under_way(services)})
    services.queues().pause(names[0])
    left = _under_way(services)
    waited = 0.0
    while left and waited < given.seconds:
        sleep(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        left = _under_way(services)
    return Action(says, done=True, outcome={"under way": left, "paused": names}, exit_code=1 if left else 0)


def _under_way(services: Services) -> int:
    states = [State.DISPATCHED.value, State.RUNNING.value]
    query: Any = services.firestore().collection(JOBS).where(filter=FieldFilter("state", "in", states)).count()
    ((found,),) = transactions.call(query.get)
    return int(found.value)


def _named(services: Services, wanted: str | None) -> list[str]:
    names = killswitch.costly(services.settings())
    if wanted is None:
        return names
    if wanted not in names:
        raise InvalidArgument(f"The queue must be one of {', '.join(names)}.")
    return [wanted]
