"""Generated stories, as the first system had them, and what is new after its fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from backend.api.schemas.common import (
    Format,
    Language,
    LanguageCode,
    ModelType,
    PageQuery,
    Text,
    UserId,
    VoiceName,
    WebhookUrl,
)
from backend.api.schemas.voices import IsKidsVoice, ProfileBytes
from jobs.documents import Cast

StoryType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}$", description="a word such as user or app")]
StoryId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="the id of one of the user's stories")]
FileId = Annotated[str, Meta(min_length=1, max_length=128, description="the id of a generation")]
Speed = Annotated[float, Meta(ge=0.5, le=2, description="a number from 0.5 to 2")]
Semitones = Annotated[float, Meta(ge=-12, le=12, description="a number of semitones from -12 to 12")]


class Generate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a `story_id` the text becomes a story of its own. `model_type` may be said; the voice's own model speaks.

    `profile_base64` is used in place of the voice's own profile; where there is no such voice, it becomes one.
    """

    voice_id: VoiceName
    text: Text
    user_id: UserId | None = None
    story_id: StoryId | None = None
    profile_base64: ProfileBytes | None = None
    language: Language = "en"
    story_type: StoryType = "user"
    is_kids_voice: IsKidsVoice = False
    model_type: ModelType | None = None
    audio_format: Format = "mp3"
    speed: Speed = 1.0
    pitch: Semitones = 0.0
    exaggeration: Annotated[float, Meta(ge=0, le=2, description="a number from 0 to 2")] | None = None
    cfg_weight: Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")] | None = None
    temperature: Annotated[float, Meta(ge=0.05, le=5, description="a number from 0.05 to 5")] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1, description="a whole number from 0 to 2147483647")] | None = None
    cast: Cast | None = None
    webhook_url: WebhookUrl | None = None


class SaveGeneration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which generation is meant: the first system had its callers fetch a result and bring it back to be kept."""

    file_id: FileId
    user_id: UserId | None = None


class Generation(Struct, frozen=True, kw_only=True):
    """`audio_url` is signed and expires. `created_date` in seconds since 1970."""

    file_id: str
    story_id: str
    story_type: str
    voice_id: str
    language: str
    audio_format: str
    audio_url: str | None
    duration_seconds: float | None
    created_date: int
    status: str


class GenerationQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    language: LanguageCode | None = None
    story_type: StoryType | None = None


class StoryQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    story_type: StoryType = "user"


class GenerationList(Struct, frozen=True, kw_only=True):
    """`total` is how many are listed here; with a `next_cursor` there are more."""

    status: Literal["success"] = "success"
    generations: list[Generation]
    total: int
    next_cursor: str | None


class StoryList(Struct, frozen=True, kw_only=True):
    status: Literal["success"] = "success"
    language: str
    story_type: str
    stories: list[Generation]
    total: int
    next_cursor: str | None


class GenerationSaved(Struct, frozen=True, kw_only=True):
    """`status` is `success` when the sound is kept, `queued` while it is being made."""

    status: Literal["success", "queued"]
    generation: Generation


class StoryAudio(Struct, frozen=True, kw_only=True):
    """`audio_url` is signed and expires."""

    status: Literal["success"] = "success"
    file_id: str
    audio_url: str


GENERATE_EXAMPLE: dict[str, Any] = {
    "user_id": "user_123",
    "story_id": "story_abc",
    "voice_id": "voice_myid",
    "text": "Hello there",
    "language": "en",
    "story_type": "user",
    "is_kids_voice": False,
    "model_type": "chatterbox",
}
