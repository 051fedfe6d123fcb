"""`./dev bench [NAME ...]`: run benchmarks and keep what they say in benchmarks/results/NAME.txt."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from benchmarks.report import Report

NAMES = ("coldstart", "pipeline", "narration", "faults", "recovery", "load", "api")
APART = ("engine",)  # only by name: it needs torch
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}, all of them by default; or engine"
    )
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each (default 5)")
    parser.add_argument("--jobs", type=int, help="how many, for faults")
    parser.add_argument("--seed", type=int, default=0, help="of what goes wrong, for faults")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - {*NAMES, *APART}):
        parser.error(f"there is no benchmark {unknown[0]}; choose from {', '.join(NAMES + APART)}")
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.names or NAMES:
        report = Report(name, arguments.runs, arguments.jobs, arguments.seed)
        importlib.import_module(f"benchmarks.{name}").measure(report)
        report.save(RESULTS / f"{name}.txt")


if __name__ == "__main__":
    main()
