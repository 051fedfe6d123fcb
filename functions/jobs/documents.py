"""The documents that clients write: their field names, their shapes, and what is said when one of them is wrong.

A document is validated when a server first looks at it, while it is still `pending`: rules have checked it at the door,
but a rules file can be old, an administrator can write past it, and nothing a client wrote is trusted here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec

from jobs import keys
from jobs.errors import InvalidArgument
from jobs.values import plain, shown

VOICE_PROFILES = "voice_profiles"
AUDIO_REQUESTS = "audio_requests"
STORIES = "stories"
USERS = "users"
JOBS = "jobs"
QUOTAS = "quotas"
ERASURES = "erasures"
RECEIPTS = "receipts"
DEVICES = "devices"  # below a user
# Of the HTTP API. Only servers read and write them.
ACCOUNTS = "accounts"
ACCOUNT_NAMES = "account_names"
REFRESH_TOKENS = "refresh_tokens"
IDEMPOTENCY_KEYS = "idempotency_keys"

MAX_TEXT_CHARACTERS = 100_000
MAX_CAST = 20
MAX_CAST_NAME_CHARACTERS = 40
MAX_PRONUNCIATIONS = 200
MAX_WORD_CHARACTERS = 40
MAX_RESPELLING_CHARACTERS = 80
# The languages of Chatterbox Multilingual V3. An engine that speaks fewer says so when it is asked.
LANGUAGES = (
    *("ar", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "it", "ja"),
    *("ko", "ms", "nl", "no", "pl", "pt", "ru", "sv", "sw", "tr", "zh"),
)
MODEL_TYPES = ("chatterbox", "chatterbox-turbo", "chatterbox-nano", "chatterbox-multilingual", "piper")
FORMATS = ("mp3", "m4a", "opus", "flac", "wav")
PLATFORMS = ("android", "ios", "web")


class Status:
    """`status` of a request, as clients see it."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINAL = frozenset({READY, FAILED, CANCELLED})


def _text(maximum: int, says: str) -> msgspec.Meta:
    return msgspec.Meta(min_length=1, max_length=maximum, description=says)


def _range(low: float, high: float, says: str) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high, description=says)


Id = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,128}\Z", description="an id of letters, digits, _ and -")]
Language = Annotated[str, msgspec.Meta(description=f"one of {', '.join(LANGUAGES)}")]
ModelType = Annotated[str, msgspec.Meta(description=f"one of {', '.join(MODEL_TYPES)}")]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="a timestamp")]
Pending = Annotated[Literal["pending"], msgspec.Meta(description='"pending" when the document is created')]
Format = Annotated[str, msgspec.Meta(description=f"one of {', '.join(FORMATS)}")]
CastName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CAST_NAME_CHARACTERS)]
Cast = Annotated[
    dict[CastName, Id],
    msgspec.Meta(
        max_length=MAX_CAST,
        description=f"an object of up to {MAX_CAST} names, each up to {MAX_CAST_NAME_CHARACTERS} long, and voice ids",
    ),
]
StoryText = Annotated[str, _text(MAX_TEXT_CHARACTERS, f"a text of 1 to {MAX_TEXT_CHARACTERS:,} characters")]


class Consent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who is heard in the recording, and the words by which they agreed to be cloned."""

    speaker: Annotated[str, _text(200, "the name of the person who speaks, up to 200 characters")]
    statement: Annotated[str, _text(2000, "the statement that was accepted, up to 2,000 characters")]
    accepted_at: Moment


class VoiceProfileRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`voice_profiles/{voiceId}` as a client creates it."""

    user_id: Id
    name: Annotated[str, _text(100, "a text of 1 to 100 characters")]
    language: Language
    is_kids_voice: Annotated[bool, msgspec.Meta(description="true or false")]
    recording_key: Annotated[str, _text(512, "the key that createUpload gave")]
    consent: Annotated[Consent, msgspec.Meta(description="an object with speaker, statement and acceptedAt")]
    model_type: ModelType | None = None
    status: Pending
    created_at: Moment


class AudioRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`audio_requests/{requestId}` as a client creates it. Without `text` the story's own is read.

    `cast`: whoever is named at the beginning of a paragraph, as [Wolf], speaks it in the voice of this id.
    """

    user_id: Id
    story_id: Id
    voice_id: Id
    language: Language
    text: StoryText | None = None
    format: Format = "mp3"
    speed: Annotated[float, _range(0.5, 2, "a number from 0.5 to 2")] = 1.0
    pitch: Annotated[float, _range(-12, 12, "a number of semitones from -12 to 12")] = 0.0
    exaggeration: Annotated[float, _range(0, 2, "a number from 0 to 2")] | None = None
    cfg_weight: Annotated[float, _range(0, 1, "a number from 0 to 1")] | None = None
    temperature: Annotated[float, _range(0.05, 5, "a number from 0.05 to 5")] | None = None
    min_p: Annotated[float, _range(0, 1, "a number from 0 to 1")] | None = None
    top_p: Annotated[float, _range(0, 1, "a number from 0 to 1")] | None = None
    repetition_penalty: Annotated[float, _range(1, 2, "a number from 1 to 2")] | None = None
    seed: Annotated[int, _range(0, 2**31 - 1, "a whole number from 0 to 2147483647")] | None = None
    cast: Cast | None = None
    status: Pending
    created_at: Moment


class Device(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`users/{userId}/devices/{deviceId}` as the app keeps it: where, and in which language, to send what is ready."""

    token: Annotated[str, _text(4096, "the device's registration token at Firebase Cloud Messaging")]
    language: Annotated[str, _text(35, "the phone's language as in BCP 47, such as en or pt-BR")]
    platform: Annotated[str, msgspec.Meta(description=f"one of {', '.join(PLATFORMS)}")]
    updated_at: Moment


