"""firestore.rules against the whole table, on Google's emulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.emulators.firestore import FirestoreEmulator
from tests.firestore_rules import checks
from tests.firestore_rules.judge import Judge
from tests.unit.loop_thread import LoopThread

ROOT = Path(__file__).parents[2]
TABLE = checks.table()
COLLECTIONS = sorted({check.name.partition(":")[0] for check in TABLE})


@pytest.fixture(scope="module")
def judge(firestore_emulator: FirestoreEmulator, loop: LoopThread) -> Iterator[Judge]:
    async def prepared() -> Judge:
        judge = Judge(firestore_emulator, "demo-rules", TABLE)
        await judge.enforce((ROOT / "firestore.rules").read_text())
        await judge.reset()
        return judge

    judge = loop.run(prepared(), timeout=60)
    yield judge
    loop.run(judge.close())


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_rules_decide_as_the_table_says(judge: Judge, loop: LoopThread, collection: str) -> None:
    ours = [check for check in TABLE if check.name.partition(":")[0] == collection]
    wrong = loop.run(judge.disagreements(ours), timeout=60)
    assert [f"{check.name} must be {'allowed' if check.allowed else 'denied'}" for check in wrong] == []


def test_no_check_is_there_twice() -> None:
    assert [name for name, times in Counter(check.name for check in TABLE).items() if times > 1] == []
