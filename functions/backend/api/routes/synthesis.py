"""Speech and its sound, as the second system had them."""

from __future__ import annotations

import math
from typing import Any

from werkzeug.wrappers import Response

from backend import narrations, submitting
from backend.api.answering import Problem
from backend.api.routes.parts import POLL_SECONDS, SOUND, iso, link, sound, webhook_of
from backend.api.routes.tts import delete_generation
from backend.api.routing import CLIENTS, KILOBYTE, Call, Reply, Routes
from backend.api.schemas.common import Deleted, JobMetadata, error_of, progress_of
from backend.api.schemas.synthesis import (
    SYNTHESIZE_EXAMPLE,
    AudioInfo,
    AudioPending,
    SoundQuery,
    Synthesis,
    Synthesize,
)
from backend.api.schemas.tts import FileId
from backend.submitting import NewNarration
from jobs.documents import Status

routes = Routes("Speech")
Fields = dict[str, Any]


@routes.post(
    "/synthesize",
    doors=CLIENTS,
    answers={202: Synthesis},
    costs="narrate",
    examples={"In the built-in voice": SYNTHESIZE_EXAMPLE},
)
def synthesize(call: Call, body: Synthesize) -> Synthesis:
    """Have a text spoken. The answer comes at once; GET /audio/{audio_id} waits for the sound."""
    said = {
        "text": body.text,
        "language": body.language,
        "format": body.format,
        "speed": body.speed,
        "pitch": round(12 * math.log2(body.pitch), 6),
    }
    narration = NewNarration(
        audio_id=call.new_id(),
        voice_id=body.voice_id,
        said=said,
        webhook_url=webhook_of(call, body.webhook_url),
    )
    job_id = submitting.submit_narration(call.services, call.user_id, narration)
    return Synthesis(
        audio_id=narration.audio_id,
        audio_url=f"/audio/{narration.audio_id}",
        metadata=JobMetadata(job_id=job_id, audio_id=narration.audio_id),
    )


@routes.get(
    "/audio/<audio_id>",
    doors=CLIENTS,
    answers={200: SOUND, 206: SOUND, 202: AudioPending, 409: Problem, 416: None},
)
def get_audio(call: Call, audio_id: FileId, query: SoundQuery) -> Response | Reply:
    """The sound. 202 while it is being made, after having waited for it for `wait` seconds; 409 with the reason where
    it failed."""
    narration = call.services.watcher().until(
        lambda: narrations.find(call.services, call.user_id, audio_id),
        lambda found: found.get("status") in Status.TERMINAL,
        query.wait,
    )
    status = str(narration.get("status"))
    if status == Status.READY:
        return sound(call, narrations.audio_key(call.user_id, narration))
    if status in Status.TERMINAL:
        return Reply(_failure(narration), 409)
    pending = AudioPending(status=status, audio_id=audio_id, progress=progress_of(narration.get("progress")))
    return Reply(pending, 202, {"Retry-After": str(POLL_SECONDS)})


@routes.get("/audio/<audio_id>/info", doors=CLIENTS, answers={200: AudioInfo})
def get_audio_info(call: Call, audio_id: FileId) -> AudioInfo:
    """What is known of a narration, and where its files are."""
    narration = narrations.find(call.services, call.user_id, audio_id)
    failed = narration.get("status") == Status.FAILED
    return AudioInfo(
        audio_id=audio_id,
        status=str(narration.get("status", "")),
        voice_id=str(narration.get("voiceId", "")),
        story_id=str(narration.get("storyId", "")),
        language=str(narration.get("language", "")),
        format=str(narration.get("format", "mp3")),
        created_at=str(iso(narration.get("createdAt"))),
        duration_seconds=narration.get("durationSeconds"),
        progress=progress_of(narration.get("progress")),
        error=error_of(narration.get("error")) if failed else None,
        download_url=link(call, narration.get("audioKey")),
        timings_url=link(call, narration.get("timingsKey")),
        captions_url=link(call, narration.get("captionsKey")),
        job_id=narration.get("jobId"),
    )


@routes.delete("/audio/<audio_id>", doors=CLIENTS, answers={200: Deleted}, max_body=KILOBYTE)
def delete_audio(call: Call, audio_id: FileId) -> Deleted:
    """Delete a narration with everything made for it."""
    return delete_generation(call, audio_id)


def _failure(narration: Fields) -> Problem:
    error = error_of(narration.get("error"))
    if error is None:
        return Problem(detail="This narration was cancelled.", code="cancelled", retryable=False)
    return Problem(detail=error.message, code=error.code, retryable=error.retryable)
