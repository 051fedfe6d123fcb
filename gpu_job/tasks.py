"""What the two kinds of job do once they are claimed: clone a voice, narrate a story. All they have is a `Tools`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gpu_job import recordings
from gpu_job.sample import FORMAT as SAMPLE_FORMAT
from gpu_job.sample import speak_sample
from gpu_job.telling import tell
from gpu_job.tools import Fields, Tools
from jobs import keys
from jobs.errors import InvalidArgument, InvalidRecording, NotFound
from jobs.model import Job, Kind
from jobs.store import Progress

PROFILE_TYPE = "application/octet-stream"
# What of a narration the story's version has, beside the request.
_OF_THE_VERSION = (
    *("audioKey", "audioUrl", "playlistKey", "playlistUrl", "timingsKey", "captionsKey"),
    "durationSeconds",
)


@dataclass(frozen=True)
class Output:
    """What a job leaves: fields of its request, a story's audio version, what it used."""

    request: Fields
    version: Fields | None = None
    usage: dict[str, float] = field(default_factory=dict)


def clone(job: Job, tools: Tools) -> Output:
    """A voice profile of a recording, and a sample of it. Raises InvalidRecording with the reason."""
    wanted = job.input
    tools.require_model(wanted.get("modelType"))
    tools.lease.report(Progress(0, 3, "fetching"))
    recording = recordings.decode(_fetch_recording(tools, wanted["recordingKey"]))
    quality = recordings.examine(recording)
    tools.lease.report(Progress(1, 3, "cloning"))
    started = time.monotonic()
    profile = tools.engine.clone(recording, language=wanted["language"], quality=quality)
    tools.lease.report(Progress(2, 3, "speaking"))
    sample_path = speak_sample(tools.engine, profile, wanted["name"], tools.folder)
    gpu_seconds = time.monotonic() - started
    profile_path = tools.folder / "profile.safetensors"
    profile_path.write_bytes(profile.to_bytes())

    def key(name: str) -> str:
        return keys.voice(job.user_id, wanted["voiceId"], job.id, job.attempt, name)

    profile_key, sample_key = key(profile_path.name), key(sample_path.name)
    tools.upload(profile_path, profile_key, PROFILE_TYPE)
    tools.upload(sample_path, sample_key, SAMPLE_FORMAT.content_type)
    request = {
        "profileKey": profile_key,
        "sampleKey": sample_key,
        "model": profile.model,
        "clones": profile.clones,
        "quality": quality.as_document(),
        "progress": _done(3),
    }
    usage = {"recordingSeconds": round(recording.seconds, 3), "gpuSeconds": round(gpu_seconds, 3)}
    return Output(request=request, usage=usage)


def narrate(job: Job, tools: Tools) -> Output:
    """The story to be heard, while it is being told and afterwards; see telling.py."""
    wanted = job.input
    tools.lease.report(Progress(0, 0, "fetching"))
    told = tell(job, tools)
    version = {
        **{name: told.fields[name] for name in _OF_THE_VERSION if name in told.fields},
        "id": job.id,
        "voiceId": wanted["voiceId"],
        "voiceName": wanted["voiceName"],
        "language": wanted["language"],
        "createdAt": datetime.now(UTC),
    }
    request = {**told.fields, "quality": told.quality, "progress": _done(told.pieces)}
    return Output(request=request, version=version, usage=told.usage)


def prefix_of(job: Job) -> str:
    """Under which everything lies that the job's attempts have made."""
    if job.kind is Kind.CLONE:
        return keys.clone_of(job.user_id, job.input["voiceId"], job.id)
    return keys.narration_of(job.user_id, job.input["storyId"], job.id)


TASKS: Mapping[Kind, Callable[[Job, Tools], Output]] = {Kind.CLONE: clone, Kind.NARRATE: narrate}


def _done(total: int) -> Fields:
    return {"done": total, "total": total, "stage": "done"}


def _fetch_recording(tools: Tools, key: str) -> Path:
    path = tools.folder / "recording"
    try:
        tools.bucket.download(key, path, max_bytes=keys.MAX_RECORDING_BYTES)
    except NotFound as error:
        raise InvalidRecording("The recording was not uploaded. Upload it, then create the voice.") from error
    except InvalidArgument as error:
        limit = keys.MAX_RECORDING_BYTES // 2**20
        raise InvalidRecording(f"The recording is larger than {limit} MB. Send a shorter one.") from error
    return path
