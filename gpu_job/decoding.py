"""The child process that decodes an untrusted recording: `python -m gpu_job.decoding LIMITS < recording > samples`.

    worker ──── the file as stdin, limits as JSON ────▶ this process: limits itself, then imports the decoder
           ◀─── float32 samples on stdout, a Verdict as exit status ────

Decoders of media are where hostile files do their harm, so they run here: without the worker's environment (its
keys), with bounds on CPU time, memory and output that the kernel keeps, and reading nothing but stdin. FFmpeg gets a
Python file object, so it knows no path; every protocol is off, so a file cannot refer to another; and only plain
audio containers and codecs are tried, so a playlist is not a recording.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import resource
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from gpu_job.audio import Samples

CONTAINERS = ("wav", "w64", "mp3", "aac", "mov", "ogg", "flac", "matroska", "webm", "amr", "caf", "aiff")
_PCM = [kind + order for kind in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")]
_COMPRESSED = [
    "aac",
    "alac",
    "amrnb",
    "amrwb",
    "flac",
    "mp3",
    "mp3float",
    "opus",
    "vorbis",
    "adpcm_ms",
    "adpcm_ima_wav",
]
CODECS = frozenset([*_COMPRESSED, *(f"pcm_{kind}" for kind in [*_PCM, "alaw", "mulaw", "s8", "u8"])])
_SIGNATURES = (b"RIFF", b"RIFX", b"RF64", b"ID3", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3", b"#!AMR", b"caff", b"FORM")
_BAD_PACKETS = 0.1  # the share of packets that a recording may lose (a cut-off end) and still be one
_RATES = range(4_000, 384_001)  # Hz; outside, the header lies and resampling would blow it up
_MOST_CHANNELS = 8


class Verdict(enum.IntEnum):
    """The exit status. Python's own failures exit with 1 and 2, and signals read as negative: neither is here."""

    DECODED = 0
    WRONG_TYPE = 10  # not one of CONTAINERS, or a codec that is not in CODECS
    BROKEN = 11  # one of them by its first bytes, but it cannot be read
    NO_SOUND = 12  # a film without sound
    EMPTY = 13  # a sound track of no length
    TOO_LONG = 14
    NOT_NUMBERS = 15  # NaN or infinity among the samples
    TOO_COSTLY = 16  # more memory than it may have


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a recording may cost. The defaults are the product's."""

    max_bytes: int = 50_000_000
    max_seconds: float = 300.0
    wall_seconds: float = 60.0
    cpu_seconds: int = 30
    memory_bytes: int = 1 << 30  # address space, about 350 MB of it the interpreter's and the libraries' own
    rate: int = 24_000  # Hz, of the samples that come out


class Refused(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.name)
        self.verdict = verdict


def main() -> int:
    limits = Limits(**json.loads(sys.argv[1]))
    confine(limits)
    import av  # noqa: F401, PLC0415  (outside the try: that it cannot be imported is our fault, not the file's)
    import numpy as np  # noqa: F401, PLC0415

    try:
        samples = decode(sys.stdin.buffer, limits)
    except Refused as refused:
        if refused.__cause__ is not None:
            print(repr(refused.__cause__), file=sys.stderr)  # noqa: T201  (the worker logs it)
        return refused.verdict
    except MemoryError:
        return Verdict.TOO_COSTLY
    except Exception:  # noqa: BLE001  (whatever a hostile file provokes is the file's fault; the parent logs it)
        traceback.print_exc()
        return Verdict.BROKEN
    sys.stdout.buffer.write(samples.tobytes())
    return Verdict.DECODED


def confine(limits: Limits) -> None:
    """Hand the bounds to the kernel. Before the decoder is imported, so that they hold for all of it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # stdout is a pipe; nothing else needs writing
    # SIGXCPU at the soft limit tells the parent why; SIGKILL a second later, should the decoder have caught it.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    if sys.platform == "linux":  # macOS has no working RLIMIT_AS; there the length and the wall time bound the memory
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def decode(file: BinaryIO, limits: Limits) -> Samples:
    """Mono samples at `limits.rate`, shape (n,), within [-1, 1]. Raises Refused, MemoryError, or the decoder's own."""
    import numpy as np  # noqa: PLC0415  (after confine, as is av)

    head = file.peek(12)[:12] if hasattr(file, "peek") else b""
    blocks: list[Samples] = []
    length = 0
    for block in _blocks(file, head, limits):
        length += len(block)
        if length > limits.max_seconds * limits.rate:
            raise Refused(Verdict.TOO_LONG)
        if not np.isfinite(block).all():
            raise Refused(Verdict.NOT_NUMBERS)
        blocks.append(np.clip(block, -1.0, 1.0))
    if not length:
        raise Refused(Verdict.EMPTY)
    return np.concatenate(blocks)


def _blocks(file: BinaryIO, head: bytes, limits: Limits) -> Iterator[Samples]:
    import av  # noqa: PLC0415
    import av.error  # noqa: PLC0415

    allowed = {
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(CODECS),
        "protocol_whitelist": "none",
    }
    try:
        container = av.open(file, options=allowed, metadata_errors="replace")
    except av.error.MemoryError as error:
        raise MemoryError from error
    except (av.error.FFmpegError, ValueError) as error:
        raise Refused(Verdict.BROKEN if _is_familiar(head) else Verdict.WRONG_TYPE) from error
    with container:
        if not container.streams.audio:
            raise Refused(Verdict.NO_SOUND)
        stream = container.streams.audio[0]
        if stream.codec_context.name not in CODECS:
            raise Refused(Verdict.WRONG_TYPE)
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="fltp", rate=limits.rate)
        for frame in _frames(container, stream, limits):
            for resampled in resampler.resample(frame):
                yield _mixed(resampled)
        for resampled in resampler.resample(None):
            yield _mixed(resampled)


def _frames(container: Any, stream: Any, limits: Limits) -> Iterator[Any]:
    """Decoded frames, each plausible, together not longer than may be. Loses a few unreadable packets, not many."""
    import av.error  # noqa: PLC0415

    packets = bad = 0
    seconds = 0.0
    for packet in container.demux(stream):
        packets += 1
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            bad += 1
            continue
        for frame in frames:
            if frame.sample_rate not in _RATES or not 1 <= len(frame.layout.channels) <= _MOST_CHANNELS:
                raise Refused(Verdict.BROKEN)
            seconds += frame.samples / frame.sample_rate
            if seconds > limits.max_seconds:
                raise Refused(Verdict.TOO_LONG)  # before the resampler turns it into memory
            yield frame
    if bad > 1 and bad > packets * _BAD_PACKETS:
        raise Refused(Verdict.BROKEN)


def _mixed(frame: Any) -> Samples:
    """The mean of a frame's channels. (FFmpeg's own mix to mono adds 3 dB, so that loud stereo would clip.)"""
    planes: Samples = frame.to_ndarray()  # (channels, n)
    mono: Samples = planes.mean(axis=0, dtype=planes.dtype)
    return mono


def _is_familiar(head: bytes) -> bool:
    """Whether the first 12 bytes are those of a format that we take: then the file is damaged, else something else."""
    is_mpeg_frame = len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return head.startswith(_SIGNATURES) or head[4:8] == b"ftyp" or is_mpeg_frame


if __name__ == "__main__":
    sys.exit(main())
