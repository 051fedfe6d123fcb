"""Google's Firestore emulator: rules, triggers, clearing, export and import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from localcloud.emulators.artifacts import FIRESTORE
from localcloud.emulators.errors import EmulatorError
from localcloud.emulators.jvm import JvmEmulator

_EXPORT_NAME = "firestore"


class FirestoreEmulator(JvmEmulator):
    artifact = FIRESTORE
    main_class = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    heap = "1g"  # all documents live in it

    def __init__(
        self,
        project: str,
        *,
        run_dir: Path,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        rules: Path | None = None,
        events_to: str | None = None,
        data_dir: Path | None = None,
    ) -> None:
        """`rules`: a file; without one everybody may do everything. `events_to`: the functions host's host:port,
        which may be set until `start` (the host wants to know this emulator's address first).

        `data_dir`: documents are read from there at start, if `export` has ever written to it.
        """
        super().__init__(project, run_dir=run_dir, port=port, env=env)
        self._rules = rules
        self.events_to = events_to
        self._data_dir = data_dir

    async def clear(self) -> None:
        """Delete every document of the default database. Rules and triggers stay."""
        await self.call("DELETE", f"/emulator/v1/projects/{self.project}/databases/(default)/documents")

    async def set_rules(self, text: str) -> None:
        """Raises EmulatorError with line and column where they do not compile; the rules before stay in force then."""
        body = {"ignore_errors": False, "rules": {"files": [{"name": "security.rules", "content": text}]}}
        await self.call("PUT", f"/emulator/v1/projects/{self.project}:securityRules", body)

    async def register_trigger(
        self,
        name: str,
        *,
        event_type: str,
        document: str,
        is_pattern: bool,
        database: str = "(default)",
        namespace: str = "(default)",
    ) -> None:
        """Events of `event_type` at `document` are posted to `events_to` from now on, under `/triggers/{name}`.

        Registering a name again replaces it. Raises EmulatorError where `events_to` is not set: nobody would listen.
        """
        if self.events_to is None:
            raise EmulatorError(f"Trigger {name}: this emulator was started without an address to post events to.")
        body = {
            "eventType": event_type,
            "database": database,
            "namespace": namespace,
            "document": {"value": document, "matchType": "PATH_PATTERN" if is_pattern else "EXACT"},
        }
        path = f"/emulator/v1/projects/{self.project}/eventarcTrigger?eventarcTriggerId={quote(name, safe='')}"
        await self.call("POST", path, body)

    async def export(self) -> None:
        """Write every document below `data_dir`, in place of what is there."""
        if self._data_dir is None:
            raise EmulatorError("There is no data folder to export to.")
        self._data_dir.mkdir(parents=True, exist_ok=True)
        body = {
            "database": f"projects/{self.project}/databases/(default)",
            "export_directory": str(self._data_dir.resolve()),
            "export_name": _EXPORT_NAME,
        }
        await self.call("POST", f"/emulator/v1/projects/{self.project}:export", body)

    def _arguments(self) -> list[str]:
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--project_id", self.project]
        if self._rules:
            arguments += ["--rules", str(self._rules)]
        if self.events_to:
            arguments += ["--functions_emulator", self.events_to]
        if self._data_dir:
            metadata = self._data_dir / _EXPORT_NAME / f"{_EXPORT_NAME}.overall_export_metadata"
            if metadata.exists():
                arguments += ["--seed_from_export", str(metadata.resolve())]
        return arguments
