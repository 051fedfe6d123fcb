"""Requests made by a call instead of a document: the same document, written by the server; the trigger does the rest.

createVoiceProfile {voiceId, name, language, isKidsVoice, recordingKey, consent, modelType?}  → {voiceId, path}
requestStoryAudio  {requestId, storyId, voiceId, language, text?, format?, speed?, …}         → {requestId, path}
cancelRequest      {requestId} | {voiceId}                                                    → {path, status}

The id is the caller's choice, so a call whose answer was lost is simply made again: the same content under the same id
is the same request. What a client may not say (whose it is, when it was made, how it stands) is no field of a call.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from google.cloud import firestore
from msgspec import Struct, structs

from backend import cancelling
from backend.identity import owned
from backend.services import Services
from jobs import documents, transactions
from jobs.documents import AUDIO_REQUESTS, STORIES, VOICE_PROFILES, Id, Status, validate
from jobs.errors import AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, RetryableError
from jobs.transition import SERVER_TIME

log = logging.getLogger(__name__)
Fields = dict[str, Any]
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SERVERS = frozenset({"userId", "status", "createdAt"})


def _call_of(id_field: str, shape: type[Struct]) -> type[Struct]:
    """The shape of the call that makes such a document: the id, and every field that is the client's to say."""
    fields = [field for field in structs.fields(shape) if field.encode_name not in _SERVERS]
    required = [(field.name, field.type) for field in fields if field.required]
    optional = [(field.name, field.type, field.default) for field in fields if not field.required]
    return msgspec.defstruct(
        f"Call{shape.__name__}",
        [(id_field, Id), *required, *optional],
        frozen=True,
        kw_only=True,
        rename="camel",
        forbid_unknown_fields=True,
    )


def _clients(shape: type[Struct]) -> frozenset[str]:
    return frozenset(shape.__struct_encode_fields__) - _SERVERS


_CLIENTS = {VOICE_PROFILES: _clients(documents.VoiceProfileRequest), AUDIO_REQUESTS: _clients(documents.AudioRequest)}
CreateVoiceProfile = _call_of("voice_id", documents.VoiceProfileRequest)
RequestStoryAudio = _call_of("request_id", documents.AudioRequest)


class CancelRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    request_id: Id | None = None
    voice_id: Id | None = None


def create_voice_profile(services: Services, user_id: str, data: Any) -> Fields:
    fields = _fields(_with_moment(data), CreateVoiceProfile)
    voice_id = fields.pop("voiceId")
    documents.validate_voice_profile(_whole(fields, user_id, services.store().clock()))
    path = f"{VOICE_PROFILES}/{voice_id}"
    _create(services, path, user_id, fields)
    return {"voiceId": voice_id, "path": path}


def request_story_audio(services: Services, user_id: str, data: Any) -> Fields:
    fields = _fields(data, RequestStoryAudio)
    request_id = fields.pop("requestId")
    documents.validate_audio_request(_whole(fields, user_id, services.store().clock()))
    path = f"{AUDIO_REQUESTS}/{request_id}"
    needs = {f"{STORIES}/{fields['storyId']}": "story", f"{VOICE_PROFILES}/{fields['voiceId']}": "voice"}
    _create(services, path, user_id, fields, needs)
    return {"requestId": request_id, "path": path}


def cancel_request(services: Services, user_id: str, data: Any) -> Fields:
    """As a client's own write of `cancelled`; and the job is stopped at once, not when reconcile comes by."""
    wanted = validate(data, CancelRequest)
    if (wanted.request_id is None) == (wanted.voice_id is None):
        raise InvalidArgument("Give either `requestId` or `voiceId`.")
    if wanted.request_id is not None:
        path, what = f"{AUDIO_REQUESTS}/{wanted.request_id}", "audio request"
    else:
        path, what = f"{VOICE_PROFILES}/{wanted.voice_id}", "voice"
    job_id = _take_back(services, path, user_id, what)
    if job_id is not None:
        try:
            cancelling.cancel(services, job_id)
        except Conflict:
            log.info("cancelled already", extra={"jobId": job_id})
        except RetryableError as error:
            log.warning("left to reconcile: %s", error.code, extra={"jobId": job_id})
    return {"path": path, "status": Status.CANCELLED}


def _take_back(services: Services, path: str, user_id: str, what: str) -> str | None:
    """The request's status becomes `cancelled`; returns its job if it has one. Repeated, it changes nothing."""
    reference = services.firestore().document(path)

    def take_back(transaction: firestore.Transaction) -> str | None:
        request = owned(transactions.read_within(transaction, reference), user_id, what)
        if request.get("status") in {Status.READY, Status.FAILED}:
            raise FailedPrecondition(f"This {what} is finished already; there is nothing left to cancel.")
        if request.get("status") != Status.CANCELLED:
            transaction.update(reference, {"status": Status.CANCELLED})
        return request.get("jobId") if request.get("jobActive") else None

    return transactions.run(services.firestore(), take_back)


def _create(services: Services, path: str, user_id: str, fields: Fields, needs: Mapping[str, str] = _NOTHING) -> None:
    """Create the document, or find that it is there already. `needs`: documents that must be the user's, and what each
    is called. Raises NotFound for one that is not, AlreadyExists when something else lies at `path`."""
    client = services.firestore()
    reference = client.document(path)

    def create(transaction: firestore.Transaction) -> None:
        found = transactions.read_within(transaction, reference)
        if found is not None:
            said = {name: found[name] for name in _CLIENTS[path.partition("/")[0]] & found.keys()}
            if found.get("userId") != user_id or said != fields:
                raise AlreadyExists("This id has been used before for something else; please use a new one.")
            return
        for needed, what in needs.items():
            owned(transactions.read_within(transaction, client.document(needed)), user_id, what)
        transaction.create(reference, _whole(fields, user_id, SERVER_TIME))

    transactions.run(client, create)


def _fields(data: Any, shape: type[Struct]) -> Fields:
    """What was said, by name; nothing of it is unknown or of a wrong type. A null says nothing."""
    said = {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data
    validate(said, shape)
    return dict(said)


def _whole(fields: Fields, user_id: str, now: object) -> Fields:
    """The document as an app would write it."""
    return {**fields, "userId": user_id, "status": Status.PENDING, "createdAt": now}


def _with_moment(data: Any) -> Any:
    """JSON has no times: `consent.acceptedAt` comes as ISO 8601. What cannot be read is left for validation to name."""
    consent = data.get("consent") if isinstance(data, dict) else None
    if not isinstance(consent, dict) or not isinstance(consent.get("acceptedAt"), str):
        return data
    try:
        return {**data, "consent": {**consent, "acceptedAt": datetime.fromisoformat(consent["acceptedAt"])}}
    except ValueError:
        return data
