"""Voices: listed, made of a recording, fetched, deleted. `/api/voices` as the first system had it, `/voices` as the
second."""

from __future__ import annotations

import base64
from typing import Any

from werkzeug.wrappers import Response

from backend import erasing, submitting, voices
from backend.api.reading import Upload
from backend.api.routes.parts import SOUND, epoch, link, sound, webhook_of
from backend.api.routing import AUDIO_BODY, CLIENTS, INTERNAL, KILOBYTE, Call, Reply, Routes
from backend.api.schemas.common import Deleted, JobMetadata, PageQuery, Queued, VoiceName
from backend.api.schemas.voices import (
    CLONE_EXAMPLE,
    MAX_PROFILE_BYTES,
    CloneVoice,
    OneLanguageQuery,
    SaveVoice,
    VoiceForm,
    VoiceInfo,
    VoiceList,
    VoiceProfileFile,
    VoiceQuery,
    VoiceQueued,
    VoiceSample,
    VoiceSaved,
)
from backend.listing import Page
from backend.submitting import NewVoice
from jobs import keys
from jobs.documents import Status
from jobs.errors import InvalidArgument, NotFound

routes = Routes("Voices")
Fields = dict[str, Any]
_SAMPLE_BYTES = 5 * 2**20


# ── as the first system had them ─────────────────────────────────────────────────────────────────────────────────────


@routes.get("/api/voices", doors=CLIENTS, answers={200: VoiceList})
def list_voices(call: Call, query: VoiceQuery) -> VoiceList:
    """The user's voices, newest first, after the built-in one."""
    page = voices.listed(
        call.services,
        call.user_id,
        limit=query.limit,
        cursor=query.cursor,
        language=query.language,
        is_kids_voice=query.is_kids_voice,
    )
    return _list(call, page, query.language, query.is_kids_voice)


@routes.get("/api/voices/by-language/<language>", doors=CLIENTS, answers={200: VoiceList})
def list_voices_by_language(call: Call, language: str, query: OneLanguageQuery) -> VoiceList:
    """The user's voices of one language."""
    same = VoiceQuery(language=language, is_kids_voice=query.is_kids_voice, limit=query.limit, cursor=query.cursor)
    return list_voices(call, same)


@routes.get("/api/voices/<voice_id>/profile", doors=CLIENTS, answers={200: VoiceProfileFile})
def get_voice_profile(call: Call, voice_id: VoiceName) -> VoiceProfileFile:
    """The voice's profile: a safetensors file in base64."""
    key = voices.file_of(call.services, call.user_id, voice_id, "profileKey")
    content = call.services.objects().read(key, max_bytes=MAX_PROFILE_BYTES)
    return VoiceProfileFile(voice_id=voice_id, profile_base64=base64.b64encode(content).decode())


@routes.get("/api/voices/<voice_id>/sample", doors=CLIENTS, answers={200: SOUND, 206: SOUND, 416: None})
def get_voice_sample(call: Call, voice_id: VoiceName) -> Response:
    """Two sentences in the voice."""
    return sound(call, voices.file_of(call.services, call.user_id, voice_id, "sampleKey"))


@routes.get("/api/voices/<voice_id>/sample/base64", doors=CLIENTS, answers={200: VoiceSample})
def get_voice_sample_base64(call: Call, voice_id: VoiceName) -> VoiceSample:
    """The same in base64."""
    key = voices.file_of(call.services, call.user_id, voice_id, "sampleKey")
    content = call.services.objects().read(key, max_bytes=_SAMPLE_BYTES)
    return VoiceSample(voice_id=voice_id, audio_base64=base64.b64encode(content).decode())


@routes.post(
    "/api/voices/clone",
    doors=INTERNAL,
    answers={202: Queued},
    costs="clone",
    max_body=AUDIO_BODY,
    examples={"A recording in base64": CLONE_EXAMPLE},
)
def clone_voice(call: Call, body: CloneVoice) -> Queued:
    """Have a voice made of a recording, for the user whom `user_id` names. Both its id and its name then name it."""
    voice = NewVoice(
        voice_id=call.new_id(),
        recording=body.audio_data,
        extension=body.audio_format,
        said=_said(body.name, body.language, body.is_kids_voice, body.model_type),
        consent={"speaker": body.consent.speaker, "statement": body.consent.statement} if body.consent else None,
        webhook_url=webhook_of(call, body.webhook_url),
    )
    job_id = submitting.submit_voice(call.services, call.user_id, voice)
    return Queued(metadata=JobMetadata(job_id=job_id, voice_id=voice.voice_id))


@routes.post(
    "/api/voices/save",
    doors=INTERNAL,
    answers={200: VoiceSaved, 202: VoiceSaved},
    examples={"A voice that was made": {"voice_id": "voice_myid"}},
)
def save_voice(call: Call, body: SaveVoice) -> VoiceSaved | Reply:
    """Whether a voice's files are kept. The worker keeps them itself; nothing has to be brought back any more."""
    voice_id, voice = voices.find(call.services, call.user_id, body.voice_id)
    shown = _info(call, voice_id, voice)
    if voice.get("status") == Status.READY:
        return VoiceSaved(status="success", voice=shown)
    return Reply(VoiceSaved(status="queued", voice=shown), 202)


