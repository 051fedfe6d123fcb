"""`./dev up`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path

from localcloud.cloud import LocalCloud, Options
from localcloud.foreground import Say, keep_up
from localcloud.ports import preferred_ports


def main() -> None:
    arguments = _arguments()
    options = Options(
        data_dir=arguments.data,
        faults=arguments.faults,
        seed=arguments.seed,
        workers=arguments.workers,
        gpu_backend=arguments.gpu_backend,
        firestore_proxy="firestore." in arguments.faults,
        fault_points=bool(arguments.faults),
        ports=preferred_ports(),
    )

    def make(say: Say) -> LocalCloud:
        del say  # it is up in a few seconds
        return LocalCloud(options)

    keep_up(make, "the local cloud")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev up", description="Keep the local cloud in the foreground.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the state there over a restart")
    parser.add_argument("--faults", default="", metavar="SPEC", help="what should go wrong; see localcloud/faults.py")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--workers", type=int, default=1, help="GPU workers (default 1)")
    parser.add_argument(
        "--gpu-backend", choices=("runpod", "http"), default="runpod", help="where they are (http: behind Cloud Run)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
