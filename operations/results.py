"""What a command answers with: rows, one record, or something that was done or would be. Shown as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

Fields = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """`columns` says which fields a person sees, and in which order; JSON has them all."""

    columns: tuple[str, ...]
    rows: Sequence[Fields]
    note: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Record:
    fields: Fields


@dataclass(frozen=True)
class Action:
    """`says` what is done, as an order: "Cancel job …". Not `done`: a dry run."""

    says: str
    done: bool
    outcome: Fields = field(default_factory=dict)
    exit_code: int = 0


Result = Rows | Record | Action


def show(result: Result, out: TextIO, *, as_json: bool) -> None:
    lines = [json.dumps(_plain(result), default=_text, ensure_ascii=False, indent=1)] if as_json else _lines(result)
    out.writelines(f"{line}\n" for line in lines)


def _lines(result: Result) -> Iterator[str]:
    if isinstance(result, Rows):
        yield from _table(result)
    elif isinstance(result, Record):
        yield from _record(result.fields)
    else:
        yield result.says if result.done else f"Would: {result.says}"
        yield from _record(result.outcome)
        if not result.done:
            yield "Nothing was changed. Add --yes to do it."


def _plain(result: Result) -> Any:
    if isinstance(result, Rows):
        return list(result.rows)
    if isinstance(result, Record):
        return result.fields
    return {"action": result.says, "done": result.done, **result.outcome}


def _table(result: Rows) -> Iterator[str]:
    """Never folded to the width of a terminal: ids are there to be copied."""
    if not result.rows:
        yield "Nothing found."
    else:
        cells = [result.columns, *([_text(row.get(column)) for column in result.columns] for row in result.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if result.note:
        yield result.note


def _record(fields: Fields, indent: str = "") -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{name}"
            yield from _record(value, indent + "  ")
        else:
            yield f"{indent}{name:<18} {_text(value)}".rstrip()


def _text(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)
