"""Live streaming: FFmpeg's own HLS client plays the segments over HTTP, also while they are still being made."""

from __future__ import annotations

import gc
import http.server
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.audio import SPEECH_RATE, Samples
from gpu_job.narration.segments import INIT_NAME, PLAYLIST_NAME, SEGMENT_SECONDS, Playlist, Segment, Segmenter

FRAME = 1024
EXTINF = re.compile(r"#EXTINF:([\d.]+),\n(\S+)")


def sound(seconds: float) -> Samples:
    """A rising tone, after 50 ms of silence as the assembly gives."""
    time = np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    made = (0.4 * np.sin(2 * np.pi * (200 + 40 * time) * time)).astype(np.float32)
    made[: SPEECH_RATE // 20] = 0.0
    return made


def segmented(samples: Samples, block: int = SPEECH_RATE) -> tuple[bytes, list[Segment]]:
    segmenter = Segmenter()
    made = [each for at in range(0, len(samples), block) for each in segmenter.write(samples[at : at + block])]
    return segmenter.init, made + segmenter.close()


class Bucket:
    """Objects by name, served over HTTP; `asked` counts how often each was fetched."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: dict[str, int] = {}
        self.on_asked = threading.Event()

    @contextmanager
    def served(self) -> Iterator[str]:
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                data = bucket.objects.get(name)
                bucket.asked[name] = bucket.asked.get(name, 0) + 1
                bucket.on_asked.set()
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{PLAYLIST_NAME}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def publish(self, playlist: Playlist, *segments: Segment) -> None:
        for segment in segments:
            self.objects[segment.name] = segment.data
            playlist.add(segment)
        self.objects[PLAYLIST_NAME] = playlist.text().encode()


def played(url: str) -> Samples:
    with av.open(url, timeout=30.0) as container:
        frames = list(container.decode(audio=0))
    assert frames[0].pts == 0
    assert {after - one for one, after in pairwise(frame.pts or 0 for frame in frames)} == {FRAME}
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


def likeness(heard: Samples, said: Samples) -> float:
    count = min(len(heard), len(said))
    return float(np.corrcoef(heard[:count], said[:count])[0, 1])


def test_what_is_played_is_what_was_said_at_its_time_without_a_gap() -> None:
    said = sound(21.3)
    bucket, playlist = Bucket(), Playlist()
    bucket.objects[INIT_NAME], segments = segmented(said)
    bucket.publish(playlist, *segments)
    playlist.close()
    bucket.publish(playlist)
    with bucket.served() as url:
        heard = played(url)
    assert 0 <= len(heard) - len(said) < FRAME
    assert likeness(heard, said) > 0.999


def test_it_is_played_while_it_grows() -> None:
    """The player has asked for the last segment that there is before the next one is made."""
    said = sound(6.0)
    bucket, playlist = Bucket(), Playlist(longest_seconds=1.0)
    segmenter = Segmenter(lengths=(0.5,))
    bucket.objects[INIT_NAME] = segmenter.init
    segments = [*segmenter.write(said), *segmenter.close()]
    heard: list[Samples] = []
    asked_before_it_was_whole = []
    bucket.publish(playlist, *segments[:3])
    with bucket.served() as url:
        player = threading.Thread(target=lambda: heard.append(played(url)))
        player.start()
        for at in range(3, len(segments), 3):
            while segments[at - 1].name not in bucket.asked:
                assert bucket.on_asked.wait(20.0), "the player stopped asking"
                bucket.on_asked.clear()
            asked_before_it_was_whole.append(at)
            bucket.publish(playlist, *segments[at : at + 3])
        playlist.close()
        bucket.publish(playlist)
        player.join(30.0)
    assert len(asked_before_it_was_whole) >= 3
    assert bucket.asked[PLAYLIST_NAME] > 2
    assert likeness(heard[0], said) > 0.999
    assert len(heard[0]) >= len(said)


def test_the_playlist_keeps_the_rules() -> None:
    """RFC 8216: 4.3.3.1 no duration rounds to more than the target; 6.2.1 nothing is ever changed but by appending."""
    playlist = Playlist()
    _, segments = segmented(sound(30.0))
    texts = [playlist.text()]
    for segment in segments:
        playlist.add(segment)
        texts.append(playlist.text())
    playlist.close()
    texts.append(playlist.text())
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert texts[-1].endswith("#EXT-X-ENDLIST\n")
    assert all("#EXT-X-ENDLIST" not in text for text in texts[:-1])
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in texts[0]
    assert "#EXT-X-START:TIME-OFFSET=0" in texts[0]
    target = int(re.findall(r"#EXT-X-TARGETDURATION:(\d+)", texts[-1])[0])
    entries = EXTINF.findall(texts[-1])
    assert all(round(float(seconds)) <= target for seconds, _ in entries)
    assert [name for _, name in entries] == [segment.name for segment in segments]
    assert sum(float(seconds) for seconds, _ in entries) == pytest.approx(playlist.seconds, abs=1e-4)
    assert 30.0 <= playlist.seconds < 30.0 + FRAME / SPEECH_RATE


def test_the_first_segment_is_short_and_none_is_too_long() -> None:
    _, segments = segmented(sound(30.0))
    lengths = [segment.seconds for segment in segments]
    assert lengths[:4] == pytest.approx(SEGMENT_SECONDS, abs=FRAME / SPEECH_RATE)
    assert max(lengths) <= max(SEGMENT_SECONDS) + FRAME / SPEECH_RATE
    assert all(segment.seconds * SPEECH_RATE % FRAME == pytest.approx(0.0, abs=1e-6) for segment in segments)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=12))
def test_the_same_samples_give_the_same_bytes_however_they_come(blocks: list[int]) -> None:
    """So a worker that takes over publishes what is published already, to the byte."""
    said = sound(sum(blocks) / SPEECH_RATE)
    segmenter = Segmenter()
    made: list[Segment] = []
    at = 0
    for block in blocks:
        made += segmenter.write(said[at : at + block])
        at += block
    made += segmenter.write(said[at:])
    made += segmenter.close()
    init, whole = segmented(said, len(said))
    assert segmenter.init == init
    assert [(each.name, each.seconds, each.data) for each in made] == [
        (each.name, each.seconds, each.data) for each in whole
    ]


def test_a_segment_is_given_as_soon_as_it_is_whole() -> None:
    segmenter = Segmenter()
    assert segmenter.write(np.zeros(0, np.float32)) == []
    assert [segment.number for segment in segmenter.write(sound(1.2))] == [0]
    assert segmenter.write(sound(0.5)) == []
    assert [segment.number for segment in segmenter.write(sound(0.8))] == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_is_closed_is_gone_without_the_collector_of_cycles() -> None:
    """FFmpeg gives every encoder threads; a worker that told six stories had ten more than before."""
    threads = Path("/proc/self/task")
    gc.collect()
    gc.disable()
    try:
        before = len(list(threads.iterdir()))
        for _ in range(3):
            segmenter = Segmenter()
            segmenter.write(np.zeros(SPEECH_RATE, np.float32))
            segmenter.close()
        del segmenter
        after = len(list(threads.iterdir()))
    finally:
        gc.enable()
    assert after == before


def test_nothing_said_is_nothing_to_play() -> None:
    assert Segmenter().close() == []
