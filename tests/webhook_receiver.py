"""An internal service's end of a webhook, over real HTTP."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Told = tuple[str, dict[str, str], bytes]
"""Path, headers by their names in lower case, body."""


class Receiver(ThreadingHTTPServer):
    """`told`: what it was sent, as it came. `answers`: the statuses that it gives, one after the other; None: 204."""

    def __init__(self) -> None:
        self.told: queue.Queue[Told] = queue.Queue()
        self.answers: list[int] | None = None
        self.asked = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/voice?tenant=7"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.told.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204 if self.server.answers is None else self.server.answers.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()