Shape = TypeVar("Shape", bound=msgspec.Struct)


def validate_voice_profile(fields: Mapping[str, Any]) -> VoiceProfileRequest:
    """Raises InvalidArgument with one sentence about the first thing that is wrong."""
    request = validate(fields, VoiceProfileRequest)
    _one_of("language", request.language, LANGUAGES)
    if request.model_type is not None:
        _one_of("modelType", request.model_type, MODEL_TYPES)
    if not keys.is_own_recording(request.user_id, request.recording_key):
        raise InvalidArgument("`recordingKey` must be a key that createUpload gave to this user.")
    return request


def validate_audio_request(fields: Mapping[str, Any]) -> AudioRequest:
    """Raises InvalidArgument with one sentence about the first thing that is wrong."""
    request = validate(fields, AudioRequest)
    _one_of("language", request.language, LANGUAGES)
    _one_of("format", request.format, FORMATS)
    _check_cast(request.cast or {})
    return request


def _check_cast(cast: Mapping[str, str]) -> None:
    """Every name can stand between brackets in a text, and no two are one to a reader."""
    names: dict[str, str] = {}
    for name in cast:
        key = cast_key(name)
        if not any(character.isalnum() for character in key) or not name.isprintable() or set(name) & set("[]"):
            raise InvalidArgument(
                f"The name {shown(name, MAX_CAST_NAME_CHARACTERS)} in `cast` cannot be used: "
                "a name has letters or digits, is on one line and has no square brackets."
            )
        if key in names:
            raise InvalidArgument(f"`cast` has {shown(name, MAX_CAST_NAME_CHARACTERS)} twice, written in two ways.")
        names[key] = name


def cast_key(name: str) -> str:
    """What makes a name of the cast the same name: letters, not capitals, white space or how accents are encoded."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def pronunciations(user: Mapping[str, Any] | None) -> dict[str, str]:
    """`pronunciations` of `users/{userId}`: words (a child's name) and how they are to be spelt for the voice.

    Rules keep wrong entries out; what was written past them is left out here, since no story should fail for it.
    """
    given = (user or {}).get("pronunciations")
    if not isinstance(given, Mapping):
        return {}
    right = {word: said for word, said in given.items() if _is_pronunciation(word, said)}
    return {word: right[word] for word in sorted(right)[:MAX_PRONUNCIATIONS]}


def _is_pronunciation(word: object, said: object) -> bool:
    return _is_line(word, MAX_WORD_CHARACTERS) and _is_line(said, MAX_RESPELLING_CHARACTERS)


def _is_line(text: object, most: int) -> bool:
    return isinstance(text, str) and len(text) <= most and "\n" not in text and any(map(str.isalnum, text))


def validate_text(text: object) -> str:
    """The text of a story, whoever wrote it. Raises InvalidArgument if there is nothing, or too much, to read."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument("There is no text to read: give the request or the story a `text`.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidArgument(
            f"The text has {len(text):,} characters; at most {MAX_TEXT_CHARACTERS:,} can be narrated at once."
        )
    return text


def _one_of(field: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise InvalidArgument(f"`{field}` must be one of {', '.join(valid)}.")


def validate(fields: object, shape: type[Shape]) -> Shape:
    """`fields` as a `shape` (a Struct whose fields are described). Raises InvalidArgument with one sentence of ours."""
    if not isinstance(fields, Mapping):
        raise InvalidArgument("An object with named fields is expected.")
    names = shape.__struct_encode_fields__
    unknown = sorted(str(name) for name in set(fields) - set(names))
    if unknown:
        raise InvalidArgument(f"Unknown field `{_printable(unknown[0])}`; the fields are {', '.join(names)}.")
    _refuse_half_characters(fields)
    try:
        return msgspec.convert(plain(dict(fields)), shape, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise InvalidArgument(_sentence(str(error), shape)) from None


def _refuse_half_characters(fields: object) -> None:
    """Half a surrogate pair: JSON can spell it; no database takes it, and msgspec not where it looks for a number."""
    try:
        json.dumps(fields, default=str, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidArgument("A text holds half a character, which is none. Please write it anew.") from None


def _sentence(reason: str, shape: type[msgspec.Struct]) -> str:
    """Our words for msgspec's: `x` is missing, or what `x` must be (the description beside the field's type)."""
    path = re.findall(r"\$((?:\.\w+)*)", reason)
    at = [part for part in (path[-1] if path else "").split(".") if part]
    named = re.match(r"Object [\w ]+ field `(\w+)`", reason)
    wanted = [*at, named[1]] if named else at
    if not wanted:
        return "The document does not have the expected form."
    name = ".".join(wanted)
    if reason.startswith("Object missing"):
        return f"`{name}` is missing."
    if reason.startswith("Object contains unknown"):
        return f"Unknown field `{name}`."
    return f"`{name}` must be {_description(shape, wanted)}."


def _description(shape: type[msgspec.Struct], path: list[str]) -> str:
    """What the innermost field of the path that we describe must be."""
    said = "of another form"
    current: Any = shape
    for part in path:
        annotation = _annotation(current, part)
        for option in (annotation, *get_args(annotation)):
            for extra in getattr(option, "__metadata__", ()):
                said = extra.description or said
        inner = get_args(annotation)
        current = inner[0] if inner and isinstance(inner[0], type) else None
    return said


def _annotation(shape: Any, name: str) -> Any:
    if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
        return None
    hints = get_type_hints(shape, include_extras=True)
    for attribute, encoded in zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True):
        if encoded == name:
            return hints[attribute]
    return None


def _printable(name: object) -> str:
    return re.sub(r"[^\w.-]", "?", str(name))[:80]
