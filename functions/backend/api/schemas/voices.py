"""Voices, as both systems before this one had them, and what is new after their fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from backend.api.reading import Upload
from backend.api.schemas.common import (
    JobMetadata,
    Language,
    LanguageCode,
    ModelType,
    PageQuery,
    UserId,
    VoiceName,
    WebhookUrl,
)
from jobs import keys

Extension = Literal["wav", "mp3", "m4a", "aac", "ogg", "opus", "webm", "flac", "3gp"]
MAX_PROFILE_BYTES = 10 * 2**20
_MEGABYTES = keys.MAX_RECORDING_BYTES // 2**20
Name = Annotated[str, Meta(min_length=1, max_length=100, description="a text of 1 to 100 characters")]
AudioFormat = Annotated[Extension, Meta(description="wav, mp3, m4a, aac, ogg, opus, webm, flac or 3gp")]
IsKidsVoice = Annotated[bool, Meta(description="true or false")]
AudioData = Annotated[
    bytes,
    Meta(
        min_length=1, max_length=keys.MAX_RECORDING_BYTES, description=f"a recording in base64, at most {_MEGABYTES} MB"
    ),
]
ProfileBytes = Annotated[
    bytes,
    Meta(
        min_length=1, max_length=MAX_PROFILE_BYTES, description="a voice profile (safetensors) in base64, at most 10 MB"
    ),
]


class Consent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is heard in the recording, and the words by which they agreed to be cloned."""

    speaker: Annotated[str, Meta(min_length=1, max_length=200, description="the name of who speaks, up to 200 letters")]
    statement: Annotated[
        str, Meta(min_length=1, max_length=2000, description="what was agreed to, up to 2,000 letters")
    ]


class CloneVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    audio_data: AudioData
    audio_format: AudioFormat = "wav"
    language: Language = "en"
    is_kids_voice: IsKidsVoice = False
    model_type: ModelType | None = None
    user_id: UserId | None = None
    consent: Annotated[Consent, Meta(description="an object with speaker and statement")] | None = None
    webhook_url: WebhookUrl | None = None


class VoiceForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`audio_file` is the recording; `file` and `audio` are other names for it."""

    name: Name
    audio_file: Annotated[Upload, Meta(description="a recording as a file")] | None = None
    file: Annotated[Upload, Meta(description="a recording as a file")] | None = None
    audio: Annotated[Upload, Meta(description="a recording as a file")] | None = None
    description: Annotated[str, Meta(max_length=2000, description="a text, which is not kept")] | None = None
    language: Language = "en"
    is_kids_voice: IsKidsVoice = False
    model_type: ModelType | None = None
    consent_speaker: Annotated[str, Meta(min_length=1, max_length=200, description="the name of who speaks")] | None = (
        None
    )
    consent_statement: Annotated[str, Meta(min_length=1, max_length=2000, description="what was agreed to")] | None = (
        None
    )
    webhook_url: WebhookUrl | None = None


class SaveVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which voice is meant: the first system had its callers fetch a result and bring it back to be kept."""

    voice_id: VoiceName
    user_id: UserId | None = None


class VoiceInfo(Struct, frozen=True, kw_only=True):
    """`sample_file` and `embedding_file` are signed URLs that expire; null while there is no such file.

    `created_date` in seconds since 1970. `clones`: false where the engine speaks in a voice of its own instead.
    """

    voice_id: str
    name: str
    sample_file: str | None
    embedding_file: str | None
    created_date: int
    language: str
    is_kids_voice: bool
    status: str
    clones: bool | None = None


class OneLanguageQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    is_kids_voice: IsKidsVoice | None = None


class VoiceQuery(OneLanguageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    language: LanguageCode | None = None


class VoiceList(Struct, frozen=True, kw_only=True):
    """`total` is how many are listed here; with a `next_cursor` there are more. The others say what was asked for."""

    status: Literal["success"] = "success"
    voices: list[VoiceInfo]
    language: str | None
    is_kids_voice: bool | None
    total: int
    next_cursor: str | None


class VoiceQueued(Struct, frozen=True, kw_only=True):
    status: Literal["queued"] = "queued"
    voice_id: str
    name: str
    metadata: JobMetadata


class VoiceSaved(Struct, frozen=True, kw_only=True):
    """`status` is `success` when the voice's files are kept, `queued` while it is being made."""

    status: Literal["success", "queued"]
    voice: VoiceInfo


class VoiceProfileFile(Struct, frozen=True, kw_only=True):
    """`profile_base64`: a safetensors file."""

    status: Literal["success"] = "success"
    voice_id: str
    profile_base64: str


class VoiceSample(Struct, frozen=True, kw_only=True):
    status: Literal["success"] = "success"
    voice_id: str
    audio_base64: str
    audio_format: Literal["mp3"] = "mp3"


CLONE_EXAMPLE: dict[str, Any] = {
    "name": "voice_myid",
    "audio_data": "UklGRiQAAABXQVZFZm10IBAAAAABAAEAwF0AAIC7AAACABAAZGF0YQAAAAA=",
    "audio_format": "wav",
    "language": "en",
    "is_kids_voice": False,
    "model_type": "chatterbox",
}
