"""A narration is heard in a browser while it is still being made: hls.js in headless Chromium, in real time."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Samples
from gpu_job.decoding import Limits, decode
from gpu_job.narration.segments import (
    INIT_NAME,
    PLAYLIST_NAME,
    PLAYLIST_TYPE,
    SEGMENT_SECONDS,
    SEGMENT_TYPE,
    Playlist,
    Segmenter,
)
from localcloud.cloud import ROOT
from tests.browser.heard import pauses
from tests.browser.player import HEARD_RATE, Player, Report, play
from tests.npm import needs_node

pytestmark = needs_node
LEAD_SILENCE = SPEECH_RATE // 10  # as the assembly gives
JOIN_SECONDS = 0.02  # more than that between two segments is a gap
PACKET_SECONDS = 1024 / SPEECH_RATE
FAST = 4.0  # times as fast as it was spoken: where only what happens counts, not what is heard
INTO = 0.2  # seconds of a segment that have been played, when more is published
LENGTHS = (1.0, 2.0, 4.0)  # seconds; the first playlist names one segment here, a harder case than the worker's


class Narration:
    """Speech in segments, published one by one on an origin of its own. Every page may read there (CORS), as on R2."""

    def __init__(self, speech: Samples, *, lengths: tuple[float, ...] = SEGMENT_SECONDS) -> None:
        segmenter = Segmenter(lengths=lengths)
        self.segments = [*segmenter.write(speech), *segmenter.close()]
        self.parts = np.split(speech, np.cumsum([round(each.seconds * SPEECH_RATE) for each in self.segments])[:-1])
        self.seconds = sum(segment.seconds for segment in self.segments)
        self.published = 0
        self._playlist = Playlist()
        self._objects = {INIT_NAME: segmenter.init}

    def publish(self, count: int = 1) -> None:
        """The next `count` segments, and the end with the last one."""
        for segment in self.segments[self.published : self.published + count]:
            self._objects[segment.name] = segment.data
            self._playlist.add(segment)
            self.published += 1
        if self.published == len(self.segments):
            self._playlist.close()
        self._objects[PLAYLIST_NAME] = self._playlist.text().encode()

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """The URL of its playlist."""
        objects = self._objects

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                data = objects.get(name)
                self.send_response(404 if data is None else 200)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Type", PLAYLIST_TYPE if name == PLAYLIST_NAME else SEGMENT_TYPE)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/{PLAYLIST_NAME}"
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def speech() -> Samples:
    with (ROOT / "assets" / "recording.flac").open("rb") as file:
        return np.concatenate([np.zeros(LEAD_SILENCE, np.float32), decode(file, Limits())])


def test_a_narration_is_heard_while_it_grows(speech: Samples) -> None:
    narration = Narration(speech, lengths=LENGTHS)
    first = narration.segments[0]
    narration.publish()
    with narration.served() as url, Player(url) as player:
        report = player.until(lambda report: report.time > INTO, "sound from the first segment")
        assert segments_known(report) == [1]
        narration.publish(2)  # from here on as a worker that is faster than the listener: one segment ahead
        player.until(lambda report: report.time > first.seconds + INTO, "sound from the second segment")
        narration.publish()
        report = player.until(Report.is_over, "the end")

    check_course(report, narration)
    assert segments_known(report) == [1, 3, 4]
    # hls.js asks again when the only segment's length has gone by since it asked first, so the answer comes when that
    # segment is about to end: there a busy machine may make it pause for a moment. If this test was too slow to have
    # published by then, hls.js waits for half the target duration before it asks once more. Nowhere else it pauses.
    asked_in_vain = [moment.details["segments"] for moment in report.of("playlist")].count(1) - 1
    first_pause, *others = pauses(narration.parts, report.heard)
    assert first_pause < (0.5 + asked_in_vain * max(LENGTHS) / 2) * HEARD_RATE
    assert others == [0, 0]
    check_waits(report, at=first.seconds)


def test_a_segment_that_comes_late_is_waited_for(speech: Samples) -> None:
    narration = Narration(speech[: 4 * SPEECH_RATE], lengths=(1.0, 3.0))
    edge = narration.segments[0].seconds
    narration.publish()
    with narration.served() as url, Player(url) as player:
        player.until(lambda report: bool(report.waits), "the end of what there is")
        narration.publish(len(narration.segments))
        report = player.until(Report.is_over, "the end")

    check_course(report, narration)
    first_pause, *others = pauses(narration.parts, report.heard)
    assert first_pause > 0
    assert not any(others)
    check_waits(report, at=edge)


def test_who_comes_later_hears_it_from_its_beginning_too(speech: Samples) -> None:
    narration = Narration(np.tile(speech, 4))  # far longer than what players keep behind the end of anything live
    narration.publish(len(narration.segments) - 1)
    with narration.served() as url, Player(url) as player:
        report = player.until(lambda report: bool(report.of("playing")), "sound")
    assert report.of("playlist")[0].details["isOpen"]
    [began] = report.of("playing")
    assert began.time < narration.segments[0].seconds
    assert report.of("seeking") == []


def test_a_finished_narration_is_played_from_its_beginning(speech: Samples) -> None:
    narration = Narration(speech[: 4 * SPEECH_RATE])
    narration.publish(len(narration.segments))
    with narration.served() as url:
        report = play(url)
    check_course(report, narration)
    assert report.errors == []
    assert not any(pauses(narration.parts, report.heard))


def test_a_hole_in_a_narration_is_noticed(speech: Samples) -> None:
    narration = Narration(speech)
    del narration.segments[1]
    narration.publish(len(narration.segments))
    with narration.served() as url, Player(url, rate=FAST) as player:
        report = player.until(lambda report: report.is_over() or bool(report.errors), "the end, or an error")
    assert report.errors
    with pytest.raises(AssertionError):
        check_course(report, narration)


def segments_known(report: Report) -> list[int]:
    """How many segments the player has found in the playlist, each time that there were more."""
    return sorted({moment.details["segments"] for moment in report.of("playlist")})


def is_near(time: float, edge: float) -> bool:
    """Whether a player that plays up to an edge would wait here: some hold the last packet back."""
    return edge - PACKET_SECONDS <= time <= edge + JOIN_SECONDS


def check_waits(report: Report, *, at: float) -> None:
    """It has waited nowhere else, and has called nothing else an error."""
    assert all(is_near(moment.time, at) for moment in (*report.waits, *report.errors))
    assert {moment.details["details"] for moment in report.errors} <= {"bufferStalledError"}


def check_course(report: Report, narration: Narration) -> None:
    """From zero to the end in one go: no seeking, no gap, and as long as the playlist says."""
    assert all(before.time <= after.time for before, after in pairwise(report.moments))
    assert report.of("seeking") == []
    assert len(report.of("ended")) == 1
    for moment in report.moments:
        assert len(moment.buffered) <= 1, moment
        assert all(start <= JOIN_SECONDS for start, _ in moment.buffered), moment
    last = report.moments[-1]
    assert last.buffered[0][1] == pytest.approx(narration.seconds, abs=JOIN_SECONDS)
    assert last.duration == pytest.approx(narration.seconds, abs=0.05)
    assert last.time == pytest.approx(narration.seconds, abs=0.05)
