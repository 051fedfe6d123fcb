"""The table notices whatever is changed in firestore.rules: each mutant is in force until a check decides otherwise.

Mutants are independent, so a few projects of the emulator, each with rules of its own, take them in turn. A mutant that
nothing notices is either a gap in the table or no change at all; the latter are listed, each with the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from localcloud.emulators.firestore import FirestoreEmulator
from tests.firestore_rules import checks
from tests.firestore_rules.equivalents import EQUIVALENTS, explanation
from tests.firestore_rules.judge import Judge
from tests.firestore_rules.mutants import Mutant, mutants
from tests.unit.loop_thread import LoopThread

RULES = (Path(__file__).parents[2] / "firestore.rules").read_text()
MUTANTS = mutants(RULES)
LANES = 3


class Finders:
    """The checks, in the order in which they are likely to notice a mutant."""

    def __init__(self, table: Iterable[checks.Check]) -> None:
        self._recent = list(table)

    def order(self, mutant: Mutant) -> list[checks.Check]:
        wanted = {word for word in (mutant.collection, mutant.operation) if word}
        able = [check for check in self._recent if wanted <= check.about]
        return sorted(able, key=lambda check: -3 * len(check.about & mutant.words) - len(check.about & mutant.around))

    def found(self, check: checks.Check) -> None:
        """Neighbours are often noticed by the same one."""
        self._recent.remove(check)
        self._recent.insert(0, check)


async def survivors(emulator: FirestoreEmulator) -> list[Mutant]:
    table = checks.table()
    finders = Finders(table)
    waiting = iter(MUTANTS)
    missed: list[Mutant] = []

    async def lane(number: int) -> None:
        judge = Judge(emulator, f"demo-mutants-{number}", table)
        try:
            for mutant in waiting:
                await judge.enforce(mutant.rules)
                await judge.reset()
                finder = await judge.first_disagreement(finders.order(mutant))
                if finder is None:
                    missed.append(mutant)
                else:
                    finders.found(finder)
        finally:
            await judge.close()

    await asyncio.gather(*(lane(number) for number in range(LANES)))
    return missed


def test_every_mutant_is_noticed_or_known_to_change_nothing(
    firestore_emulator: FirestoreEmulator, loop: LoopThread, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    missed = loop.run(survivors(firestore_emulator), timeout=230)
    record_property("mutants", len(MUTANTS))
    record_property("seconds", round(time.monotonic() - started, 1))
    explained = {mutant.name: explanation(mutant) for mutant in missed}
    assert [name for name, entry in explained.items() if entry is None] == []
    assert set(EQUIVALENTS) == set(explained.values()), "an entry stands for no mutant any more"


def test_there_are_mutants_of_every_kind() -> None:
    kinds = "compare default document drop grant join list match method negate number pattern revoke word"
    assert {mutant.name.split()[1] for mutant in MUTANTS} == set(kinds.split())
