"""Where the emulators' jars are: a setting, gcloud's components, firebase-tools' cache, our own, Google's bucket.

The versions, sizes and checksums are those that firebase-tools 15.34.0 pins in its `downloadableEmulatorInfo.json`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.emulators.download import Download, DownloadError, fetch
from localcloud.emulators.errors import EmulatorMissing

_BUCKET = "https://storage.googleapis.com/firebase-preview-drop/emulator"


@dataclass(frozen=True)
class Artifact:
    """One emulator. The patterns are globs of its jar, below the SDK's `platform` folder and below a cache folder."""

    title: str
    setting: str
    in_sdk: str
    in_cache: str
    component: str
    download: Download


FIRESTORE = Artifact(
    title="Firestore emulator",
    setting="STORYVOICE_FIRESTORE_EMULATOR_JAR",
    in_sdk="cloud-firestore-emulator/cloud-firestore-emulator*.jar",
    in_cache="cloud-firestore-emulator-v*.jar",
    component="cloud-firestore-emulator",
    download=Download(
        url=f"{_BUCKET}/cloud-firestore-emulator-v1.22.0.jar",
        size=136_707_194,
        sha256="9b6498b7f62714d67f48f59b3818883cd682dbcd46b9f59511de81c97bb5166c",
    ),
)
PUBSUB = Artifact(
    title="Pub/Sub emulator",
    setting="STORYVOICE_PUBSUB_EMULATOR",
    in_sdk="pubsub-emulator/lib/*.jar",
    in_cache="pubsub-emulator-*/pubsub-emulator/lib/*.jar",
    component="pubsub-emulator",
    download=Download(
        url=f"{_BUCKET}/pubsub-emulator-0.8.37.zip",
        size=53_029_797,
        sha256="c83383e0c71633e58abad6fdc9c0312c7d0f6a5a34236c42e3f92eb24ded1c26",
    ),
)


async def find_jar(artifact: Artifact, env: Mapping[str, str]) -> Path:
    """The emulator's jar, downloaded if it is nowhere yet. Raises EmulatorMissing, listing every way to provide it."""
    jar = locate(artifact, env)
    if jar:
        return jar
    ours = user_cache(env)
    try:
        await fetch(artifact.download, ours, title=artifact.title)
    except DownloadError as error:
        raise EmulatorMissing(_every_way(artifact, env, error)) from error
    jar = _newest(ours, artifact)
    if jar is None:
        raise EmulatorMissing(f"{artifact.download.url} was fetched into {ours} but has no {artifact.in_cache} in it.")
    return jar


def locate(artifact: Artifact, env: Mapping[str, str]) -> Path | None:
    """The jar where it is on this machine already. Raises EmulatorMissing where the explicit setting names nothing."""
    if setting := env.get(artifact.setting):
        return _explicit(artifact, setting)
    return _beside_gcloud(artifact, env) or _newest(firebase_cache(env), artifact) or _newest(user_cache(env), artifact)


def user_cache(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else _home(env) / ".cache") / "storyvoice" / "emulators"


def firebase_cache(env: Mapping[str, str]) -> Path:
    setting = env.get("FIREBASE_EMULATORS_PATH")
    return Path(setting) if setting else _home(env) / ".cache" / "firebase" / "emulators"


def _home(env: Mapping[str, str]) -> Path:
    return Path(env["HOME"]) if env.get("HOME") else Path.home()


def _explicit(artifact: Artifact, setting: str) -> Path:
    """A jar, the start script beside whose `bin` the jar's `lib` is, or the folder that holds both."""
    path = Path(setting).expanduser()
    if path.suffix == ".jar" and path.is_file():
        return path
    for folder in (path, path.parent.parent):
        jars = sorted(folder.glob("lib/*.jar"))
        if path.exists() and jars:
            return jars[-1]
    raise EmulatorMissing(f"{artifact.setting} is {setting!r}, and the {artifact.title}'s jar is not there.")


def _beside_gcloud(artifact: Artifact, env: Mapping[str, str]) -> Path | None:
    gcloud = shutil.which("gcloud", path=env.get("PATH", ""))
    if gcloud is None:
        return None
    sdk = Path(gcloud).resolve().parent.parent
    return max((sdk / "platform").glob(artifact.in_sdk), key=_version, default=None)


def _newest(folder: Path, artifact: Artifact) -> Path | None:
    return max(folder.glob(artifact.in_cache), key=_version, default=None)


def _version(path: Path) -> tuple[tuple[int, ...], ...]:
    """1.9.0 comes before 1.10.0."""
    return tuple(tuple(map(int, run.split("."))) for run in re.findall(r"\d+(?:\.\d+)+", str(path)))


def _every_way(artifact: Artifact, env: Mapping[str, str], error: DownloadError) -> str:
    return (
        f"The {artifact.title} is not on this machine and could not be fetched ({error}). "
        "Any one of these provides it:\n"
        f"  - set {artifact.setting} to its jar\n"
        f"  - gcloud components install {artifact.component}   "
        f"(or apt-get install google-cloud-cli-{artifact.component.removeprefix('cloud-')})\n"
        f"  - npx firebase-tools setup:emulators:{artifact.title.split()[0].lower().replace('/', '')}   "
        f"(into {firebase_cache(env)})\n"
        f"  - let this machine reach {artifact.download.url}, or put that file"
        f"{', unpacked,' if artifact.download.is_zip else ''} into {user_cache(env)}"
    )
