"""main → backend → jobs ← gpu_job, and the local cloud beside them: who may import whom, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A part, its sources, and which of our parts it may import.
PARTS: dict[str, tuple[str, set[str]]] = {
    "main": ("functions/main.py", {"backend", "jobs"}),
    "backend": ("functions/backend", {"backend", "jobs"}),
    "jobs": ("functions/jobs", {"jobs"}),
    "gpu_job": ("gpu_job", {"gpu_job", "jobs"}),
    "localcloud": ("localcloud", {"localcloud"}),
    "operations": ("operations", {"operations", "backend", "jobs", "gpu_job"}),
}
# Run in production's own processes: the one loads the file that is to be served, the other makes it die where asked.
GUESTS = {
    "localcloud/functions/shim/entry_points.py": {"main"},
    "localcloud/process_faults.py": {"jobs", "backend", "gpu_job"},
}
OURS = {*PARTS, "tests", "benchmarks", "functions"}
PRODUCTION = ("main", "backend", "jobs", "gpu_job")


def sources(part: str) -> list[Path]:
    path = ROOT / PARTS[part][0]
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Top-level names of what is imported anywhere in a file, late imports and TYPE_CHECKING included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}"
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("part", PARTS)
def test_directions(part: str) -> None:
    assert sources(part)
    for path in sources(part):
        allowed = PARTS[part][1] | GUESTS.get(str(path.relative_to(ROOT)), set())
        found = set(imports(ast.parse(path.read_text()))) & OURS
        assert found <= allowed, f"{path.relative_to(ROOT)} imports {found - allowed}"


def conditions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.Match):
            yield node.subject


@pytest.mark.parametrize("part", PRODUCTION)
def test_production_does_not_know_where_it_runs(part: str) -> None:
    """Endpoints are settings; nothing asks whether it is in an emulator, a test or on somebody's machine."""
    for path in sources(part):
        tree = ast.parse(path.read_text())
        for condition in conditions(tree):
            said = ast.unparse(condition).lower()
            for word in ("emulator", "is_local", "localcloud", "localhost", "127.0.0.1", "pytest", "k_service"):
                assert word not in said, f"{path.relative_to(ROOT)}:{getattr(condition, 'lineno', 0)} asks: {said}"
        names = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not {name for name in names if name.endswith("_EMULATOR_HOST")}, path


def test_the_check_sees_what_it_should() -> None:
    tree = ast.parse("def f():\n    if os.environ.get('FIRESTORE_EMULATOR_HOST'):\n        import localcloud.x")
    assert "localcloud" in set(imports(tree))
    assert any("EMULATOR" in ast.unparse(condition) for condition in conditions(tree))
