"""Sound into files, block by block, by PyAV.

with AudioWriter(path, "mp3", tags=Tags(title="The Lion and the Mouse", voice="Mum", language="en")) as writer:
    for piece in pieces:
        writer.write(assembly.add(...).samples)
writer.seconds, writer.format.content_type
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from gpu_job.audio import SPEECH_RATE, Samples
from gpu_job.narration.tags import Tags, iso_639_2
from jobs.errors import InvalidArgument


@dataclass(frozen=True)
class Format:
    """How a file of this kind is made: FFmpeg's names of container and encoder, and what the bucket says that it is."""

    name: str
    content_type: str
    container: str
    codec: str
    bit_rate: int | None = None  # bit/s; None where the codec is lossless
    container_options: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)
    gain: float = 1.0  # what the samples are multiplied by beforehand, because the encoder does not keep the level

    @property
    def extension(self) -> str:
        return self.name


# 64 kbit/s for one voice at 24 kHz: MP3's own ceiling of quality there; AAC and Opus need less for the same.
# LAME works at 0.95 of the level that it is given. Its level 7 takes half the time of its usual one and is as near to
# the original (32 dB of signal to noise against 28); of FFmpeg's AAC, the fast coder is nearer (36 dB against 27).
# ID3 2.3 is what every player reads. M4A is playable before it is all there.
FORMATS = {
    made.name: made
    for made in (
        Format(
            "mp3",
            "audio/mpeg",
            "mp3",
            "libmp3lame",
            64_000,
            {"id3v2_version": "3"},
            {"compression_level": "7"},
            1 / 0.95,
        ),
        Format("m4a", "audio/mp4", "ipod", "aac", 64_000, {"movflags": "+faststart"}, {"aac_coder": "fast"}),
        Format("opus", "audio/ogg", "ogg", "libopus", 40_000),
        Format("flac", "audio/flac", "flac", "flac"),
        Format("wav", "audio/wav", "wav", "pcm_s16le"),
    )
}


def format_named(name: str) -> Format:
    """Raises InvalidArgument that lists the valid names."""
    if name not in FORMATS:
        raise InvalidArgument(f"The format {name[:20]!r} is not offered; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


class AudioWriter:
    """A mono file that grows as sound comes. Leaves no half-written file behind where an exception ends the block.

    The length that players show is exact to a millisecond: MP3 gets a LAME header with the encoder's delay and
    padding, MP4 an edit list, Opus its pre-skip. It is written on closing, so the path must be on a real disk, not a
    pipe.
    """

    def __init__(self, path: Path, format_name: str, *, tags: Tags | None = None, rate: int = SPEECH_RATE) -> None:
        self.format = format_named(format_name)
        self.rate = rate
        self._path = path
        self._length = 0
        self._container = av.open(str(path), "w", format=self.format.container, options=self.format.container_options)
        # Any: PyAV's types cannot know which kind of stream a codec's name makes.
        bit_rate: dict[str, Any] = {"bit_rate": self.format.bit_rate} if self.format.bit_rate else {}
        self._stream: Any = self._container.add_stream(
            self.format.codec, rate=rate, layout="mono", options=self.format.codec_options, **bit_rate
        )
        if tags is not None:
            self._container.metadata.update(tags.fields())
            if self.format.name == "m4a":  # it has room for a language only in its track, and for three letters
                self._stream.metadata["language"] = iso_639_2(tags.language)

    @property
    def seconds(self) -> float:
        """The length of what has been written."""
        return self._length / self.rate

    def write(self, samples: Samples) -> None:
        """Append samples, shape (n,), within [-1, 1]; n is any number. Raises ValueError on NaN or infinity."""
        if not len(samples):
            return
        if not np.isfinite(samples).all():
            raise ValueError("samples are not all numbers")
        scaled = np.asarray(samples * np.float32(self.format.gain))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(scaled[None, :]), format="fltp", layout="mono")
        frame.sample_rate = self.rate
        frame.pts = self._length
        self._length += len(samples)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for packet in self._stream.encode(None):
                self._container.mux(packet)
        self._container.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)
