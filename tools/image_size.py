"""`python -m tools.image_size [ROOT]`: how large the worker's image will be, by layer, from the wheels of its locks.

No image can be built here; what is downloaded for it can be added up. uv, asked for a lock in the form that has them
(pylock.toml), says the size of every wheel: compressed, as layers are in a registry. Results land in
benchmarks/results/image.txt. ROOT is the checkout whose gpu_job is meant; not counted: the base, Debian's
packages, FFmpeg and the weights.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# In the order of gpu_job/Dockerfile: what changes least comes first.
LAYERS = {
    "torch": "gpu_job/engines/chatterbox/torch.txt",
    "engine": "gpu_job/engines/chatterbox/requirements.txt",
    "worker": "gpu_job/requirements.txt",
}
PLATFORM = "x86_64-manylinux_2_28"
LARGEST = 5


def wheels(lock: Path) -> dict[str, int]:
    """Bytes of each package's wheel for the image's platform, or of its source where it has no wheel."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pylock.toml"
        options = ["--quiet", "--no-deps", "--python-version", "3.11", "--python-platform", PLATFORM]
        uv = str(Path(sys.executable).with_name("uv"))
        command = [uv, "pip", "compile", *options, "--format", "pylock.toml", str(lock), "-o", str(target)]
        subprocess.run(command, check=True)
        packages = tomllib.loads(target.read_text())["packages"]
    return {package["name"]: _size(package) for package in packages}


def _size(package: dict[str, Any]) -> int:
    fitting = [wheel for wheel in package.get("wheels", []) if _fits(wheel["url"].rpartition("/")[2])]
    chosen = max(fitting, key=lambda wheel: wheel["size"]) if fitting else package["sdist"]
    return int(chosen["size"])


def _fits(wheel: str) -> bool:
    """Whether it is one for CPython 3.11 on this platform; the largest of several is taken."""
    python, abi, platform = wheel.removesuffix(".whl").split("-")[-3:]
    is_python = "py3" in python.split(".") or "cp311" in python or (abi == "abi3" and bool(re.match(r"cp3\d+", python)))
    return is_python and (platform == "any" or ("manylinux" in platform and "x86_64" in platform))


def report(root: Path) -> str:
    lines = ["image: compressed wheels by layer of gpu_job/Dockerfile, from the locks; linux x86_64, Python 3.11"]
    total, counted = 0, set[str]()
    for layer, lock in LAYERS.items():
        if not (root / lock).exists():
            continue
        # What a layer below has already is not installed again.
        sizes = {name: size for name, size in wheels(root / lock).items() if name not in counted}
        counted |= set(sizes)
        total += sum(sizes.values())
        lines.append(f"  {layer:<8} {_mb(sum(sizes.values()))}  {len(sizes)} packages")
        largest = sorted(sizes, key=lambda each: -sizes[each])[:LARGEST]
        lines += [f"    {name:<28} {_mb(sizes[name])}" for name in largest]
    lines.append(
        f"  together {_mb(total)}; beside it: the base, FFmpeg, Debian's packages, and the weights where they are baked"
    )
    return "\n".join(lines) + "\n"


def _mb(size: int) -> str:
    return f"{size / 1e6:8.1f} MB"


if __name__ == "__main__":
    text = report(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    (ROOT / "benchmarks" / "results" / "image.txt").write_text(text)
    sys.stdout.write(text)
