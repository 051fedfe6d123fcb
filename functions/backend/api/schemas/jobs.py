"""Jobs: how a voice or a story is getting on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from backend.api.schemas.common import Error, Progress


class JobInfo(Struct, frozen=True, kw_only=True):
    """`status`: queued, running, ready, failed or cancelled. `attempt` counts from 1. Times in ISO 8601.

    `voice_id` or `audio_id` is what comes of it, by `kind`.
    """

    job_id: str
    kind: Literal["clone", "narrate"]
    status: str
    attempt: int
    voice_id: str | None
    audio_id: str | None
    progress: Progress | None
    error: Error | None
    queued_at: str | None
    started_at: str | None
    finished_at: str | None


class JobCancelled(Struct, frozen=True, kw_only=True):
    job_id: str
    status: Literal["cancelled"] = "cancelled"
