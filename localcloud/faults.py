"""Faults on request: what should go wrong, where, how often; seeded and counted.

A *point* is a place where the local cloud can misbehave, named `service.call`: `events.deliver`, `tasks.dispatch`,
`runpod.run`, `runpod.take`, `runpod.done`, `pubsub.push`, `r2.PutObject`, `firestore.Commit`, and within our own
processes (localcloud/process_faults.py) `functions.admit.after`, `worker.upload.before`, … A *rule* says what happens:

    r2.PutObject:500@0.2        every fifth upload answers 500, by chance
    events.deliver:duplicate    every event arrives twice
    tasks.dispatch:drop x1      the first task is lost (and only the first)
    tasks.dispatch:delay=30     each comes 30 s late
    worker.claim.after:crash x1 the first worker to have claimed a job dies
    clock.worker:skew=-4@0.01   at one of a hundred visits, a worker's clock is set 4 s behind the true one

Rules are joined by commas; `*` matches as in file names. Each rule draws from its own generator, seeded by the seed and
the rule's text, so that what other services do in the meantime does not change which call is hit.
"""

from __future__ import annotations

import fnmatch
import random
import re
from collections import Counter
from dataclasses import dataclass

ACTIONS = frozenset({"drop", "duplicate", "delay", "reorder", "reset", "hang", "crash", "skew"})
_RULE = re.compile(
    r"^(?P<point>[\w.*-]+):(?P<action>[a-z]+|[1-5]\d\d)(=(?P<seconds>-?\d+(\.\d+)?))?"
    r"(@(?P<probability>\d+(\.\d+)?))?(\s*x(?P<times>\d+))?$"
)


class FaultSpecError(ValueError):
    """The specification cannot be read; the message says which rule and how rules are written."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong now. `action` is a word of ACTIONS or an HTTP status as text."""

    action: str
    seconds: float = 0.0

    @property
    def status(self) -> int | None:
        return int(self.action) if self.action.isdigit() else None


@dataclass(frozen=True)
class Rule:
    point: str
    fault: Fault
    probability: float = 1.0
    times: int | None = None

    @classmethod
    def parse(cls, text: str) -> Rule:
        match = _RULE.match(text.strip())
        known = match is not None and (match["action"] in ACTIONS or match["action"].isdigit())
        if not match or not known or (float(match["seconds"] or 0) < 0 and match["action"] != "skew"):
            raise FaultSpecError(
                f"{text!r} is not a fault rule; write POINT:ACTION[=SECONDS][@PROBABILITY][ xTIMES], for example "
                f"r2.PutObject:500@0.2, with an HTTP status or one of {', '.join(sorted(ACTIONS))}."
            )
        return cls(
            point=match["point"],
            fault=Fault(match["action"], float(match["seconds"] or 0)),
            probability=float(match["probability"] or 1),
            times=int(match["times"]) if match["times"] else None,
        )


class Faults:
    """The rules in force, and how often each has struck. Not thread-safe: it lives on the event loop."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.counts: Counter[str] = Counter()
        self._rules: list[tuple[Rule, random.Random]] = []
        self._struck: Counter[int] = Counter()

    def set(self, spec: str) -> None:
        """Replace every rule. An empty specification means that nothing goes wrong."""
        rules = [Rule.parse(part) for part in spec.split(",") if part.strip()]
        self._rules = [(rule, random.Random(f"{self.seed}:{index}:{rule}")) for index, rule in enumerate(rules)]
        self._struck.clear()

    def at(self, point: str) -> Fault | None:
        """What goes wrong at this point, this time: the first rule that matches and strikes."""
        for index, (rule, generator) in enumerate(self._rules):
            if not fnmatch.fnmatchcase(point, rule.point):
                continue
            if rule.times is not None and self._struck[index] >= rule.times:
                continue
            if generator.random() < rule.probability:
                self._struck[index] += 1
                self.counts[f"{point}:{rule.fault.action}"] += 1
                return rule.fault
        return None
