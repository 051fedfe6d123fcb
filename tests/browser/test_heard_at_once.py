"""A narration is heard in a browser while it is still being made: hls.js in headless Chromium, in real time."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, Samples
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
from tests.browser.heard import silences
from tests.browser.player import HEARD_RATE, Player, Report, play
from tests.npm import needs_node

pytestmark = needs_node
LEAD_SILENCE = SPEECH_RATE // 10  # as the assembly gives
JOIN_SECONDS = 0.02  # more than that between two segments is a gap
INTO = 0.2  # seconds of a segment that have been played, when more is published


class Narration:
    """Speech in segments, published one by one on an origin of its own, which lets every page read (CORS), as R2 must."""

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
    narration = Narration(speech)
    first, second = narration.segments[:2]
    narration.publish()
    with narration.served() as url, Player(url) as player:
        report = player.until(lambda report: report.time > INTO, "sound from the first segment")
        assert segments_known(report) == [1]
        narration.publish(2)  # from here on, as a worker that is faster than the listener: one segment ahead
        player.until(lambda report: report.time > first.seconds + INTO, "sound from the second segment")
        narration.publish()
        report = player.until(Report.is_over, "the end")

    check_course(report, narration)
    assert report.errors == []
    assert segments_known(report) == [1, 3, 4]
    # hls.js asks for more when it has waited for as long as the only segment lasts, so that it has the answer about when
    # the sound of that one is over: there a busy machine may pause for a moment, and nowhere else.
    pauses = silences(narration.parts, report.heard)[1:]
    assert pauses[0] < 0.5 * HEARD_RATE
    assert pauses[1:] == [0, 0]
    assert all(abs(moment.time - first.seconds) < JOIN_SECONDS for moment in report.waits)
    assert second.seconds > 1


def test_a_segment_that_comes_late_is_waited_for(speech: Samples) -> None:
    narration = Narration(speech[: 4 * SPEECH_RATE], lengths=(1.0,))
    edge = narration.segments[0].seconds
    narration.publish()
    with narration.served() as url, Player(url) as player:
        player.until(lambda report: bool(report.waits), "the end of what there is")
        narration.publish(len(narration.segments))
        report = player.until(Report.is_over, "the end")

    check_course(report, narration)
    assert {moment.details["details"] for moment in report.errors} <= {"bufferStalledError"}  # which it is
    assert all(abs(moment.time - edge) < 0.1 for moment in (*report.waits, *report.errors))
    pauses = silences(narration.parts, report.heard)[1:]
    assert pauses[0] > 0
    assert not any(pauses[1:])


def test_a_finished_narration_is_played_from_its_beginning(speech: Samples) -> None:
    narration = Narration(speech)
    narration.publish(len(narration.segments))
    with narration.served() as url:
        report = play(url, rate=4.0)
    check_course(report, narration)
    assert report.errors == []
    assert report.waits == []
    as_played = Audio(speech, SPEECH_RATE).at_rate(HEARD_RATE // 4).samples
    assert len(silences([as_played], report.heard)) == 1


def test_a_hole_in_the_narration_is_noticed(speech: Samples) -> None:
    narration = Narration(speech)
    del narration.segments[1]
    narration.publish(len(narration.segments))
    with narration.served() as url, Player(url, rate=4.0) as player:
        report = player.until(lambda report: bool(report.is_over() or report.errors), "the end, or an error")
    with pytest.raises(AssertionError):
        check_course(report, narration)


def segments_known(report: Report) -> list[int]:
    """How many segments the playlist had, each time that it had more."""
    counts = [moment.details["segments"] for moment in report.of("playlist")]
    return sorted(set(counts))


def check_course(report: Report, narration: Narration) -> None:
    """From zero to the end in one go: no seeking, no gap, and the length that the playlist says."""
    times = [moment.time for moment in report.moments]
    assert all(before <= after for before, after in pairwise(times))
    assert report.of("seeking") == []
    assert len(report.of("ended")) == 1
    for moment in report.moments:
        assert len(moment.buffered) <= 1, moment
        assert all(start <= JOIN_SECONDS for start, _ in moment.buffered), moment
    last = report.moments[-1]
    assert last.buffered[0][1] == pytest.approx(narration.seconds, abs=JOIN_SECONDS)
    assert last.duration == pytest.approx(narration.seconds, abs=0.05)
    assert last.time == pytest.approx(narration.seconds, abs=0.05)
