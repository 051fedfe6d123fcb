"""A parent at a local cloud: a phone with a voice, that asks for stories, hears them begin, and sees what they took."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from google.cloud import firestore

from gpu_job.audio import frame_rms
from localcloud.bucket.owner import owner
from localcloud.cloud import BUCKET, CREDENTIALS
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import Fields, Phone, PhoneError, new_id
from tests.rules import uris_in

RECORDING = Path(__file__).parents[1] / "assets" / "recording.flac"
_AUDIBLE = 0.01  # RMS of a frame: -40 dBFS


@dataclass(frozen=True)
class Told:
    """A narration that is ready. `seconds`: from before its request was written until its listener heard of it."""

    request: Fields
    usage: dict[str, float]
    seconds: float

    @property
    def audio_seconds(self) -> float:
        return self.usage["audioSeconds"]

    @property
    def spoken(self) -> int:
        """Pieces that the engine had to speak; the others were found."""
        return int(self.usage["pieces"] - self.usage["piecesReused"])


class Listener:
    """Makes its voice when it is made. FIRESTORE_EMULATOR_HOST must be set."""

    def __init__(self, cloud: EmbeddedCloud) -> None:
        self._cloud = cloud
        self._bucket = owner(cloud.cloud.bucket.url, CREDENTIALS)
        self._database: Any = firestore.Client(project=cloud.endpoints.project)
        self.phone = Phone(cloud.endpoints)
        self.voice_id = new_id()
        key = self.phone.upload(self.voice_id, RECORDING.read_bytes(), "audio/flac")
        self._ready(self.phone.create_voice(self.voice_id, "Mum", key), seconds=120)

    def close(self) -> None:
        self.phone.close()
        self._database.close()

    def tell(self, text: str, **more: Any) -> Told:
        """A story of this text, told to its end. Raises PhoneError where it does not become ready."""
        story_id = self.phone.create_story("A long story", text)
        started = time.monotonic()
        path = self.phone.request_audio(story_id, self.voice_id, **more)
        request = self._ready(path, seconds=1200)
        seconds = time.monotonic() - started
        job: Fields = self._database.document(f"jobs/{request['jobId']}").get().to_dict()
        return Told(request, job["usage"], seconds)

    def seconds_to_first_audio(self, text: str) -> float:
        """From before the request is written until the first segment is decoded, as a phone gets it: by getAudioUrl.

        The story is then taken back, and the worker free again.
        """
        story_id = self.phone.create_story("A long story", text)
        started = time.monotonic()
        path = self.phone.request_audio(story_id, self.voice_id)
        versions = self.phone.watch(path, 60)
        if not any("playlistKey" in version for version in versions):
            raise PhoneError(f"{path} was over before there was anything to hear of it.")
        self._hear_first_segment(path.partition("/")[2])
        seconds = time.monotonic() - started
        self.phone.cancel(path)
        self._cloud.run(self._cloud.cloud.quiet())
        return seconds

    def object(self, key: str) -> bytes:
        """What lies in the bucket at this key."""
        content: bytes = self._bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def timings(self, told: Told) -> Fields:
        timings: Fields = json.loads(self.object(told.request["timingsKey"]))
        return timings

    def _hear_first_segment(self, request_id: str) -> None:
        """Raises AssertionError where there is none or nothing can be heard in it."""
        url = self.phone.call("getAudioUrl", {"requestId": request_id})["playlistUrl"]
        init, *segments = uris_in(self.phone.download(url).decode())
        assert segments, "the playlist names no segment"
        file = self.phone.download(init) + self.phone.download(segments[0])
        with av.open(io.BytesIO(file), "r") as container:
            rate = container.streams.audio[0].rate
            sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        assert frame_rms(sound, rate // 100).max() > _AUDIBLE, "the first segment is silent"

    def _ready(self, path: str, seconds: float) -> Fields:
        last = self.phone.finished(path, seconds)
        if last.get("status") != "ready":
            raise PhoneError(f"{path} is {last.get('status')}: {last.get('error')}")
        return last
