"""`./dev readme`: writes the README's table of settings from where the settings are declared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backend.settings import ApiSettings
from backend.settings import Settings as FunctionsSettings
from gpu_job.engines.chatterbox.settings import ChatterboxSettings
from gpu_job.settings import Settings as WorkerSettings
from jobs.config import Setting, describe
from jobs.transition import Policy

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings: written by ./dev readme -->", "<!-- end of settings -->"


def table() -> str:
    """The table in Markdown: a row per variable, with who reads it."""
    rows = ["| variable | read by | default | what it is |", "|---|---|---|---|"]
    readers: dict[str, list[str]] = {}
    declared: dict[str, Setting] = {}
    for reader, each in _declared():
        readers.setdefault(each.name, []).append(reader)
        declared[each.name] = each
    for name, each in declared.items():
        rows.append(f"| `{name}` | {', '.join(readers[name])} | {_default(each)} | {each.description} |")
    return "\n".join(rows)


def written(text: str) -> str:
    """The README's text with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _declared() -> Iterator[tuple[str, Setting]]:
    for reader, shapes in (
        ("functions", (FunctionsSettings, ApiSettings, Policy)),
        ("container", (WorkerSettings, ChatterboxSettings, Policy)),
    ):
        for shape in shapes:
            for each in describe(shape):
                yield reader, each


def _default(declared: Setting) -> str:
    if declared.required:
        return "required"
    if declared.default in ("", ()):
        return "empty"
    listed = declared.default if isinstance(declared.default, tuple) else (declared.default,)
    return f"`{','.join(map(str, listed))}`"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
