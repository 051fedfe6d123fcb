"""Speech and its sound, as the second system had them, and what is new after its fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from backend.api.schemas.common import (
    Error,
    Format,
    JobMetadata,
    Language,
    Progress,
    Text,
    VoiceName,
    Wait,
    WebhookUrl,
)
from backend.api.schemas.tts import Speed

Pitch = Annotated[float, Meta(ge=0.5, le=2, description="a factor from 0.5 (an octave down) to 2 (an octave up)")]


class Synthesize(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pitch` is a factor here, as it always was: 1 changes nothing."""

    text: Text
    voice_id: VoiceName = "default"
    speed: Speed = 1.0
    pitch: Pitch = 1.0
    language: Language = "en"
    format: Format = "wav"
    webhook_url: WebhookUrl | None = None


class Synthesis(Struct, frozen=True, kw_only=True):
    """The sound will be at `audio_url` (`/audio/{audio_id}`)."""

    audio_id: str
    status: Literal["queued"] = "queued"
    audio_url: str
    metadata: JobMetadata


class SoundQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waiting by default: the second system answered with the sound, and its callers do not ask twice."""

    wait: Wait = 25.0


class AudioPending(Struct, frozen=True, kw_only=True):
    """It is being made; ask again after the seconds of Retry-After."""

    status: str
    audio_id: str
    progress: Progress | None


class AudioInfo(Struct, frozen=True, kw_only=True):
    """The URLs are signed and expire; null until there is something. Times in ISO 8601."""

    audio_id: str
    status: str
    voice_id: str
    story_id: str
    language: str
    format: str
    created_at: str
    duration_seconds: float | None
    progress: Progress | None
    error: Error | None
    download_url: str | None
    timings_url: str | None
    captions_url: str | None
    job_id: str | None


SYNTHESIZE_EXAMPLE: dict[str, Any] = {
    "text": "Hello! This is a test of the TTS API.",
    "voice_id": "default",
    "speed": 1.0,
    "pitch": 1.0,
}
