"""A story told: from its plan to a file, a stream, timings and captions, in one pass over its pieces.

    plan ▸ speaker ─ piece by piece ─▶ assembly ▸ block ─┬▶ audio file
                                                         ├▶ stream (segments and playlist, while it goes on)
                                                         ├▶ timings.json
                                                         └▶ captions.vtt

Memory does not grow with the story, but for the texts: a window of pieces and one segment are held at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from gpu_job.chunks import Chunks
from gpu_job.engines.profile import MAX_BYTES, VoiceProfile
from gpu_job.engines.protocol import SpeechParameters
from gpu_job.marked import require_mark
from gpu_job.narration import captions, timings
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.captions import Captions
from gpu_job.narration.encoding import AudioWriter, format_named
from gpu_job.narration.plan import Plan, plan
from gpu_job.narration.retakes import Quality
from gpu_job.narration.segments import PLAYLIST_NAME
from gpu_job.narration.tags import Tags
from gpu_job.narration.tempo import Delivery
from gpu_job.narration.timings import Timings, timed
from gpu_job.speaking import Speaker, Voice
from gpu_job.streaming import Stream
from gpu_job.tools import Fields, Tools
from jobs import keys
from jobs.errors import FailedPrecondition, Internal, InvalidArgument, NotFound
from jobs.model import Job
from jobs.store import Progress

_HEARD_WITHIN_SECONDS = 6 * 3600  # after that, there is the whole file
_TIMINGS_NAME = "timings.json"
_CAPTIONS_NAME = "captions.vtt"


@dataclass(frozen=True)
class Narration:
    """What has been made of a story: fields for its request and its version, and what it took."""

    fields: Fields
    quality: Fields
    pieces: int
    usage: dict[str, float] = field(default_factory=dict)


def tell(job: Job, tools: Tools) -> Narration:
    """Speak the job's text and upload what there is to hear and to read along with.

    Raises InvalidArgument with what is wrong with the text, FailedPrecondition where a voice is another model's.
    """
    wanted = job.input
    engine = tools.engine
    if wanted["language"] not in engine.languages:
        raise InvalidArgument(f"This voice speaks {', '.join(engine.languages)}; choose one of these as `language`.")
    parameters = _parameters(wanted["parameters"])
    planned = plan(
        wanted["text"],
        wanted["language"],
        max_characters=engine.max_characters,
        cast=wanted.get("cast") or {},
        pronunciations=wanted.get("pronunciations"),
    )
    voices = _voices(job, planned, parameters, tools)
    return _Telling(job, tools, planned).run(voices, parameters)


class _Telling:
    """One run over the pieces. The names of its objects are those of the job's attempt."""

    def __init__(self, job: Job, tools: Tools, planned: Plan) -> None:
        self._job = job
        self._tools = tools
        self._plan = planned
        self._format = format_named(job.input["format"])
        self._path: Path = tools.folder / f"audio.{self._format.extension}"
        given = job.input["parameters"]
        delivery = Delivery(speed=given["speed"], pitch=given["pitch"])
        self._assembly = Assembly(delivery, watermark=tools.engine.watermark)
        self._timings = Timings(planned.language)
        self._captions = Captions(job.input["text"])
        self._quality = Quality()

    def run(self, voices: dict[str | None, Voice], parameters: SpeechParameters) -> Narration:
        total = len(self._plan.pieces)
        self._tools.lease.report(Progress(0, total, "speaking"))
        with (
            Stream(self._put, self._show, address=self._address) as stream,
            AudioWriter(self._path, self._format.name, tags=self._tags()) as writer,
            Speaker(self._tools.engine, voices, parameters, self._tools.recogniser) as speaker,
        ):
            for index, told in enumerate(speaker.speak(self._plan.pieces)):
                if not told.found:
                    self._quality.add(index, told.kept)
                if told.kept.speech is not None:
                    block = self._assembly.add(
                        told.kept.speech,
                        pause_before_seconds=told.piece.pause_before_seconds,
                        pause_after_seconds=told.piece.pause_after_seconds,
                    )
                    writer.write(block.samples)
                    stream.write(block.samples)
                    piece = timed(told.piece, block)
                    self._timings.add(piece)
                    self._captions.add(piece)
                stage = "speaking" if index + 1 < total else "uploading"
                self._tools.lease.report(Progress(index + 1, total, stage))
            if not self._assembly.seconds:
                raise Internal("The voice gave no sound for any part of the story. Please try again.")
            stream.close()
        require_mark(self._path, self._tools.engine.watermark)
        seconds = round(self._assembly.seconds, 3)
        usage = {
            "audioSeconds": seconds,
            "gpuSeconds": round(speaker.engine_seconds, 3),
            "pieces": float(total),
            "piecesReused": float(speaker.found),
        }
        return Narration({**self._uploaded(), "durationSeconds": seconds}, self._quality.as_document(), total, usage)

    def _show(self) -> None:
        """The beginning can be heard: the app learns where."""
        self._tools.lease.show(self._location(PLAYLIST_NAME, "playlist"))

    def _uploaded(self) -> Fields:
        """Upload the files; where everything lies."""
        self._tools.upload(self._path, self._key(self._path.name), self._format.content_type)
        seconds = self._assembly.seconds
        self._put(self._timings.as_json(seconds=seconds), _TIMINGS_NAME, timings.CONTENT_TYPE)
        self._put(self._captions.as_vtt().encode(), _CAPTIONS_NAME, captions.CONTENT_TYPE)
        return {
            **self._location(self._path.name, "audio"),
            **self._location(PLAYLIST_NAME, "playlist"),
            "timingsKey": self._key(_TIMINGS_NAME),
            "captionsKey": self._key(_CAPTIONS_NAME),
        }

    def _key(self, name: str) -> str:
        return keys.story(self._job.user_id, self._job.input["storyId"], self._job.id, self._job.attempt, name)

    def _location(self, name: str, what: str) -> Fields:
        """`{what}Key`, and `{what}Url` where the bucket has a public domain."""
        key = self._key(name)
        base = self._tools.public_base_url.rstrip("/")
        return {f"{what}Key": key, **({f"{what}Url": f"{base}/{quote(key)}"} if base else {})}

    def _address(self, name: str) -> str:
        """What the playlist calls a file beside it. Signed for as long as it takes to tell a story and hear it."""
        if self._tools.public_base_url:
            return name
        return self._tools.bucket.signed_url(self._key(name), seconds=_HEARD_WITHIN_SECONDS)

    def _put(self, data: bytes, name: str, content_type: str, cache_control: str | None = None) -> None:
        self._tools.put(data, self._key(name), content_type, cache_control)

    def _tags(self) -> Tags:
        wanted = self._job.input
        return Tags(wanted.get("title") or "", wanted.get("voiceName") or "", wanted["language"])


