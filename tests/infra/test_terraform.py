"""infra/ without a provider: it parses, it is formatted, what it refers to is there, and every argument is one that the
provider has. What only a provider, an account or a deployment could say is not proved here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import terraform_values
from tools.provider_schema import FILE as SCHEMA
from tools.terraform_files import arguments, read, references, values

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MODULE = read(INFRA)
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "timeouts"}
# Not references to anything outside the expression: loop variables and the block's own iterator.
ITERATORS = {"each", "path", "labels", "env", "volumes", "threshold_rules"}
schema: dict[str, Any] = json.loads(SCHEMA.read_text())


def test_what_terraform_shares_with_the_code_is_the_codes() -> None:
    assert terraform_values.FILE.read_text() == terraform_values.text(), "run ./dev values"


needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


@needs_terraform
def test_it_is_formatted() -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", str(INFRA)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@needs_terraform
def test_terraform_itself_can_load_it(tmp_path: Path) -> None:
    """`terraform providers` reads the whole configuration, and asks no provider and no backend for anything."""
    folder = tmp_path / "infra"
    shutil.copytree(INFRA, folder)
    versions = folder / "versions.tf"
    versions.write_text(re.sub(r'  backend "gcs" \{.*?\n  \}\n', "", versions.read_text(), flags=re.DOTALL))
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull}
    command = ["terraform", f"-chdir={folder}", "providers"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hashicorp/google" in done.stdout
    assert "cloudflare/cloudflare" in done.stdout


def everything() -> Iterator[tuple[str, Any]]:
    for address, resource in MODULE.resources.items():
        yield address, resource.body
    yield from {**MODULE.locals, **MODULE.outputs}.items()


def unresolved(where: str, value: Any, shared: dict[str, Any]) -> list[str]:
    """The references under `value` that lead nowhere."""
    loops = set(re.findall(r"\bfor (\w+)(?:, (\w+))? in\b", json.dumps(value)))
    local_names = {name for pair in loops for name in pair if name} | ITERATORS
    return [f"{where}: {each}" for each in references(value) if not resolves(each, local_names, shared)]


def resolves(reference: str, local_names: set[str], shared: dict[str, Any]) -> bool:
    head, *rest = reference.split(".")
    if head in local_names or head in (
        "metric",
        "resource",
        "jsonPayload",
    ):  # the last ones: Cloud Monitoring's filters
        return True
    if head == "var":
        return rest[0] in MODULE.variables
    if head == "local" and rest[0] == "shared":
        for part in rest[1:]:
            if part not in shared:
                return False
            shared = shared[part]
        return True
    if head == "local":
        return rest[0] in MODULE.locals
    address = ".".join([head, *rest[:2]] if head == "data" else [head, *rest[:1]])
    return address in MODULE.resources


def test_every_reference_leads_somewhere() -> None:
    shared = terraform_values.values()
    lost = [each for where, value in everything() for each in unresolved(where, value, shared)]
    assert not lost
    assert unresolved("", "${local.shared.topics.nothing}", shared)
    assert unresolved("", "x ${google_pubsub_topic.nothing.id} y", shared)


def test_every_variable_is_used_and_described() -> None:
    used = {each.split(".")[1] for _, value in everything() for each in references(value) if each.startswith("var.")}
    assert used >= set(MODULE.variables) - {"environment", "gpu_backend"}
    assert all(variable.get("description") for variable in MODULE.variables.values())


@pytest.mark.parametrize("address", MODULE.resources)
def test_the_arguments_are_the_providers(address: str) -> None:
    resource = MODULE.resources[address]
    assert not wrong(resource.body, schema[f"{resource.mode}.{resource.kind}"], top=True)


def wrong(body: dict[str, Any], known: dict[str, Any], *, top: bool = False) -> list[str]:
    """The arguments that there are not, and the required ones that are missing; blocks in turn."""
    given = list(arguments(body))
    names = {name for name, _ in given}
    found = [f"unknown: {name}" for name in names - set(known) - (META if top else set())]
    found += [f"missing: {name}" for name, each in known.items() if each["required"] and name not in names]
    for name, value in given:
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and "block" in known.get(name, {}):
                found += [f"{name}.{each}" for each in wrong(inner, known[name]["block"])]
    return found


def test_the_check_of_arguments_sees_what_it_should() -> None:
    known = schema["resource.google_cloud_tasks_queue"]
    assert wrong({"name": "a", "location": "b"}, known) == []
    assert wrong({"nam": "a", "location": "b", "rate_limits": [{"speed": 1}]}, known) == [
        "unknown: nam",
        "missing: name",
        "rate_limits.unknown: speed",
    ]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_sets_what_it_must_and_nothing_else(environment: str) -> None:
    given = values(INFRA / "environments" / f"{environment}.tfvars")
    required = {name for name, variable in MODULE.variables.items() if "default" not in variable}
    assert required <= set(given) <= set(MODULE.variables)
    assert given["environment"].strip('"') == environment
    assert (INFRA / "environments" / f"{environment}.gcs.tfbackend").exists()
