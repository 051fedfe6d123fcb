"""What the two kinds of job do once they are claimed: clone a voice, narrate a story. All they have is a `Tools`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gpu_job import recordings
from gpu_job.engines.profile import MAX_BYTES, VoiceProfile
from gpu_job.engines.protocol import Engine, Speech, SpeechParameters
from gpu_job.lease import Lease
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.encoding import AudioWriter, Format, format_named
from gpu_job.narration.pieces import Piece, split
from gpu_job.storage import Bucket
from jobs import keys
from jobs.errors import FailedPrecondition, InvalidArgument, InvalidRecording, NotFound
from jobs.model import Job, Kind
from jobs.store import Progress

Fields = dict[str, Any]
PROFILE_TYPE = "application/octet-stream"
SAMPLE_FORMAT = "mp3"
SAMPLE_TEXT = "Once upon a time, there was a voice that knew every story. Close your eyes, and listen."


@dataclass(frozen=True)
class Output:
    """What a job leaves: fields of its request, a story's audio version, what it used."""

    request: Fields
    version: Fields | None = None
    usage: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Spoken:
    """A text as a file in the job's folder."""

    path: Path
    format: Format
    seconds: float
    pieces: int


@dataclass(frozen=True)
class Tools:
    """What a job works with. `uploaded` are the keys that it has written so far, to be deleted if it is stopped."""

    engine: Engine
    bucket: Bucket
    folder: Path
    lease: Lease
    public_base_url: str = ""
    uploaded: list[str] = field(default_factory=list)

    def upload(self, path: Path, key: str, content_type: str) -> None:
        """Upload under the lease: whoever has been fenced out learns it here, before anything is written."""
        self.lease.check()
        self.uploaded.append(key)
        self.bucket.upload(path, key, content_type)


def clone(job: Job, tools: Tools) -> Output:
    """A voice profile of a recording, and a sample of it. Raises InvalidRecording with the reason."""
    wanted = job.input
    _require_model(wanted.get("modelType"), tools.engine)
    tools.lease.report(Progress(0, 3, "fetching"))
    recording = recordings.decode(_fetch_recording(tools, wanted["recordingKey"]))
    quality = recordings.examine(recording)
    tools.lease.report(Progress(1, 3, "cloning"))
    profile = tools.engine.clone(recording, language=wanted["language"], quality=quality)
    tools.lease.report(Progress(2, 3, "speaking"))
    sample = _speak(tools, SAMPLE_TEXT, profile, SpeechParameters(), SAMPLE_FORMAT)
    profile_path = tools.folder / "profile.safetensors"
    profile_path.write_bytes(profile.to_bytes())

    def key(name: str) -> str:
        return keys.voice(job.user_id, wanted["voiceId"], job.id, job.attempt, name)

    profile_key, sample_key = key("profile.safetensors"), key(f"sample.{sample.format.extension}")
    tools.upload(profile_path, profile_key, PROFILE_TYPE)
    tools.upload(sample.path, sample_key, sample.format.content_type)
    request = {
        "profileKey": profile_key,
        "sampleKey": sample_key,
        "model": profile.model,
        "clones": profile.clones,
        "quality": quality.as_document(),
        "progress": _done(3),
    }
    return Output(request=request, usage={"recordingSeconds": round(recording.seconds, 3)})


def narrate(job: Job, tools: Tools) -> Output:
    """The story as one file. Memory does not grow with its length: one piece is held at a time."""
    wanted = job.input
    if wanted["language"] not in tools.engine.languages:
        raise InvalidArgument(
            f"This voice speaks {', '.join(tools.engine.languages)}; choose one of these as `language`."
        )
    tools.lease.report(Progress(0, 0, "fetching"))
    profile = VoiceProfile.from_bytes(tools.bucket.get_bytes(wanted["profileKey"], max_bytes=MAX_BYTES))
    _require_model(profile.model, tools.engine)
    parameters = _parameters(wanted["parameters"])
    spoken = _speak(tools, wanted["text"], profile, parameters, wanted["format"], tools.lease.report)
    name = f"audio.{spoken.format.extension}"
    audio_key = keys.story(job.user_id, wanted["storyId"], job.id, job.attempt, name)
    tools.upload(spoken.path, audio_key, spoken.format.content_type)
    made: Fields = {"audioKey": audio_key, "durationSeconds": round(spoken.seconds, 3)}
    if tools.public_base_url:
        made["audioUrl"] = f"{tools.public_base_url.rstrip('/')}/{quote(audio_key)}"
    version = {
        **made,
        "id": job.id,
        "voiceId": wanted["voiceId"],
        "voiceName": wanted["voiceName"],
        "language": wanted["language"],
        "createdAt": datetime.now(UTC),
    }
    return Output(
        request={**made, "progress": _done(spoken.pieces)},
        version=version,
        usage={"audioSeconds": round(spoken.seconds, 3)},
    )


TASKS: Mapping[Kind, Callable[[Job, Tools], Output]] = {Kind.CLONE: clone, Kind.NARRATE: narrate}


def _speak(  # noqa: PLR0917
    tools: Tools,
    text: str,
    profile: VoiceProfile,
    parameters: SpeechParameters,
    format_name: str,
    report: Callable[[Progress], None] = lambda _: None,
) -> Spoken:
    audio_format = format_named(format_name)
    pieces = split(text, max_characters=tools.engine.max_characters)
    report(Progress(0, len(pieces), "speaking"))
    path = tools.folder / f"spoken.{audio_format.extension}"
    speech = tools.engine.speak([piece.text for piece in pieces], profile, parameters)
    with AudioWriter(path, format_name) as writer:
        for done, block in enumerate(Assembly(_paired(pieces, speech)), start=1):
            writer.write(block)
            report(Progress(done, len(pieces), "speaking" if done < len(pieces) else "uploading"))
    return Spoken(path, audio_format, writer.seconds, len(pieces))


def _done(total: int) -> Fields:
    return {"done": total, "total": total, "stage": "done"}


def _paired(pieces: Sequence[Piece], speech: Iterator[Speech]) -> Iterator[tuple[Piece, Speech]]:
    for spoken in speech:
        yield pieces[spoken.index], spoken


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


def _require_model(model: str | None, engine: Engine) -> None:
    if model is not None and model != engine.name:
        raise FailedPrecondition(
            f"The model {model} is not served here (this is {engine.name}): "
            f"create the voice with modelType {engine.name}, or deploy a worker that has {model}."
        )


def _parameters(wanted: Fields) -> SpeechParameters:
    return SpeechParameters(
        speed=wanted["speed"],
        pitch=wanted["pitch"],
        exaggeration=wanted.get("exaggeration"),
        cfg_weight=wanted.get("cfgWeight"),
        temperature=wanted.get("temperature"),
        seed=wanted.get("seed"),
    )
