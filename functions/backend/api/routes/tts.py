"""Stories told in a voice, as the first system had them: asked for by internal services, listed and fetched by apps."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from backend import erasing, narrations, submitting
from backend.api.routes.parts import SOUND, epoch, link, sound, webhook_of
from backend.api.routing import CLIENTS, INTERNAL, KILOBYTE, PROFILE_BODY, Call, Reply, Routes
from backend.api.schemas.common import Deleted, JobMetadata, Queued
from backend.api.schemas.tts import (
    GENERATE_EXAMPLE,
    FileId,
    Generate,
    Generation,
    GenerationList,
    GenerationQuery,
    GenerationSaved,
    SaveGeneration,
    StoryAudio,
    StoryList,
    StoryQuery,
)
from backend.submitting import NewNarration
from jobs.documents import Status
from jobs.errors import FailedPrecondition, NotFound

routes = Routes("Stories")
Fields = dict[str, Any]


@routes.post(
    "/api/tts/generate",
    doors=INTERNAL,
    answers={202: Queued},
    costs="narrate",
    max_body=PROFILE_BODY,
    examples={"A story of the app": GENERATE_EXAMPLE},
)
def generate_story(call: Call, body: Generate) -> Queued:
    """Have a text told in a voice, for the user whom `user_id` names. The story gets the sound as a new version."""
    narration = NewNarration(
        audio_id=call.new_id(),
        voice_id=body.voice_id,
        said=_said(body),
        story_id=body.story_id,
        story_type=body.story_type,
        profile=body.profile_base64,
        is_kids_voice=body.is_kids_voice,
        webhook_url=webhook_of(call, body.webhook_url),
    )
    job_id = submitting.submit_narration(call.services, call.user_id, narration)
    return Queued(metadata=JobMetadata(job_id=job_id, audio_id=narration.audio_id))


@routes.post(
    "/api/tts/save",
    doors=INTERNAL,
    answers={200: GenerationSaved, 202: GenerationSaved},
    examples={"A story that was told": {"file_id": "n7dd3vikqo27mjwozrdt2q3xcq"}},
)
def save_generation(call: Call, body: SaveGeneration) -> GenerationSaved | Reply:
    """Whether a generation's sound is kept. The worker keeps it itself; nothing has to be brought back any more."""
    narration = narrations.find(call.services, call.user_id, body.file_id)
    shown = _generation(call, body.file_id, narration)
    if narration.get("status") == Status.READY:
        return GenerationSaved(status="success", generation=shown)
    return Reply(GenerationSaved(status="queued", generation=shown), 202)


@routes.get("/api/tts/generations", doors=CLIENTS, answers={200: GenerationList})
def list_generations(call: Call, query: GenerationQuery) -> GenerationList:
    """The user's stories that can be heard, newest first."""
    page = narrations.listed(
        call.services,
        call.user_id,
        limit=query.limit,
        cursor=query.cursor,
        language=query.language,
        story_type=query.story_type,
    )
    shown = [_generation(call, file_id, narration) for file_id, narration in page.items]
    return GenerationList(generations=shown, total=len(shown), next_cursor=page.next_cursor)


@routes.get("/api/tts/generations/<file_id>/audio", doors=CLIENTS, answers={200: SOUND, 206: SOUND, 416: None})
def get_generation_audio(call: Call, file_id: FileId) -> Response:
    """The sound."""
    narration = _ready(call, file_id)
    return sound(call, narrations.audio_key(call.user_id, narration))


@routes.delete("/api/tts/generations/<file_id>", doors=CLIENTS, answers={200: Deleted}, max_body=KILOBYTE)
def delete_generation(call: Call, file_id: FileId) -> Deleted:
    """Delete a narration with everything made for it. The story of an app stays, without this version."""
    narration_id = narrations.usable_id(file_id)
    erased = erasing.delete_narration(call.services, call.user_id, {"requestId": narration_id})["erased"]
    return Deleted(id=file_id, erased=erased)


@routes.get("/api/tts/stories/<language>", doors=CLIENTS, answers={200: StoryList})
def list_stories(call: Call, language: str, query: StoryQuery) -> StoryList:
    """The user's stories that can be heard in a language, newest first."""
    page = narrations.listed(
        call.services,
        call.user_id,
        limit=query.limit,
        cursor=query.cursor,
        language=language,
        story_type=query.story_type,
    )
    shown = [_generation(call, file_id, narration) for file_id, narration in page.items]
    return StoryList(
        language=language,
        story_type=query.story_type,
        stories=shown,
        total=len(shown),
        next_cursor=page.next_cursor,
    )


@routes.get("/api/tts/stories/<language>/<story_type>/<file_id>/audio", doors=CLIENTS, answers={200: StoryAudio})
def get_story_audio(call: Call, language: str, story_type: str, file_id: FileId) -> StoryAudio:
    """A URL of the sound, which anybody who has it can play until it expires."""
    narration = _ready(call, file_id)
    of_type = narration.get("storyType", narrations.USERS_OWN)
    if (narration.get("language"), of_type) != (language, story_type):
        raise NotFound("There is no such narration.")
    key = narrations.audio_key(call.user_id, narration)
    return StoryAudio(file_id=file_id, audio_url=call.services.links().url(key))


def _ready(call: Call, file_id: str) -> Fields:
    narration = narrations.find(call.services, call.user_id, file_id)
    if narration.get("status") != Status.READY:
        raise FailedPrecondition("This narration is not ready yet.")
    return narration


def _said(body: Generate) -> Fields:
    """As an app would write it. What was not said is left out."""
    said = {
        "language": body.language,
        "text": body.text,
        "format": body.audio_format,
        "speed": body.speed,
        "pitch": body.pitch,
        "exaggeration": body.exaggeration,
        "cfgWeight": body.cfg_weight,
        "temperature": body.temperature,
        "seed": body.seed,
        "cast": body.cast,
    }
    return {name: value for name, value in said.items() if value is not None}


def _generation(call: Call, file_id: str, narration: Fields) -> Generation:
    return Generation(
        file_id=file_id,
        story_id=str(narration.get("storyId", "")),
        story_type=str(narration.get("storyType", narrations.USERS_OWN)),
        voice_id=str(narration.get("voiceId", "")),
        language=str(narration.get("language", "")),
        audio_format=str(narration.get("format", "mp3")),
        audio_url=link(call, narration.get("audioKey")),
        duration_seconds=narration.get("durationSeconds"),
        created_date=epoch(narration.get("createdAt")),
        status=str(narration.get("status", "")),
    )
