"""What the container reads from the environment. The README's table is generated from here."""

from __future__ import annotations

import dataclasses

from jobs.config import setting
from jobs.settings import SharedSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(SharedSettings):
    engines: tuple[str, ...] = setting(
        "ENGINE",
        "What speaks: `piper`, `chatterbox`, `chatterbox-turbo`, `chatterbox-nano`, `chatterbox-multilingual`, or the"
        " module:Class of an engine of your own. Several, with commas: the voice's `modelType` says which, and where it"
        " says nothing the first one speaks.",
    )
    concurrency: int = setting("WORKER_CONCURRENCY", "Jobs that one worker runs at a time.", default=1)
    port: int = setting("PORT", "Where gpu_job.server listens; Cloud Run says so.", default=8080)
    listens: bool = setting(
        "LISTEN_AFTER_SPEAKING",
        "`true`: a speech recogniser (pocketsphinx, to be installed) checks English pieces for their words.",
        default=False,
    )
    service_account: str = setting(
        "RUNPOD_SECRET_Firebase",
        "The service account's JSON key, where the platform brings no credentials of its own.",
        default="",
        secret=True,
    )
    public_base_url: str = setting(
        "R2_PUBLIC_BASE_URL", "The bucket's public domain. Empty: clients ask getAudioUrl for signed URLs.", default=""
    )
