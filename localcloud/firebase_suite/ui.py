"""The Emulator UI: where firebase-tools looks for it, or fetched to there; the suite does without where it must."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.emulators.artifacts import firebase_cache
from localcloud.emulators.download import Download, DownloadError, fetch

# As firebase-tools 15.34.0 pins it in its `downloadableEmulatorInfo.json`.
UI = Download(
    url="https://storage.googleapis.com/firebase-preview-drop/emulator/ui-v1.15.0.zip",
    size=3_538_469,
    sha256="97d8c4c574e3f20c4d690a2ce8373eef76ab024da73279a062dba8517f88cf9a",
)


async def find_ui(env: Mapping[str, str]) -> str:
    """Empty where it is there; otherwise why it is not."""
    cache = firebase_cache(env)
    if (cache / UI.file_name.removesuffix(".zip") / "server" / "server.mjs").exists():
        return ""
    try:
        await fetch(UI, cache, title="Emulator UI")
    except DownloadError as error:
        return f"The Emulator UI is not here and could not be fetched ({error}); everything else works without it."
    return ""
