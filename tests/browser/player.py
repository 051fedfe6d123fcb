"""Plays an HLS playlist in headless Chromium with hls.js, and says what happened and what was heard.

    report = play(url)                         # from the beginning to the end

    with Player(url) as player:                # or step by step, while the playlist grows
        player.until(lambda report: report.time > 1.0, "the first second")
        …
        report = player.until(Report.is_over, "the end")

`rate` above 1 is for what happens; what is heard is whole only at 1, for a busy machine plays behind.

The page (player.html) and its recorder are served on a port of this process, and report to it. The playlist may lie on
any other origin that allows this one by CORS. What is heard is what leaves the <audio> element: taken by Web Audio, so
decoded, spliced and timed by the browser itself.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import numpy as np

from gpu_job.audio import Samples
from tests import npm
from tests.browser import chromium

HERE = Path(__file__).parent
HEARD_RATE = 24_000  # Hz, as player.js records
PAGE_FILES = {
    "/player.html": (HERE / "player.html", "text/html"),
    "/player.js": (HERE / "player.js", "text/javascript"),
    "/recorder.js": (HERE / "recorder.js", "text/javascript"),
    "/hls.min.js": (HERE / "node_modules/hls.js/dist/hls.min.js", "text/javascript"),
}
Range = tuple[float, float]


@dataclass(frozen=True)
class Moment:
    """Something that happened, and how the <audio> element stood then. Seconds; `at` since the page was opened."""

    event: str
    at: float
    time: float
    duration: float | None
    buffered: list[Range]
    details: dict[str, Any]


@dataclass
class Report:
    """What the page has told so far. It grows; read it while nothing comes, or as it is."""

    moments: list[Moment] = field(default_factory=list)
    sound: bytearray = field(default_factory=bytearray)

    def of(self, *events: str) -> list[Moment]:
        return [moment for moment in self.moments if moment.event in events]

    @property
    def time(self) -> float:
        """The playing position."""
        return self.moments[-1].time if self.moments else 0.0

    def is_over(self) -> bool:
        """Played to the end, and the end's sound is in `heard`."""
        return bool(self.of("all heard"))

    @property
    def waits(self) -> list[Moment]:
        """When it had to wait for more sound, after it had begun."""
        began = next((moment.at for moment in self.of("playing")), float("inf"))
        return [moment for moment in self.of("waiting") if moment.at > began]

    @property
    def errors(self) -> list[Moment]:
        """Of hls.js, fatal or not, of the <audio> element and of the page's own code."""
        return self.of("hls error", "error", "page error")

    @property
    def heard(self) -> Samples:
        """What left the loudspeaker, at HEARD_RATE, the silence before the start and of each wait included."""
        return np.frombuffer(bytes(self.sound), dtype=np.float32)


class Player:
    """A browser that plays `playlist_url` from the moment it is entered."""

    def __init__(self, playlist_url: str, *, rate: float = 1.0) -> None:
        npm.install(HERE, "this test plays with hls.js, which comes by the npm of Node")
        self.report = Report()
        self._told = threading.Condition()
        self._exits = contextlib.ExitStack()
        self._query = f"playlist={quote(playlist_url, safe='')}&rate={rate:g}"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as exits:
            self._folder = Path(exits.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
            exits.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            exits.callback(thread.join)
            exits.callback(server.shutdown)
            page = f"http://127.0.0.1:{server.server_port}/player.html?{self._query}"
            self._browser = exits.enter_context(chromium.opened(page, self._folder))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def until(self, is_so: Callable[[Report], bool], what: str, *, seconds: float = 30.0) -> Report:
        """Waits until the report says so. Fails with what the page told last when it does not, or meets an error."""
        deadline = time.monotonic() + seconds
        with self._told:
            while not is_so(self.report):
                assert not self._has_failed(), f"{what} was not reached: {self._last()}"
                assert self._told.wait(deadline - time.monotonic()), (
                    f"{what} was not reached in {seconds:g} s: {self._last()}"
                )
        return self.report

    def _has_failed(self) -> bool:
        return self._browser.poll() is not None or any(
            moment.event != "hls error" or moment.details["fatal"] for moment in self.report.errors
        )

    def _last(self) -> str:
        events = [moment for moment in self.report.moments if moment.event != "tick"]
        log = (self._folder / "chromium.log").read_text(errors="replace")
        return "\n".join([*(str(moment) for moment in events[-12:]), log[-1500:]])

    def _hear(self, path: str, body: bytes) -> None:
        with self._told:
            if path == "/heard":
                self.report.sound += body
            else:
                self.report.moments += [Moment(**moment) for moment in json.loads(body)]
            self._told.notify_all()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        player = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                file, kind = PAGE_FILES.get(self.path.partition("?")[0], (None, "text/plain"))
                self._answer(200 if file else 404, kind, file.read_bytes() if file else b"")

            def do_POST(self) -> None:
                player._hear(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(204, "text/plain", b"")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # the browser is killed while it reports
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def play(playlist_url: str, *, rate: float = 1.0, seconds: float = 60.0) -> Report:
    """Plays to the end, `rate` times as fast as it was spoken. Fails when that takes longer than `seconds`."""
    with Player(playlist_url, rate=rate) as player:
        return player.until(Report.is_over, "the end", seconds=seconds)
