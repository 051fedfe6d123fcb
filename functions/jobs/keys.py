"""Names that several parts must agree on: job ids, object keys, task names. Pure functions of their arguments."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from jobs.errors import InvalidArgument

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

DEFAULT_VOICE = "default"  # the id of the built-in voice, in every request: no document has it

RECORDING_TYPES = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/webm": "webm",
    "audio/flac": "flac",
    "audio/3gpp": "3gp",
}
MAX_RECORDING_BYTES = 50 * 1024 * 1024


def job_id(request_path: str) -> str:
    """The job of a request. Derived, so that a redelivered event finds the same job: 128 bits of the path's SHA-256."""
    return _hash(request_path)


def erasure_id(path: str) -> str:
    """The erasure of what lay at this path. Derived, so that whoever goes on with one finds it."""
    return _hash(path)


def derived_id(*parts: str) -> str:
    """An id for what these parts name: the same for the same."""
    return _hash("\n".join(parts))


def random_id() -> str:
    """An id that nobody can guess, in the form of the derived ones."""
    return _hash(secrets.token_hex(16))


def task_name(job: str, attempt: int) -> str:
    """A Cloud Tasks task id for one attempt; hashed, because sequential prefixes slow a queue down."""
    return _hash(f"{job}:{attempt}")


def recording(user_id: str, voice_id: str, upload_id: str, extension: str) -> str:
    return f"{recordings_of(user_id)}{_segment(voice_id)}/{_segment(upload_id)}.{_segment(extension)}"


def recordings_of(user_id: str) -> str:
    """The prefix under which a user's recordings lie; the only one that a voice profile of theirs may name."""
    return f"recordings/{_segment(user_id)}/"


def voice(user_id: str, voice_id: str, job: str, attempt: int, name: str) -> str:
    """An object of a voice: profile.safetensors or sample.mp3.

    The attempt is part of it: a worker that was fenced out in the middle of an upload cannot overwrite what the next
    attempt has made.
    """
    return f"{clone_of(user_id, voice_id, job)}{attempt}/{name}"


def clone_of(user_id: str, voice_id: str, job: str) -> str:
    """The prefix under which everything lies that a voice's job has made, in whichever attempt."""
    return f"{voices_of(user_id)}{_segment(voice_id)}/{_segment(job)}/"


def is_of_attempt_before(attempt: int, prefix: str, key: str) -> bool:
    """Whether a job's object, whose objects lie under `prefix`, was made by an attempt before this one."""
    made_by = key.removeprefix(prefix).partition("/")[0]
    return made_by.isdecimal() and int(made_by) < attempt


def voices_of(user_id: str) -> str:
    """The prefix under which everything lies that was made of a user's recordings."""
    return f"voices/{_segment(user_id)}/"


def story(user_id: str, story_id: str, job: str, attempt: int, name: str) -> str:
    """An object of a narration: audio.mp3, timings.json, ... of one attempt, as for voices."""
    return f"{narration_of(user_id, story_id, job)}{attempt}/{name}"


def narration_of(user_id: str, story_id: str, job: str) -> str:
    """The prefix under which everything lies that a narration's job has made, in whichever attempt."""
    return f"{stories_of(user_id)}{_segment(story_id)}/{_segment(job)}/"


def stories_of(user_id: str) -> str:
    """The prefix under which a user's narrations lie."""
    return f"stories/{_segment(user_id)}/"


def given_profile(user_id: str, voice_id: str, digest: str) -> str:
    """A profile that a caller brought along, by the digest of its bytes; it goes when the voice goes."""
    return f"{voices_of(user_id)}{_segment(voice_id)}/given/{_segment(digest)}/profile.safetensors"


def pieces_in_default_voice(user_id: str) -> str:
    """What stands for a voice's id in `chunks_of` where a user has stories told in the built-in voice: everybody's own,
    so that nobody's words are kept when their account goes."""
    return f"{DEFAULT_VOICE}-{_hash(f'default/{_segment(user_id)}')}"


def chunks_of(voice_id: str) -> str:
    """The prefix under which the pieces lie that are kept for every narration in this voice."""
    return f"chunks/{_segment(voice_id)}/"


def everything_of_voice(user_id: str, voice_id: str) -> tuple[str, ...]:
    """The prefixes of a voice's own objects; what was told in it lies elsewhere."""
    voice_id = _segment(voice_id)
    return f"{recordings_of(user_id)}{voice_id}/", f"{voices_of(user_id)}{voice_id}/", chunks_of(voice_id)


def everything_of_user(user_id: str) -> tuple[str, ...]:
    """The prefixes of a user's objects, except the kept pieces of their voices."""
    return (
        recordings_of(user_id),
        voices_of(user_id),
        stories_of(user_id),
        chunks_of(pieces_in_default_voice(user_id)),
    )


def chunk(voice_id: str, digest: str) -> str:
    """A spoken piece in a voice, by the digest of everything that its sound depends on."""
    return f"{chunks_of(voice_id)}{_segment(digest)}.flac"


def is_own_audio(user_id: str, key: str) -> bool:
    """Whether `key` lies where this user's narrations are."""
    return key.startswith(stories_of(user_id))


def is_own_recording(user_id: str, key: str) -> bool:
    """Whether `key` has exactly the form that `recording` gives for this user."""
    prefix = recordings_of(user_id)
    if not key.startswith(prefix):
        return False
    parts = key.removeprefix(prefix).split("/")
    if len(parts) != 2:
        return False
    upload, _, extension = parts[1].rpartition(".")
    return all(is_id(part) for part in (parts[0], upload, extension))


def is_id(text: str) -> bool:
    """Whether a document id or user id is safe inside an object key: letters, digits, `_` and `-`, 1 to 128 of them."""
    return bool(_ID.fullmatch(text))


def is_usable_id(text: str) -> bool:
    """Whether there can be a document of this id, too: Firestore keeps those like `__this__` to itself."""
    return is_id(text) and not (text.startswith("__") and text.endswith("__"))


def _segment(text: str) -> str:
    if not is_id(text):
        raise InvalidArgument("Ids are 1 to 128 letters, digits, underscores or hyphens.")
    return text


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.b32encode(digest).decode().rstrip("=").lower()
