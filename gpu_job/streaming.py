"""A narration that is heard while it is being made: its segments and playlist go up as they come.

    told     ▬▬▬▬ ▬▬▬▬▬▬▬ ▬▬▬▬▬ …
    uploads    init 0 list 1 2 list 3 list …        by one thread, in order, beside the speaking
    request         playlistKey ──────────────────▶ so that the app can begin to play

The playlist names a segment only after it is up, by `address`: beside itself in a bucket with a public domain, else by
a signed URL, since a signature for the playlist opens nothing else. It lies at one key, and R2 takes one write a second
there: what comes faster waits for the next, and so does the word that nothing more comes. When another worker takes
over, its attempt has keys of its own, and the same pieces give the same sound: an app that sees another playlistKey
goes on in that one at the second where it was.
"""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gpu_job.audio import Samples
from gpu_job.narration.segments import (
    INIT_NAME,
    PLAYLIST_NAME,
    PLAYLIST_TYPE,
    SEGMENT_TYPE,
    Playlist,
    Segment,
    Segmenter,
)
from gpu_job.storage import IMMUTABLE

Put = Callable[[bytes, str, str, str], None]
"""put(data, name, content_type, cache_control)"""
GROWING = "no-cache"  # a player that gets an old playlist waits for what is there already
_LEAST_PAUSE_SECONDS = 1.0
# Segments that the first playlist names. With one, a player runs out before the second playlist is there, and then asks
# again only after half of the target duration (hls.js 1.7): heard as a gap of seconds.
BEGINNING = 2
_NEVER = float("-inf")


class Stream:
    """Use it as a context manager; `write` samples, then `close`. Both raise what an upload has raised meanwhile.

    `on_open` is called once, by the thread that uploads: there is a playlist now, and a beginning to be heard.
    `address` gives what the playlist calls a file of that name; it is asked once for each.
    """

    def __init__(
        self,
        put: Put,
        on_open: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        address: Callable[[str], str] = lambda name: name,
    ) -> None:
        self._put = put
        self._on_open = on_open
        self._clock = clock
        self._address = address
        self._segmenter = Segmenter()
        self._playlist = Playlist(init_uri=address(INIT_NAME))
        self._queue: queue.Queue[Segment | None] = queue.Queue()
        self._failed: Exception | None = None
        self._stop = threading.Event()
        self._listed_at = _NEVER
        self._ended_at = _NEVER  # when the last sample was written
        self._is_listed = True
        self._is_open = False
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._upload,), name="stream", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._queue.put(None)
        self._thread.join()

    def write(self, samples: Samples) -> None:
        self._raise()
        for segment in self._segmenter.write(samples):
            self._queue.put(segment)

    def close(self) -> None:
        """Wait until everything is up and the playlist says that nothing more comes."""
        self._ended_at = self._clock()
        for segment in self._segmenter.close():
            self._queue.put(segment)
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _upload(self) -> None:
        try:
            self._put(self._segmenter.init, INIT_NAME, SEGMENT_TYPE, IMMUTABLE)
            while (segment := self._next()) is not None:
                self._put(segment.data, segment.name, SEGMENT_TYPE, IMMUTABLE)
                self._playlist.add(segment, uri=self._address(segment.name))
                self._is_listed = segment.number + 1 < BEGINNING
            if not self._stop.wait(self._pause(self._listed_at)):
                self._playlist.close()
                self._list()
        except Exception as error:  # noqa: BLE001  (raised again by whoever writes)
            self._failed = error

    def _next(self) -> Segment | None:
        """The next segment, None at the end; until there is one, the playlist is brought up to date when it may be.

        Once all is said, the rest is up in no time as a rule: it is listed together with the end, unless it takes long.
        """
        while not self._stop.is_set():
            wait = None if self._is_listed else self._pause(max(self._listed_at, self._ended_at))
            if wait == 0.0:
                self._list()
                continue
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=wait)
        return None

    def _list(self) -> None:
        self._put(self._playlist.text().encode(), PLAYLIST_NAME, PLAYLIST_TYPE, GROWING)
        self._listed_at = self._clock()
        self._is_listed = True
        if self._playlist.seconds and not self._is_open:
            self._is_open = True
            self._on_open()

    def _pause(self, since: float) -> float:
        """Seconds from now until the playlist may be written again, when it was written then."""
        return max(0.0, since + _LEAST_PAUSE_SECONDS - self._clock())
