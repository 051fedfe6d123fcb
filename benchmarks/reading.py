"""Is the text read right: the share of the tables' rows (tests/reading) that are spoken as a person would.

Against two others: num2words alone (every run of digits replaced by its words, the rest as it is), and the text as it
is. The tables were written before the rules, by the same hand: 571 of the 586 rows were right at the first run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from num2words import num2words  # type: ignore[import-untyped]

from benchmarks.report import Report
from gpu_job.narration.reading import read
from tests.reading.tables import Row, languages, rows

_CHARACTERS = 100_000


def measure(report: Report) -> None:
    ways: dict[str, Callable[[Row], str]] = {"ours": ours, "num2words alone": by_num2words, "as it is": as_it_is}
    for language in languages():
        table = rows(language)
        shares = ", ".join(f"{way} {_share(table, say):.1f} %" for way, say in ways.items())
        report.say(f"  {language}: {len(table)} rows, {shares}")
    everything = [row for language in languages() for row in rows(language)]
    for way, say in ways.items():
        reach = "95" if way == "ours" else ""
        report.figure(f"read right, {len(everything)} rows, {way}", [_share(everything, say)], "%", reach)
    report.figure(f"reading {_CHARACTERS:,} characters of English", [_seconds() for _ in range(report.runs)], "s")


def ours(row: Row) -> str:
    return " ".join(unit.spoken for unit in read(row.written, row.language))


def by_num2words(row: Row) -> str:
    """A language that num2words does not know keeps its digits."""

    def words(digits: re.Match[str]) -> str:
        try:
            return f" {num2words(int(digits[0]), lang=row.language)} "
        except NotImplementedError:
            return digits[0]

    return re.sub(r"\d+", words, row.written)


def as_it_is(row: Row) -> str:
    return row.written


def _share(table: list[Row], say: Callable[[Row], str]) -> float:
    return 100 * sum(row.is_read_right(say(row)) for row in table) / len(table)


def _seconds() -> float:
    line = " ".join(row.written for row in rows("en") if "\n" not in row.written)
    text = (f"{line}\n\n" * (_CHARACTERS // len(line) + 1))[:_CHARACTERS]
    started = time.perf_counter()
    read(text, "en")
    return time.perf_counter() - started
