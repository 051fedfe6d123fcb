"""The local cloud with the official Firebase Emulator Suite in it.

    firebase-tools    functions (ours, unchanged), Firestore with our rules, Auth, Pub/Sub, UI
    the local cloud   Cloud Tasks, RunPod, GPU workers, the bucket, App Check, service accounts, the clock of schedules

Faults in what firebase-tools brings (`events.`, `pubsub.`, `functions.`, `firestore.`) cannot be asked for here, and
an event that a function refuses does not come again: `reconcile` is what finds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcloud.cloud import CREDENTIALS, REGION, RUNPOD_KEY, LocalCloud, Options, Service
from localcloud.emulators.ports import free_port
from localcloud.firebase_suite.functions import SuiteFunctions
from localcloud.firebase_suite.install import Say, say_nothing
from localcloud.firebase_suite.project import PORTS
from localcloud.firebase_suite.suite import FirebaseSuite


class SuiteCloud(LocalCloud):
    """As LocalCloud, without what is only our own functions host's: `crash`, `restarts`, `settle`."""

    def __init__(self, options: Options, *, ui: bool = False, say: Say = say_nothing) -> None:
        self._ui = ui
        self._say = say
        super().__init__(options)

    def _make_firebase(self, data: Path | None) -> None:
        wanted = {name: port for name, port in self.options.ports.items() if name in _SHOWN}
        self.suite = FirebaseSuite(
            self.options.project,
            self.run_dir,
            {**free_ports(PORTS), **wanted, "functions": self._functions_port},
            data_dir=data,
            ui=self._ui,
            say=self._say,
        )

    @property
    def firestore_address(self) -> str:
        return self.suite.address("firestore")

    @property
    def pubsub_address(self) -> str:
        return self.suite.address("pubsub")

    @property
    def auth_host(self) -> str:
        return self.suite.address("auth")

    def _firebase_in_process(self) -> list[Service]:
        return []

    async def _start_emulators(self) -> None:
        """With the functions: firebase-tools starts all of them together."""

    async def _start_functions(self) -> None:
        self._stopping.append(self.suite.stop)
        await self.suite.prepare()
        functions: Any = SuiteFunctions(  # in the place of a FunctionsHost; see there
            self.suite,
            variables=self.functions_environment(),
            secrets={
                **_SECRETS,
                "DAEZEND_API_SHARED_SECRET": self.shared_secret,
                "SECRET_KEY": self.secret_key,
            },
            region=REGION,
            clock=self.clock,
            run_dir=self.run_dir,
            schedules=self.options.schedules,
        )
        self.functions = functions
        await self._started(self.functions)

    async def _connect(self) -> None:
        """firebase-tools has registered the triggers."""

    async def _keep_documents(self) -> None:
        await self.suite.export()


# Those that people and apps use; `tasks` among the options is our Cloud Tasks, not firebase-tools'.
_SHOWN = ("auth", "firestore", "pubsub", "ui")
# What Secret Manager would hold.
_SECRETS = {
    "R2_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
    "R2_SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key,
    "RUNPOD_API_KEY": RUNPOD_KEY,
}


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """A free one for each, no two the same."""
    ports: dict[int, str] = {}
    for name in names:
        while (port := free_port()) in ports:
            pass
        ports[port] = name
    return {name: port for port, name in ports.items()}