def _voices(job: Job, planned: Plan, parameters: SpeechParameters, tools: Tools) -> dict[str | None, Voice]:
    """Everybody who has something to say; each profile is fetched once, however many names it has.

    Whatever language a voice was recorded in, it speaks the story's here.
    """
    people: dict[str | None, Fields] = {None: job.input, **(job.input.get("cast") or {})}
    loaded: dict[str, Voice] = {}
    voices: dict[str | None, Voice] = {}
    for name in sorted(planned.voices, key=lambda name: name or ""):
        person = people[name]
        voice_id = person["voiceId"]
        if voice_id not in loaded:
            profile = replace(_profile(person["profileKey"], tools), language=planned.language)
            pieces = keys.pieces_in_default_voice(job.user_id) if voice_id == keys.DEFAULT_VOICE else voice_id
            loaded[voice_id] = Voice(profile, Chunks(tools.bucket, pieces, tools.engine, profile, parameters))
        voices[name] = loaded[voice_id]
    return voices


def _profile(key: str | None, tools: Tools) -> VoiceProfile:
    """Without a key: the engine's own voice, where it has one."""
    if key is None:
        own = tools.engine.own_voice
        if own is None:
            raise FailedPrecondition("This service has no voice of its own. Record one, and choose it as the voice.")
        return own
    try:
        profile = VoiceProfile.from_bytes(tools.bucket.get_bytes(key, max_bytes=MAX_BYTES))
    except NotFound as error:
        raise FailedPrecondition("This voice's profile is gone. Create the voice again.") from error
    tools.require_model(profile.model)
    return profile


def _parameters(wanted: Fields) -> SpeechParameters:
    return SpeechParameters(
        exaggeration=wanted.get("exaggeration"),
        cfg_weight=wanted.get("cfgWeight"),
        temperature=wanted.get("temperature"),
        min_p=wanted.get("minP"),
        top_p=wanted.get("topP"),
        repetition_penalty=wanted.get("repetitionPenalty"),
        seed=wanted.get("seed"),
    )