# ── as the second system had them ────────────────────────────────────────────────────────────────────────────────────


@routes.get("/voices", doors=CLIENTS, answers={200: VoiceList})
def list_own_voices(call: Call, query: PageQuery) -> VoiceList:
    """The user's voices, newest first, after the built-in one."""
    return list_voices(call, VoiceQuery(limit=query.limit, cursor=query.cursor))


@routes.post("/voices", doors=CLIENTS, answers={202: VoiceQueued}, costs="clone", max_body=AUDIO_BODY)
def create_voice(call: Call, form: VoiceForm) -> VoiceQueued:
    """Have a voice made of a recording, which is a file of the form."""
    upload, extension = _recording(form)
    consent = None
    if (form.consent_speaker is None) != (form.consent_statement is None):
        raise InvalidArgument("Give both `consent_speaker` and `consent_statement`, or neither.")
    if form.consent_statement is not None:
        consent = {"speaker": form.consent_speaker, "statement": form.consent_statement}
    voice = NewVoice(
        voice_id=call.new_id(),
        recording=upload.stream.read(),
        extension=extension,
        said=_said(form.name, form.language, form.is_kids_voice, form.model_type),
        consent=consent,
        webhook_url=webhook_of(call, form.webhook_url),
    )
    job_id = submitting.submit_voice(call.services, call.user_id, voice)
    metadata = JobMetadata(job_id=job_id, voice_id=voice.voice_id)
    return VoiceQueued(voice_id=voice.voice_id, name=form.name, metadata=metadata)


@routes.delete("/voices/<voice_id>", doors=CLIENTS, answers={200: Deleted}, max_body=KILOBYTE)
def delete_voice(call: Call, voice_id: VoiceName) -> Deleted:
    """Delete a voice, its recordings, and every story told in it."""
    if voice_id == keys.DEFAULT_VOICE:
        raise NotFound("There is no such voice of yours.")
    try:
        found, _ = voices.find(call.services, call.user_id, voice_id)
    except NotFound:  # deleted by the same call before, perhaps
        if not keys.is_usable_id(voice_id):
            raise
        found = voice_id
    erased = erasing.delete_voice(call.services, call.user_id, {"voiceId": found})["erased"]
    return Deleted(id=found, erased=erased)


@routes.delete("/api/voices/<voice_id>", doors=CLIENTS, answers={200: Deleted}, max_body=KILOBYTE)
def delete_api_voice(call: Call, voice_id: VoiceName) -> Deleted:
    """The same, beside the first system's paths."""
    return delete_voice(call, voice_id)


# ── from documents to shapes ─────────────────────────────────────────────────────────────────────────────────────────


def _list(call: Call, page: Page, language: str | None, is_kids_voice: bool | None) -> VoiceList:
    shown = [_info(call, voice_id, voice) for voice_id, voice in page.items]
    return VoiceList(
        voices=shown,
        language=language,
        is_kids_voice=is_kids_voice,
        total=len(shown),
        next_cursor=page.next_cursor,
    )


def _info(call: Call, voice_id: str, voice: Fields) -> VoiceInfo:
    return VoiceInfo(
        voice_id=voice_id,
        name=str(voice.get("name", "")),
        sample_file=link(call, voice.get("sampleKey")),
        embedding_file=link(call, voice.get("profileKey")),
        created_date=epoch(voice.get("createdAt")),
        language=str(voice.get("language", "")),
        is_kids_voice=bool(voice.get("isKidsVoice")),
        status=str(voice.get("status", "")),
        clones=voice.get("clones"),
    )


def _said(name: str, language: str, is_kids_voice: bool, model_type: str | None) -> Fields:
    said: Fields = {"name": name, "language": language, "isKidsVoice": is_kids_voice}
    return said if model_type is None else {**said, "modelType": model_type}


def _recording(form: VoiceForm) -> tuple[Upload, str]:
    """The one file of the form, and what its name, or else its type, says that it is."""
    given = [upload for upload in (form.audio_file, form.file, form.audio) if upload is not None]
    if len(given) != 1:
        raise InvalidArgument("Give one recording as a file, named `audio_file`.")
    (upload,) = given
    if not 0 < upload.size <= keys.MAX_RECORDING_BYTES:
        raise InvalidArgument(f"The recording must have 1 byte to {keys.MAX_RECORDING_BYTES // 2**20} MB.")
    named = upload.filename.rpartition(".")[2].lower()
    extensions = set(keys.RECORDING_TYPES.values())
    extension = named if named in extensions else keys.RECORDING_TYPES.get(upload.content_type, "")
    if not extension:
        raise InvalidArgument(f"The recording must be a file of one of these kinds: {', '.join(sorted(extensions))}.")
    return upload, extension
