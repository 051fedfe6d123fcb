"""`./dev up`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from localcloud.cloud import LocalCloud, Options
from localcloud.emulators.errors import EmulatorError
from localcloud.faults import FaultSpecError
from localcloud.ports import preferred_ports
from localcloud.processes import ChildError
from localcloud.state import StateError


def main() -> None:
    arguments = _arguments()
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    try:
        sys.exit(asyncio.run(_run(arguments, console)))
    except (EmulatorError, ChildError, StateError, FaultSpecError, OSError) as error:
        console.print(f"[red]✗ {error}[/]", highlight=False)
        sys.exit(1)


async def _run(arguments: argparse.Namespace, console: Console) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    options = Options(
        data_dir=arguments.data,
        faults=arguments.faults,
        seed=arguments.seed,
        workers=arguments.workers,
        firestore_proxy="firestore." in arguments.faults,
        ports=preferred_ports(),
    )
    cloud = LocalCloud(options)
    with console.status("Starting the local cloud …"):
        starting = asyncio.create_task(cloud.start())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return 130
        await starting
    _announce(cloud, console)
    await stopped
    with console.status("Stopping, and keeping the state …" if arguments.data else "Stopping …"):
        await cloud.stop()
    if cloud.faults.counts:
        console.print("Faults injected:", dict(cloud.faults.counts))
    console.print("Stopped.")
    return 0


def _announce(cloud: LocalCloud, console: Console) -> None:
    """Plain lines, however narrow the terminal: they are there to be copied."""
    endpoints = cloud.endpoints
    services = {
        "Firestore": endpoints.firestore,
        "Pub/Sub": cloud.pubsub.address,
        "Authentication": f"http://{endpoints.auth}",
        "App Check": f'{endpoints.app_check} (debug token "local")',
        "Callables": f"{endpoints.callables}/NAME",
        "Cloud Tasks": f"127.0.0.1:{cloud.tasks.port} (gRPC)",
        "RunPod": f"http://127.0.0.1:{cloud.runpod.port}/v2",
        "R2": cloud.bucket.url,
        "Logs": str(cloud.run_dir),
    }
    variables = {
        "GOOGLE_CLOUD_PROJECT": endpoints.project,
        "FIRESTORE_EMULATOR_HOST": endpoints.firestore,
        "FIREBASE_AUTH_EMULATOR_HOST": endpoints.auth,
        "PUBSUB_EMULATOR_HOST": cloud.pubsub.address,
        **{name: value for name, value in cloud.functions_environment().items() if name.startswith(("R2_", "TASKS_E"))},
    }
    console.print("[bold]The local cloud is up.[/] Ctrl-C stops it.\n")
    for name, address in services.items():
        console.print(f"  {name:<16}{address}", soft_wrap=True, highlight=False)
    console.print("\nPoint clients at it:\n")
    for name, value in variables.items():
        console.print(f"  export {name}={value}", soft_wrap=True, highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev up", description="Keep the local cloud in the foreground.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the state there over a restart")
    parser.add_argument("--faults", default="", metavar="SPEC", help="what should go wrong; see localcloud/faults.py")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--workers", type=int, default=1, help="GPU workers (default 1)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
