"""Shapes and fields that several routes share. A field's description is what is said when it is wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from backend import webhooks
from backend.listing import LARGEST
from jobs import documents

Fields = dict[str, Any]
WAIT_SECONDS = 50

Language = Annotated[
    str,
    Meta(description=f"one of {', '.join(documents.LANGUAGES)}", extra_json_schema={"enum": list(documents.LANGUAGES)}),
]
ModelType = Annotated[
    str,
    Meta(
        description=f"one of {', '.join(documents.MODEL_TYPES)}",
        extra_json_schema={"enum": list(documents.MODEL_TYPES)},
    ),
]
Format = Annotated[
    str,
    Meta(description=f"one of {', '.join(documents.FORMATS)}", extra_json_schema={"enum": list(documents.FORMATS)}),
]
LanguageCode = Annotated[str, Meta(max_length=20, description="a language's code")]
UserId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="the id of the user that this is for")]
VoiceName = Annotated[
    str, Meta(min_length=1, max_length=128, description="a voice's id or name, or `default` for the built-in voice")
]
Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=documents.MAX_TEXT_CHARACTERS,
        description=f"a text of 1 to {documents.MAX_TEXT_CHARACTERS:,} characters",
    ),
]
WebhookUrl = Annotated[
    str,
    Meta(
        max_length=webhooks.LONGEST_URL,
        description="an https URL that is called, signed, when the job is over; for internal services",
        examples=["https://app.example.com/voice-jobs"],
    ),
]
Limit = Annotated[int, Meta(ge=1, le=LARGEST, description=f"how many to list, 1 to {LARGEST}")]
Cursor = Annotated[str, Meta(min_length=1, max_length=300, description="the `next_cursor` of the page before")]
Wait = Annotated[
    float, Meta(ge=0, le=WAIT_SECONDS, description=f"how many seconds to wait for the end, 0 to {WAIT_SECONDS}")
]


class Waiting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wait: Wait = 0.0


class PageQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class Error(Struct, frozen=True, kw_only=True):
    """Why a job failed: a google.rpc name, and a sentence for the user. `retryable`: another try may work."""

    code: str
    message: str
    retryable: bool


class Progress(Struct, frozen=True, kw_only=True):
    """`done` of `total` pieces; `stage` is a word for people."""

    done: int
    total: int
    stage: str


class JobMetadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`job_id` is for GET /jobs/{job_id}; one of `voice_id` and `audio_id` says what comes of it."""

    job_id: str
    voice_id: str | None = None
    audio_id: str | None = None


class Queued(Struct, frozen=True, kw_only=True):
    status: Literal["queued"] = "queued"
    metadata: JobMetadata


class Deleted(Struct, frozen=True, kw_only=True):
    """It is out of sight. `erased`: all its files are gone, too; else they go within minutes."""

    status: Literal["deleted"] = "deleted"
    id: str
    erased: bool


def error_of(said: Fields | None) -> Error | None:
    """The `error` of a document."""
    if not said:
        return None
    return Error(code=str(said["code"]), message=str(said["message"]), retryable=bool(said.get("retryable")))


def progress_of(said: Fields | None) -> Progress | None:
    """The `progress` of a document."""
    if not said:
        return None
    return Progress(done=int(said["done"]), total=int(said["total"]), stage=str(said["stage"]))
