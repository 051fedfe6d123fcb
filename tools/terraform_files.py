"""Terraform's files as data, read by python-hcl2: resources, variables, locals, outputs, and what each refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2

Fields = dict[str, Any]
_TEXT = re.compile(r'"(?:\$\{[^}]*\}|\\.|[^"\\])*"')  # with what is inserted into it
_INSERTED = re.compile(r"\$\{(.*?)\}")
_EXPRESSION = re.compile(r"\$\{(.*)\}", re.DOTALL)
_REFERENCE = re.compile(r"(?<![\w.\"-])((?:data\.)?[a-z]\w*(?:\.\w+)+)")


@dataclass(frozen=True)
class Resource:
    """`mode` is resource or data; `kind` its type, e.g. google_pubsub_topic."""

    mode: str
    kind: str
    name: str
    body: Fields

    @property
    def address(self) -> str:
        prefix = "data." if self.mode == "data" else ""
        return f"{prefix}{self.kind}.{self.name}"


@dataclass
class Module:
    resources: dict[str, Resource] = field(default_factory=dict)  # by address
    variables: dict[str, Fields] = field(default_factory=dict)
    locals: Fields = field(default_factory=dict)
    outputs: dict[str, Fields] = field(default_factory=dict)


def read(folder: Path) -> Module:
    """Every .tf file of a folder. Raises what the parser raises, with the file's name as a note."""
    module = Module()
    for path in sorted(folder.glob("*.tf")):
        try:
            with path.open() as file:
                _add(module, hcl2.load(file))
        except Exception as error:
            error.add_note(path.name)
            raise
    return module


def values(path: Path) -> Fields:
    """The assignments of a .tfvars file."""
    with path.open() as file:
        found: Fields = hcl2.load(file)
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _add(module: Module, content: Fields) -> None:
    for mode in ("resource", "data"):
        for kind, name, body in _labelled(content.get(mode, []), 2):
            resource = Resource(mode, kind, name, body)
            if resource.address in module.resources:
                raise ValueError(f"{resource.address} is there twice")
            module.resources[resource.address] = resource
    for name, body in _labelled(content.get("variable", []), 1):
        module.variables[name] = body
    for name, body in _labelled(content.get("output", []), 1):
        module.outputs[name] = body
    for block in content.get("locals", []):
        module.locals |= {name: value for name, value in block.items() if not name.startswith("__")}


def _labelled(blocks: list[Fields], labels: int) -> Iterator[tuple[Any, ...]]:
    for block in blocks:
        for label, inner in block.items():
            if label.startswith("__"):
                continue
            plain = label.strip('"')
            if labels == 1:
                yield plain, inner
            else:
                yield from ((plain, *rest) for rest in _labelled([inner], labels - 1))


def arguments(body: Fields) -> Iterator[tuple[str, Any]]:
    """The arguments and blocks of a body; a `dynamic` block counts as what it makes."""
    for name, value in body.items():
        if name.startswith("__"):
            continue
        if name == "dynamic":
            for block in value:
                for label, inner in block.items():
                    if not label.startswith("__"):
                        yield label.strip('"'), inner["content"]
        else:
            yield name, value


def references(value: Any) -> set[str]:
    """Every dotted name in the expressions under `value`, e.g. var.region, local.shared.topics, data.a.b.id."""
    found: set[str] = set()
    for expression in _expressions(value):
        bare = _TEXT.sub(lambda text: " ".join(_INSERTED.findall(text[0])), expression)
        found |= set(_REFERENCE.findall(bare))
    return found


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match[1] for match in _EXPRESSION.finditer(value))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not name.startswith("__"):
                yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)
