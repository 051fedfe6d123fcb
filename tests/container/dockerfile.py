"""Reads a Dockerfile as far as the tests follow it, and copies what a build context would hold."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "gpu_job" / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    stage: str  # its name; empty before the first FROM
    base: str  # what the stage is FROM
    keyword: str
    arguments: str


def instructions(text: str) -> list[Instruction]:
    """In order, comments left out, continued lines joined."""
    found = []
    stage = base = ""
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in plain.replace("\\\n", " ").splitlines():
        keyword, _, arguments = line.strip().partition(" ")
        if not keyword:
            continue
        if keyword == "FROM":
            base, _, stage = arguments.partition(" AS ")
        found.append(Instruction(stage, base, keyword, re.sub(r"\s+", " ", arguments.strip())))
    return found


def of_stage(all_of_them: list[Instruction], name: str) -> Iterator[Instruction]:
    """What makes a stage, beginning with the stages that it is FROM."""
    own = [each for each in all_of_them if each.stage == name]
    assert own, name
    if any(each.stage == own[0].base for each in all_of_them):
        yield from of_stage(all_of_them, own[0].base)
    yield from own


def command(all_of_them: list[Instruction], stage: str, keyword: str = "CMD") -> list[str]:
    """The last CMD of a stage, in its JSON form; of HEALTHCHECK, the command in it."""
    [*_, last] = [each for each in of_stage(all_of_them, stage) if each.keyword == keyword]
    argv: list[str] = json.loads(last.arguments[last.arguments.index("[") :])
    return argv


def environment(all_of_them: list[Instruction], stage: str) -> dict[str, str]:
    """What ENV sets in a stage, PATH apart."""
    pairs = [
        pair for each in of_stage(all_of_them, stage) if each.keyword == "ENV" for pair in shlex.split(each.arguments)
    ]
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if name != "PATH"}


def copy(all_of_them: list[Instruction], stage: str, target: Path) -> None:
    """Do a stage's COPY lines (from the context, not from other stages), with `target` as the root."""
    for each in of_stage(all_of_them, stage):
        if each.keyword != "COPY" or each.arguments.startswith("--from"):
            continue
        *sources, destination = each.arguments.split()
        for source in sources:
            place = target / destination.lstrip("/")
            _copy(source, place / Path(source).name if destination.endswith("/") else place)


def _copy(source: str, place: Path) -> None:
    paths = [ROOT / source] if (ROOT / source).is_file() else sorted((ROOT / source).rglob("*"))
    taken = [path for path in paths if path.is_file() and not ignored(path.relative_to(ROOT))]
    assert taken, f"COPY {source}: nothing of it is in the build context"
    for path in taken:
        to = place if path == ROOT / source else place / path.relative_to(ROOT / source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file out: the last pattern that is about it, or a folder of it, decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if _is_about(pattern.removeprefix("!"), path):
            out = not pattern.startswith("!")
    return out


def _is_about(pattern: str, path: Path) -> bool:
    names = [path, *path.parents][:-1]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(each.name, pattern[3:]) for each in names)
    return any(str(each) == pattern or ("*" in pattern and fnmatch.fnmatch(str(each), pattern)) for each in names)
