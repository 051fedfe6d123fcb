"""What becomes of a bad piece: it is spoken again, three times at most, and the best take is kept. Pure.

    take 0 ─ bad ─▶ take 1 ─ bad ─▶ take 2 ─ good ─▶ kept, quality says {piece, takes: 3}
                                    take 3 ─ bad ─▶ the least bad of the four is kept, quality says its faults

One bad piece never kills a story. Where no take can be heard at all, the story goes on without that piece, and the
request says which one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpu_job.engines.protocol import Speech
from gpu_job.narration.checks import Fault, Verdict
from jobs.errors import Internal, InvalidArgument

MOST_RETAKES = 3
_MOST_REPORTED = 20  # pieces by name: the report lies in a document

Speak = Callable[[int], Speech]
"""Speaks a piece for the n-th time, from 0: each n with another seed."""
Judge = Callable[[Speech], Verdict]


@dataclass(frozen=True)
class Kept:
    """The take that is kept: no speech where none of them can be heard."""

    speech: Speech | None
    verdict: Verdict
    takes: int


def best_take(speak: Speak, judge: Judge) -> Kept:
    """Take after take until one is good.

    Raises what `speak` raises, save that an engine that finds nothing to say (InvalidArgument) or fails at this piece
    (Internal) has made a silent take.
    """
    kept = _take(0, speak, judge)
    while not kept.verdict.is_good and kept.takes <= MOST_RETAKES:
        again = _take(kept.takes, speak, judge)
        best = min(kept, again, key=lambda take: take.verdict.badness)
        kept = Kept(best.speech, best.verdict, again.takes)
    return kept


def _take(number: int, speak: Speak, judge: Judge) -> Kept:
    silent = Verdict({Fault.SILENT: float("inf")})
    try:
        speech = speak(number)
    except (InvalidArgument, Internal):
        return Kept(None, silent, number + 1)
    verdict = judge(speech)
    is_heard = not {Fault.SILENT, Fault.NOT_A_NUMBER} & verdict.faults.keys()
    return Kept(speech if is_heard else None, verdict, number + 1)


def seed_of_take(seed: int | None, number: int) -> int | None:
    """The seed of the n-th take: the request's own for the first, others that follow from it for the rest.

    None stays None: what no seed was asked for is different every time by itself.
    """
    if seed is None or number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4]) >> 1  # engines take 31 bits


@dataclass
class Quality:
    """What a request says of its pieces: how many were spoken again, and which are not as they should be."""

    pieces: int = 0
    retaken: int = 0
    flawed: int = 0
    _named: list[dict[str, Any]] = field(default_factory=list)

    def add(self, piece: int, kept: Kept) -> None:
        """`piece` is its index in the plan."""
        self.pieces += 1
        self.retaken += kept.takes > 1
        if not kept.verdict.is_good:
            self.flawed += 1
            if len(self._named) < _MOST_REPORTED:
                faults = [fault.value for fault in kept.verdict.faults]
                self._named.append(
                    {"piece": piece, "faults": faults, "takes": kept.takes, "spoken": kept.speech is not None}
                )

    def as_document(self) -> dict[str, Any]:
        """Fields for Firestore; the first twenty of the flawed pieces are named."""
        return {"pieces": self.pieces, "retaken": self.retaken, "flawed": self.flawed, "faults": list(self._named)}
