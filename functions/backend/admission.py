"""From a pending document to a queued job: validate, see who owns what, charge the quota, all in one transaction.

Afterwards, outside the transaction, the job is enqueued; if that fails the event is retried, and if the event is lost
the reconciler enqueues it. Repeating any of it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from backend import quotas
from backend.identity import owned
from backend.services import Services
from backend.settings import ENGINES_OWN, Settings
from jobs import documents, keys, transactions
from jobs import quotas as arithmetic
from jobs.documents import ERASURES, QUOTAS, STORIES, USERS, VOICE_PROFILES, Status
from jobs.errors import Conflict, FailedPrecondition, InvalidArgument, PermissionDenied, ResourceExhausted
from jobs.keys import DEFAULT_VOICE
from jobs.logs import job_fields
from jobs.model import Charge, Job, Kind, State
from jobs.quotas import Limit
from jobs.store import NewJob, Read
from jobs.transition import Fields

log = logging.getLogger(__name__)
DEFAULT_VOICE_NAME = "Built-in voice"
_CROWD = 3  # of one user's requests at the same moment, in one process


class Asked(NamedTuple):
    """A pending document, and what it is judged by."""

    document_id: str
    fields: Fields
    read: Read
    settings: Settings
    limit: Limit
    now: datetime


def admit(services: Services, request_path: str, user_id: str = "") -> Job | None:
    """Admit the request at this path and enqueue its job. Raises only what another delivery may mend.

    `user_id`: whose it is, where that is known. A user who writes a thousand requests at once holds up nobody else.
    """
    store = services.store()
    if store.turns.ahead(user_id) >= _CROWD and (error := _too_many(services, request_path, user_id)):
        store.refuse(request_path, user_id, error)
        return None
    job = store.admit(request_path, lambda fields, read: judge(services, request_path, fields, read), user_id)
    if job is None:
        log.info("nothing to admit", extra={"requestPath": request_path})
        return None
    if job.state is State.QUEUED:
        services.queues().enqueue(job)
        log.info("queued", extra=job_fields(job))
    return job


def _too_many(services: Services, request_path: str, user_id: str) -> ResourceExhausted | None:
    """What judging it would find, seen without a transaction: so it neither waits for the user's turn nor makes the
    quota wait. Only among many is that worth a read."""
    quota = transactions.read(services.firestore(), f"{QUOTAS}/{user_id}")
    try:
        arithmetic.charge(quota, _limit(services, request_path), 0, services.store().clock())
    except ResourceExhausted as error:
        return error
    except PermissionDenied:
        return None  # judged in its turn
    return None


def judge(services: Services, request_path: str, fields: Fields, read: Read) -> NewJob:
    """The job that a request of these fields gets. Raises what is wrong with it."""
    collection, _, document_id = request_path.partition("/")
    limit, now = _limit(services, request_path), services.store().clock()
    return _JUDGES[collection](Asked(document_id, fields, read, services.settings(), limit, now))


def _limit(services: Services, request_path: str) -> Limit:
    """Of what requests in this collection may use."""
    return _LIMITS[request_path.partition("/")[0]](services.settings())


def _judge_voice_profile(asked: Asked) -> NewJob:
    request = documents.validate_voice_profile(asked.fields)
    if asked.document_id == DEFAULT_VOICE:
        raise InvalidArgument(f"`{DEFAULT_VOICE}` is the id of the built-in voice; please use another one.")
    if asked.read(f"{ERASURES}/{keys.erasure_id(f'{VOICE_PROFILES}/{asked.document_id}')}") is not None:
        # What is still to be deleted of the old one would take the new one's files with it.
        raise Conflict("A voice of this id has been deleted; please use a new id.")
    after, charge = _charge(asked, request.user_id, 0)
    work = {
        "voiceId": asked.document_id,
        "name": request.name,
        "language": request.language,
        "recordingKey": request.recording_key,
        "modelType": request.model_type,
    }
    return NewJob(Kind.CLONE, request.user_id, work, charge, after)


def _judge_audio_request(asked: Asked) -> NewJob:
    request = documents.validate_audio_request(asked.fields)
    story = owned(asked.read(f"{STORIES}/{request.story_id}"), request.user_id, "story")
    voice = _ready_voice(asked, request.user_id, request.voice_id)
    cast = {
        name: _cast_voice(asked, request.user_id, name, voice_id) for name, voice_id in (request.cast or {}).items()
    }
    text = documents.validate_text(request.text if request.text is not None else story.get("text"))
    after, charge = _charge(asked, request.user_id, len(text))
    work = {
        "storyId": request.story_id,
        "voiceId": request.voice_id,
        "voiceName": voice.get("name"),
        "profileKey": voice.get("profileKey"),
        "modelType": voice.get("model"),
        "cast": cast,
        "pronunciations": documents.pronunciations(asked.read(f"{USERS}/{request.user_id}")),
        "language": request.language,
        "title": title if isinstance(title := story.get("title"), str) else "",
        "text": text,
        "format": request.format,
        "parameters": {
            "speed": request.speed,
            "pitch": request.pitch,
            "exaggeration": request.exaggeration,
            "cfgWeight": request.cfg_weight,
            "temperature": request.temperature,
            "minP": request.min_p,
            "topP": request.top_p,
            "repetitionPenalty": request.repetition_penalty,
            "seed": request.seed,
        },
    }
    return NewJob(Kind.NARRATE, request.user_id, work, charge, after)


def _ready_voice(asked: Asked, user_id: str, voice_id: str, of: str = "") -> Fields:
    if voice_id == DEFAULT_VOICE:
        return _default_voice(asked)
    voice = owned(asked.read(f"{VOICE_PROFILES}/{voice_id}"), user_id, f"voice{of}")
    require_ready(voice, of)
    return voice


def require_ready(voice: Fields, of: str = "") -> None:
    """Raises FailedPrecondition. `of`: which one is meant, where there are several."""
    if voice.get("status") != Status.READY:
        raise FailedPrecondition(f"This voice{of} is not ready yet; please wait until it is, or record it again.")


def _default_voice(asked: Asked) -> Fields:
    """The built-in voice: everybody's. Without a `profileKey` it is the engine's own."""
    configured = asked.settings.default_voice
    if configured == ENGINES_OWN:
        return {"name": DEFAULT_VOICE_NAME}
    voice = asked.read(f"{VOICE_PROFILES}/{configured}") if configured else None
    if voice is None or voice.get("status") != Status.READY:
        raise FailedPrecondition("There is no built-in voice here. Please record one, and choose it as the voice.")
    return voice


def _cast_voice(asked: Asked, user_id: str, name: str, voice_id: str) -> Fields:
    voice = _ready_voice(asked, user_id, voice_id, f" for {name} in `cast`")
    return {"voiceId": voice_id, "profileKey": voice.get("profileKey"), "name": voice.get("name")}


def _charge(asked: Asked, user_id: str, characters: int) -> tuple[Fields, Charge]:
    return arithmetic.charge(asked.read(f"{QUOTAS}/{user_id}"), asked.limit, characters, asked.now)


_LIMITS: dict[str, Callable[[Settings], Limit]] = {
    VOICE_PROFILES: quotas.clone_limit,
    documents.AUDIO_REQUESTS: quotas.narrate_limit,
}
_JUDGES = {VOICE_PROFILES: _judge_voice_profile, documents.AUDIO_REQUESTS: _judge_audio_request}
