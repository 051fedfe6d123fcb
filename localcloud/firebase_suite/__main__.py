"""`./dev emulators`: the local cloud on the official Firebase Emulator Suite, in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path

from localcloud.cloud import LocalCloud, Options
from localcloud.firebase_suite.cloud import SuiteCloud
from localcloud.firebase_suite.install import Say
from localcloud.foreground import keep_up
from localcloud.ports import preferred_ports


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./dev emulators", description="Keep the official Firebase Emulator Suite, and a cloud around it, running."
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the state there over a restart")
    parser.add_argument("--workers", type=int, default=1, help="GPU workers (default 1)")
    arguments = parser.parse_args()
    options = Options(data_dir=arguments.data, workers=arguments.workers, ports=preferred_ports())

    def make(say: Say) -> SuiteCloud:
        return SuiteCloud(options, ui=True, say=say)

    keep_up(make, "the Firebase Emulator Suite", _more_services)


def _more_services(cloud: LocalCloud) -> dict[str, str]:
    if not isinstance(cloud, SuiteCloud):
        return {}
    ui = cloud.suite.without_ui or f"http://{cloud.suite.address('ui')}"
    return {"Emulator UI": ui, "Suite's log": str(cloud.suite.debug_log)}


if __name__ == "__main__":
    main()
