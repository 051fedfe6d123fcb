"""A narration as HTTP Live Streaming (RFC 8216), to be heard while the rest is still being spoken.

    samples ─▶ one AAC encoder ─▶ packets ─▶ init.mp4  seg_00000.m4s  seg_00001.m4s  …   and a playlist that names them

segmenter, playlist = Segmenter(), Playlist()
upload(INIT_NAME, segmenter.init)
for block in narration:
    for segment in segmenter.write(block):
        upload(segment.name, segment.data)
        playlist.add(segment)
        upload(PLAYLIST_NAME, playlist.text())       # and once more after close()

Segments are fragments of one MP4 (CMAF), which AVPlayer, ExoPlayer and hls.js all take. One encoder makes them all, so
nothing is heard where they meet. The same samples give the same bytes however they are cut into blocks: a worker that
takes over feeds the finished pieces again and publishes the same segments, in a fraction of a second per minute.

Time zero is the first sample. An AAC encoder begins with a packet that only carries what comes before it (1,024
samples of silence); players differ in whether they skip that, so it is left out. A decoder then lacks one half of the
first frame's overlap: the first 43 ms must be silence, as the assembly sees to.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from gpu_job.audio import SPEECH_RATE, Samples

INIT_NAME = "init.mp4"
PLAYLIST_NAME = "playlist.m3u8"
SEGMENT_TYPE = "audio/mp4"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"

SEGMENT_SECONDS = (1.0, 1.0, 2.0, 4.0)  # the first ones short, to be heard soon; the last one's length for all others
_BIT_RATE = 64_000
_FRAME = 1024  # samples in an AAC packet
_SYNC_SAMPLE = 0x02000000  # ISO 14496-12, 8.8.3.1: depends on no other sample


@dataclass(frozen=True, eq=False)
class Segment:
    """A finished part of the narration; `seconds` is exactly what it lasts."""

    number: int
    data: bytes
    seconds: float

    @property
    def name(self) -> str:
        return f"seg_{self.number:05d}.m4s"


class Segmenter:
    """Samples in, finished segments out. Holds less than one segment."""

    def __init__(self, *, rate: int = SPEECH_RATE, lengths: tuple[float, ...] = SEGMENT_SECONDS) -> None:
        self._rate = rate
        self._lengths = lengths
        header = io.BytesIO()
        # FFmpeg writes the header (ftyp, moov) and encodes; the packets never go back to its muxer.
        container = av.open(header, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof+cmaf"})
        self._stream: Any = container.add_stream(
            "aac", rate=rate, layout="mono", bit_rate=_BIT_RATE, options={"aac_coder": "fast"}
        )
        container.start_encoding()
        self._container = container
        self.init = header.getvalue()
        self._fed = 0
        self._packets: list[bytes] = []
        self._sent = 0  # packets that lie in finished segments
        self._segments = 0
        self._is_primed = False

    def write(self, samples: Samples) -> list[Segment]:
        """The segments that these samples, shape (n,) within [-1, 1], complete; mostly none or one."""
        if not len(samples):
            return []
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, :]), format="fltp", layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._fed
        self._fed += len(samples)
        return list(self._finished(self._stream.encode(frame)))

    def close(self) -> list[Segment]:
        """What is left. Nothing can be written afterwards."""
        finished = list(self._finished(self._stream.encode(None)))
        if self._packets:
            finished.append(self._take(len(self._packets)))
        self._container.close()  # left to the collector of cycles, encoders add up from story to story
        return finished

    def _finished(self, packets: Iterable[Any]) -> Iterator[Segment]:
        for packet in packets:
            if self._is_primed:
                self._packets.append(bytes(packet))
            self._is_primed = True
            wanted = round(self._lengths[min(self._segments, len(self._lengths) - 1)] * self._rate / _FRAME)
            if len(self._packets) >= max(1, wanted):
                yield self._take(len(self._packets))

    def _take(self, count: int) -> Segment:
        data = _fragment(self._segments + 1, self._sent * _FRAME, self._packets[:count])
        segment = Segment(self._segments, data, count * _FRAME / self._rate)
        del self._packets[:count]
        self._sent += count
        self._segments += 1
        return segment


class Playlist:
    """An EVENT playlist: it only ever grows, until it is closed, so that a player may hold on to what it has read.

    URIs are absolute or relative to the playlist; by default a file lies beside it, at its name.
    """

    def __init__(self, *, longest_seconds: float = max(SEGMENT_SECONDS), init_uri: str = INIT_NAME) -> None:
        self._init_uri = init_uri
        self._target = max(1, math.ceil(longest_seconds))
        self._entries: list[str] = []
        self._is_closed = False
        self.seconds = 0.0

    def add(self, segment: Segment, *, uri: str = "") -> None:
        self._entries.append(f"#EXTINF:{segment.seconds:.6f},\n{uri or segment.name}")
        self.seconds += segment.seconds

    def close(self) -> None:
        """Say that there is nothing to wait for."""
        self._is_closed = True

    def text(self) -> str:
        """As it stands. Without EXT-X-START players would begin near the end, as they do with anything live."""
        head = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{self._target}",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
            f'#EXT-X-MAP:URI="{self._init_uri}"',
        ]
        return "\n".join([*head, *self._entries, *(["#EXT-X-ENDLIST"] if self._is_closed else []), ""])


def _fragment(sequence: int, starts_at: int, packets: list[bytes]) -> bytes:
    """One movie fragment (ISO 14496-12, 8.8): `starts_at` is the decode time of its first packet, in samples."""
    sizes = b"".join(struct.pack(">I", len(packet)) for packet in packets)

    def movie_fragment(data_offset: int) -> bytes:
        track_run = _full_box(b"trun", 0x000201, struct.pack(">Ii", len(packets), data_offset) + sizes)
        track_header = _full_box(b"tfhd", 0x020028, struct.pack(">III", 1, _FRAME, _SYNC_SAMPLE))
        decode_time = _full_box(b"tfdt", 0, struct.pack(">Q", starts_at), version=1)
        header = _full_box(b"mfhd", 0, struct.pack(">I", sequence))
        return _box(b"moof", header + _box(b"traf", track_header + decode_time + track_run))

    media_header_size = 8
    offset = len(movie_fragment(0)) + media_header_size  # from the fragment's first byte to the first packet's
    segment_type = _box(b"styp", b"msdh" + struct.pack(">I", 0) + b"msdhcmfs")
    return segment_type + movie_fragment(offset) + _box(b"mdat", b"".join(packets))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full_box(kind: bytes, flags: int, content: bytes, *, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
