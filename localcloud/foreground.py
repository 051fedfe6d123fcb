"""A cloud in the foreground: started with progress, announced with its addresses, stopped cleanly at Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable

from rich.console import Console
from rich.logging import RichHandler

from localcloud.cloud import LocalCloud
from localcloud.emulators.errors import EmulatorError
from localcloud.faults import FaultSpecError
from localcloud.processes import ChildError
from localcloud.state import StateError

Say = Callable[[str], None]
Services = dict[str, str]


def no_more(cloud: LocalCloud) -> Services:
    del cloud
    return {}


def keep_up(make: Callable[[Say], LocalCloud], title: str, more: Callable[[LocalCloud], Services] = no_more) -> None:
    """Run what `make` makes until Ctrl-C or SIGTERM, then exit. `make` gets what tells the user what is done now.

    `more`: lines for the announcement beside every cloud's own, by name.
    """
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    try:
        sys.exit(asyncio.run(_run(make, title, more, console)))
    except (EmulatorError, ChildError, StateError, FaultSpecError, OSError) as error:
        console.print(f"[red]✗ {error}[/]", highlight=False)
        sys.exit(1)


async def _run(
    make: Callable[[Say], LocalCloud], title: str, more: Callable[[LocalCloud], Services], console: Console
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with console.status(f"Starting {title} …") as status:
        cloud = make(status.update)
        starting = asyncio.create_task(cloud.start())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return 130
        await starting
    _announce(cloud, title, more(cloud), console)
    await stopped
    with console.status("Stopping, and keeping the state …" if cloud.options.data_dir else "Stopping …"):
        await cloud.stop()
    if cloud.faults.counts:
        console.print("Faults injected:", dict(cloud.faults.counts))
    console.print("Stopped.")
    return 0


def _announce(cloud: LocalCloud, title: str, more: Services, console: Console) -> None:
    """Plain lines, however narrow the terminal: they are there to be copied."""
    endpoints = cloud.endpoints
    services = {
        "Firestore": endpoints.firestore,
        "Pub/Sub": cloud.pubsub_address,
        "Authentication": f"http://{endpoints.auth}",
        "App Check": f'{endpoints.app_check} (debug token "local")',
        "Callables": f"{endpoints.callables}/NAME",
        "HTTP API": f"{endpoints.callables}/api/docs",
        "Cloud Tasks": f"127.0.0.1:{cloud.tasks.port} (gRPC)",
        "RunPod": f"http://127.0.0.1:{cloud.runpod.port}/v2",
        "R2": cloud.bucket.url,
        "FCM": f"{cloud.fcm.url} (tokens: POST /local/registrations; shown: GET /local/messages?token=)",
        **more,
        "Logs": str(cloud.run_dir),
    }
    variables = {
        **cloud.functions_environment(),
        "FIRESTORE_EMULATOR_HOST": endpoints.firestore,  # not by way of a proxy that makes faults
    }
    console.print(f"[bold]{title[0].upper()}{title[1:]} is up.[/] Ctrl-C stops it.\n")
    for name, address in services.items():
        console.print(f"  {name:<16}{address}", soft_wrap=True, highlight=False)
    console.print("\nPoint clients, and ./dev ops, at it:\n")
    for name, value in variables.items():
        console.print(f"  export {name}={value}", soft_wrap=True, highlight=False)
