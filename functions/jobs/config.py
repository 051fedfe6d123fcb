"""Settings from the environment: read once, checked at once, described where they are declared.

A deployable declares one frozen dataclass whose fields are made by `setting()`:

    @dataclass(frozen=True)
    class Settings:
        lease_seconds: float = setting("LEASE_SECONDS", "How long an attempt may stay silent.", default=120.0)

and calls `load(Settings, os.environ)` when it first needs it (never at import). The README's table is generated from
the same declarations, so it cannot be wrong.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from jobs.errors import FailedPrecondition

T = TypeVar("T")
REQUIRED: Any = dataclasses.MISSING
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingError(FailedPrecondition):
    """A setting is missing or cannot be read. Names the variable and, unless it is secret, the value."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One line of the README's table."""

    name: str
    description: str
    type: type
    default: Any
    secret: bool

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


def setting(name: str, description: str, *, default: Any = REQUIRED, secret: bool = False, also: str = "") -> Any:
    """A dataclass field read from the environment variable `name`: str, int, float, bool or tuple[str, ...].

    `also` is a second name by which some platforms give the same thing; the first one counts where both are set.
    """
    metadata = {"name": name, "description": description, "secret": secret, "also": also}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def describe(cls: type) -> Iterator[Setting]:
    """The settings of a dataclass, in the order in which they are declared."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        yield Setting(
            name=field.metadata["name"],
            description=field.metadata["description"],
            type=hints[field.name],
            default=field.default,
            secret=field.metadata["secret"],
        )


def load(cls: Callable[..., T], environ: Mapping[str, str] = os.environ) -> T:
    """Build `cls` from the environment.

    Raises SettingError that names every missing variable at once, or the first one whose value cannot be read. An empty
    value counts as unset: that is how deployment tools write "no value".
    """
    assert isinstance(cls, type)  # noqa: S101  (typed as Callable so that mypy infers T)
    values: dict[str, Any] = {}
    missing: list[str] = []
    for field, declared in zip(dataclasses.fields(cls), describe(cls), strict=True):
        raw = environ.get(declared.name, "") or environ.get(field.metadata["also"], "")
        if raw:
            values[field.name] = _parse(declared, raw)
        elif declared.required:
            missing.append(declared.name)
    if missing:
        raise SettingError(f"Set {', '.join(missing)} in the environment; the README describes each setting.")
    loaded: T = cls(**values)
    return loaded


def _parse(declared: Setting, raw: str) -> Any:
    try:
        return _PARSERS[declared.type](raw)
    except ValueError as error:
        shown = "its value" if declared.secret else repr(raw)
        raise SettingError(f"{declared.name}: {shown} is not {_NAMES[declared.type]}.") from error


def _parse_bool(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(raw)


def _parse_list(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _parse_bool,
    tuple[str, ...]: _parse_list,
}
_NAMES: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[str, ...]: "a comma-separated list",
}
