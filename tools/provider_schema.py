"""`python -m tools.provider_schema`: writes tests/infra/provider_schema.json, the arguments of what infra/ uses.

There is no provider here to ask, but npm has each provider's arguments as TypeScript declarations (CDKTF's prebuilt
providers, generated from the very schemas). Their versions are the ones that infra/versions.tf asks for at least. Needs
npm; to be run again when infra/ uses a resource or a provider for the first time.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tools.terraform_files import read

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "infra" / "provider_schema.json"
PACKAGES = {"google": "@cdktf/provider-google@16.12.1", "cloudflare": "@cdktf/provider-cloudflare@13.9.1"}
_INTERFACE = re.compile(r"export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"docs/(?:resources|data-sources)/\w+#(\w+) .*?\*/\s+readonly \w+(\??): ([^;]+);", re.DOTALL)
Arguments = dict[str, dict[str, Any]]


def main() -> None:
    schema: dict[str, Arguments] = {}
    wanted = sorted({(each.mode, each.kind) for each in read(ROOT / "infra").resources.values()})
    with tempfile.TemporaryDirectory() as folder:
        packages = {name: _fetched(package, Path(folder)) for name, package in PACKAGES.items()}
        for mode, kind in wanted:
            provider, _, name = kind.partition("_")
            module = ("data-" + kind if mode == "data" else name).replace("_", "-")
            schema[f"{mode}.{kind}"] = _arguments(packages[provider], module)
    FILE.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")


def _fetched(package: str, folder: Path) -> tarfile.TarFile:
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(folder / name)


def _arguments(package: tarfile.TarFile, module: str) -> Arguments:
    """What a resource takes: {argument: {required, block?}}, a block's arguments in turn."""
    interfaces = _interfaces(package, f"package/lib/{module}/index.d.ts")
    # Blocks of one resource may come in files of their own.
    for member in package.getnames():
        if re.fullmatch(rf"package/lib/{module}/[\w-]*structs[\w-]*\.d\.ts", member):
            interfaces |= _interfaces(package, member)
    (top,) = [
        name for name in interfaces if name.endswith("Config") and "extends" not in name and _is_top(name, module)
    ]
    return _of(top, interfaces)


def _interfaces(package: tarfile.TarFile, member: str) -> dict[str, str]:
    """By name, what stands between the braces."""
    found = package.extractfile(member)
    if found is None:
        raise FileNotFoundError(member)
    return dict(_INTERFACE.findall(found.read().decode()))


def _is_top(name: str, module: str) -> bool:
    return name.lower() == module.replace("-", "") + "config"


def _of(name: str, interfaces: dict[str, str]) -> Arguments:
    arguments: Arguments = {}
    for argument, optional, kind in _FIELD.findall(interfaces[name]):
        arguments[argument] = {"required": not optional}
        block = next((word for word in re.findall(r"\w+", kind) if word in interfaces), None)
        if block:
            arguments[argument]["block"] = _of(block, interfaces)
    return arguments


if __name__ == "__main__":
    main()
