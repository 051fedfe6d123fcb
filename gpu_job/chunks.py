"""Spoken pieces that are kept, so that none is paid for twice: chunks/{voiceId}/{digest}.flac in the bucket.

The digest is of everything that the sound depends on: what is spoken, the voice's profile, model and engine with their
versions, the parameters. So nothing is ever out of date; what has changed has another name. Two workers that make the
same piece at once do no harm: the first one's stays.

A chunk is lossless (FLAC, 16 bit), and carries the times of its words in a comment. What `keep` returns is the sound as
a later `find` will give it, so that a narration comes out the same, sample for sample, whether its pieces were spoken
for it or found.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import asdict
from typing import Any

import av
import msgspec
import numpy as np
import numpy.typing as npt

from gpu_job.audio import Audio
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Engine, Speech, SpeechParameters, SpokenWord
from gpu_job.storage import Bucket
from jobs import keys
from jobs.errors import NotFound, StoryvoiceError

log = logging.getLogger(__name__)
FORMAT = 1  # of what the digest is made of and of the file; another one finds nothing of this one's
CONTENT_TYPE = "audio/flac"
MAX_BYTES = 20_000_000  # minutes of speech; a piece is seconds
_WORDS = "WORDS"


class Chunks:
    """The kept pieces of one voice, spoken with these parameters. Thread-safe.

    Keeping is a saving and never a need: where the bucket does not answer, or what lies there is damaged, `find` finds
    nothing and `keep` keeps nothing, and the log says so. Neither raises.
    """

    def __init__(
        self, bucket: Bucket, voice_id: str, engine: Engine, profile: VoiceProfile, parameters: SpeechParameters
    ) -> None:
        self._bucket = bucket
        self._voice_id = voice_id
        self._rate = engine.sample_rate
        self._depends_on = {
            "format": FORMAT,
            "profile": _identity(profile),
            "engine": [engine.name, engine.engine_version, engine.model_version, engine.sample_rate],
            "parameters": asdict(parameters),
        }

    def key(self, spoken: str) -> str:
        """Where the piece that says this lies, or will."""
        everything = msgspec.json.encode({**self._depends_on, "spoken": spoken}, order="deterministic")
        return keys.chunk(self._voice_id, hashlib.sha256(everything).hexdigest())

    def find(self, key: str, index: int) -> Speech | None:
        """The piece that was kept under this key, as number `index` of a narration."""
        try:
            samples, words = decoded(self._bucket.get_bytes(key, max_bytes=MAX_BYTES))
        except NotFound:
            return None
        except StoryvoiceError as error:
            log.warning("a kept piece cannot be had: %s", error.code)
            return None
        except Exception:
            log.exception("a kept piece is damaged")
            return None
        return Speech(index, Audio.of_samples16(samples, self._rate), words)

    def keep(self, key: str, speech: Speech) -> None:
        try:
            self._bucket.put_bytes(encoded(speech), key, CONTENT_TYPE, only_if_absent=True)
        except StoryvoiceError as error:
            log.warning("a piece cannot be kept: %s", error.code)
        except Exception:
            log.exception("a piece cannot be kept")


def _identity(profile: VoiceProfile) -> list[Any]:
    """What of a profile can be heard. Not its file: safetensors writes its metadata in another order every time."""
    tensors = [
        [name, str(tensor.dtype), tensor.shape, hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()]
        for name, tensor in sorted(profile.tensors.items())
    ]
    return [profile.model, profile.model_version, profile.engine_version, profile.language, profile.clones, tensors]


def as_kept(speech: Speech) -> Speech:
    """With the sound that the file will have: 16 bit a sample."""
    return Speech(speech.index, Audio.of_samples16(speech.audio.samples16, speech.audio.rate), speech.words)


def encoded(speech: Speech) -> bytes:
    """A FLAC file with the words' times in a comment."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        container.metadata[_WORDS] = msgspec.json.encode(speech.words).decode()
        stream: Any = container.add_stream("flac", rate=speech.audio.rate, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray(speech.audio.samples16[None, :], format="s16", layout="mono")
        frame.sample_rate = speech.audio.rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def decoded(file: bytes) -> tuple[npt.NDArray[np.int16], tuple[SpokenWord, ...]]:
    """Raises av.FFmpegError, msgspec.DecodeError or ValueError where it is not what `encoded` makes."""
    with av.open(io.BytesIO(file), "r", format="flac") as container:
        words = msgspec.json.decode(container.metadata.get(_WORDS, "[]"), type=tuple[SpokenWord, ...])
        length = container.streams.audio[0].duration
        blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    if not blocks or blocks[0].dtype != np.int16:
        raise ValueError("not 16 bit a sample")
    if sum(map(len, blocks)) != length:  # cut between two of FLAC's frames, which FFmpeg does not mind
        raise ValueError("not all of it is there")
    return np.concatenate(blocks), words
