"""Requests over HTTP: documents and jobs as those of an app, but admitted in one commit, because the caller waits.

    POST ─▶ the recording into the bucket ─▶ one transaction: document + job + quota ─▶ 202 with the job's id
                                               │ document.created    429, 404, 400 …: nothing is written
                                               ▼
            the trigger enqueues the job, as it does for a document of an app; if it is lost, reconcile dispatches it

So nothing but the bucket and Firestore is spoken to while the caller waits. The id is the caller's idempotency key, or
a new one: a call that died half way and comes again goes on with what there is.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backend import admission, voices
from backend.services import Services
from jobs import keys
from jobs.documents import AUDIO_REQUESTS, STORIES, VOICE_PROFILES, Status
from jobs.errors import InvalidArgument, NotFound, PermanentError
from jobs.profile_file import read_clones, read_metadata
from jobs.store import NewJob, Read
from jobs.transition import SERVER_TIME

log = logging.getLogger(__name__)
Fields = dict[str, Any]
_TITLE_CHARACTERS = 60
_CONTENT_TYPES = {extension: content_type for content_type, extension in reversed(keys.RECORDING_TYPES.items())}
_PROFILE_TYPE = "application/octet-stream"
# What is kept of consent where a caller sends none: only who it was that answers for it.
_VOUCHED = "None was sent. Whoever made this request over the HTTP API answers for the speaker's consent."


@dataclass(frozen=True, kw_only=True)
class NewVoice:
    """`extension`: one of keys.RECORDING_TYPES. `consent`: {speaker, statement}, if there is one."""

    voice_id: str
    recording: bytes
    extension: str
    said: Fields  # as an app would write it: name, language, isKidsVoice, modelType
    consent: Fields | None = None
    webhook_url: str = ""


@dataclass(frozen=True, kw_only=True)
class NewNarration:
    """`said`: as an app would write it, without ids. Without a `story_id` the text becomes a story of its own.

    `profile`: the bytes of a voice profile that the caller brought along, to be used instead of the voice's own.
    """

    audio_id: str
    voice_id: str
    said: Fields  # language, text, and whatever else an AudioRequest may have
    story_id: str | None = None
    story_type: str = ""
    profile: bytes | None = None
    is_kids_voice: bool = False
    webhook_url: str = ""


def submit_voice(services: Services, user_id: str, voice: NewVoice) -> str:
    """Have a voice made of a recording; the job's id. Raises what admission finds wrong, and then nothing is left."""
    upload_id = hashlib.sha256(voice.recording).hexdigest()[:32]
    key = keys.recording(user_id, voice.voice_id, upload_id, voice.extension)
    services.objects().put(key, voice.recording, _CONTENT_TYPES[voice.extension])
    consent = voice.consent or {"speaker": voice.said["name"], "statement": _VOUCHED}
    accepted = {**consent, "acceptedAt": services.store().clock()}
    said = {**voice.said, "recordingKey": key, "consent": accepted}
    asked = _Asked(f"{VOICE_PROFILES}/{voice.voice_id}", user_id, said, webhook_url=voice.webhook_url)
    try:
        return _submit(services, asked)
    except PermanentError:
        services.objects().delete(key)
        raise


def submit_narration(services: Services, user_id: str, narration: NewNarration) -> str:
    """Have a text told; the job's id. Raises what admission finds wrong, and then nothing is left."""
    said = {**narration.said, "voiceId": narration.voice_id, "storyId": narration.story_id or narration.audio_id}
    asked = _Asked(f"{AUDIO_REQUESTS}/{narration.audio_id}", user_id, said, webhook_url=narration.webhook_url)
    if narration.story_type:
        asked.also["storyType"] = narration.story_type
    if narration.story_id is None:
        asked = _with_own_story(asked, said)
    elif not keys.is_usable_id(narration.story_id):
        raise NotFound("There is no such story.")
    if narration.profile is not None:
        asked = _with_profile(services, asked, narration, narration.profile)
    else:
        asked.said["voiceId"] = voices.spoken_by(services, user_id, narration.voice_id)
    return _submit(services, asked)


@dataclass(frozen=True)
class _Asked:
    """`said`: what an app would write. `also`: further fields of the document, the server's own. `beside`: documents of
    the same commit. `instead`: what the job is to work with, whatever admission found."""

    path: str
    user_id: str
    said: Fields
    also: Fields = field(default_factory=dict)
    beside: Mapping[str, Fields] = field(default_factory=dict)
    instead: Fields = field(default_factory=dict)
    webhook_url: str = ""


def _submit(services: Services, asked: _Asked) -> str:
    now = services.store().clock()
    pending = {**asked.said, "userId": asked.user_id, "status": Status.PENDING, "createdAt": now}

    def judge(read: Read) -> NewJob:
        new = admission.judge(services, asked.path, pending, read)
        webhook = {"webhookUrl": asked.webhook_url} if asked.webhook_url else {}
        return replace(new, input={**new.input, **asked.instead, **webhook})

    request = {**pending, **asked.also, "createdAt": SERVER_TIME}
    if services.store().submit(asked.path, request, judge, asked.beside):
        log.info("submitted", extra={"requestPath": asked.path, "userId": asked.user_id})
    else:
        log.info("submitted before", extra={"requestPath": asked.path, "userId": asked.user_id})
    return keys.job_id(asked.path)


def _with_own_story(asked: _Asked, said: Fields) -> _Asked:
    """A text of no story becomes one, which goes when the narration goes (`ownStory`): there is no other way to it."""
    text = str(asked.said.pop("text"))
    story = {"userId": asked.user_id, "title": _title(text), "text": text, "language": said["language"]}
    path = f"{STORIES}/{said['storyId']}"
    return replace(asked, also={**asked.also, "ownStory": True}, beside={**asked.beside, path: story})


def _with_profile(services: Services, asked: _Asked, narration: NewNarration, profile: bytes) -> _Asked:
    """The profile is kept with the voice that it is called after, which is made of it where there is none."""
    if narration.voice_id == keys.DEFAULT_VOICE:
        raise InvalidArgument("The built-in voice takes no profile; name the voice that the profile is of.")
    metadata = read_metadata(profile)
    clones = read_clones(metadata["clones"])
    beside = dict(asked.beside)
    try:
        voice_id, is_new = voices.find(services, asked.user_id, narration.voice_id)[0], False
    except NotFound:
        voice_id, is_new = keys.random_id(), True
    key = keys.given_profile(asked.user_id, voice_id, hashlib.sha256(profile).hexdigest()[:32])
    services.objects().put(key, profile, _PROFILE_TYPE)
    if is_new:
        beside[f"{VOICE_PROFILES}/{voice_id}"] = {
            "userId": asked.user_id,
            "name": narration.voice_id,
            "language": narration.said["language"],
            "isKidsVoice": narration.is_kids_voice,
            "profileKey": key,
            "model": metadata["model"],
            "clones": clones,
            "status": Status.READY,
            "createdAt": services.store().clock(),
        }
    said = {**asked.said, "voiceId": voice_id}
    return replace(asked, said=said, beside=beside, instead={**asked.instead, "profileKey": key})


def _title(text: str) -> str:
    """The beginning of a text that has no title."""
    words = " ".join(text[: 4 * _TITLE_CHARACTERS].split())
    return words if len(words) <= _TITLE_CHARACTERS else f"{words[:_TITLE_CHARACTERS].rsplit(' ', 1)[0]}…"
