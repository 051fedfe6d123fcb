"""The HTTP API: its cold start, its latencies, its requests a second beside the same in FastAPI, what Firestore bills.

One functions process (functions-framework and gunicorn, with as many threads as when deployed) and Google's Firestore
emulator; the clients are threads of this process, each a user of its own with a connection that stays open. Everything
shares the machine's cores, so the figures are lower bounds. Nothing but the API is served: what its requests would set
off (events, tasks, workers) is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.cloud import firestore

from backend.api.tokens import Tokens
from backend.settings import THREADS
from backend.signing import signature
from benchmarks.processes import cpu_seconds
from benchmarks.report import Report, percentile
from localcloud.clock import Clock
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.faults import Faults
from localcloud.firestore_proxy import FirestoreProxy

ROOT = Path(__file__).parents[1]
SECRET = hashlib.sha256(b"of this benchmark").hexdigest()
CLIENTS = 16
VOICES = 3  # of every user
PASSWORD = "securepassword123"  # noqa: S105
_WARM_SECONDS = 0.5
_PLENTY = "1000000000"
_ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "demo-bench",
    "GCLOUD_PROJECT": "demo-bench",
    "FIREBASE_CONFIG": json.dumps({"projectId": "demo-bench"}),
    "R2_ENDPOINT": "http://127.0.0.1:9",  # signed for, never called
    "R2_BUCKET": "bench",
    "R2_ACCESS_KEY_ID": "id",
    "R2_SECRET_ACCESS_KEY": "secret",
    "RUNPOD_API_KEY": "key",
    "VC_CB_ENDPOINT_ID": "clone",
    "TTS_CB_ENDPOINT_ID": "narrate",
    "DEFAULT_VOICE": "engine",
    "DAEZEND_API_SHARED_SECRET": SECRET,
    "SECRET_KEY": SECRET,
    **dict.fromkeys(
        (
            *("RATE_LIMIT_DEFAULT_PER_MINUTE", "RATE_LIMIT_TTS_PER_MINUTE", "CHARACTERS_PER_DAY"),
            *("RATE_LIMIT_ADDRESS_PER_MINUTE", "RATE_LIMIT_LOGIN_PER_MINUTE"),
        ),
        _PLENTY,
    ),
}
_COLD = """
import json, resource
import main
from backend.api import app
from backend.api.routes import every_route
every_route()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps(used.ru_utime + used.ru_stime))
"""


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Server:
    """A process that listens; `mount` is what stands before the API's paths."""

    def __init__(self, command: list[str], environ: dict[str, str], mount: str) -> None:
        self.mount = mount
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listening.getsockname()[1]
        fd = listening.fileno()
        command = [str(fd) if word == "FD" else word for word in command]
        environ = {**environ, "SOCKET_FD": str(fd), "PATH": os.environ["PATH"]}
        self._process = subprocess.Popen(
            command, cwd=ROOT / "functions", env=environ, pass_fds=[fd], stdout=subprocess.DEVNULL
        )
        listening.close()

    def cpu(self) -> float:
        """Seconds of CPU that it has used, with the processes that it has started."""
        return sum(cpu_seconds(pid, group=False) for pid in _tree(self._process.pid))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in _tree(int(child)))]


class User:
    """One client: a user, with tokens, voices, a password, and one connection to whichever server it is set to."""

    def __init__(self, number: int) -> None:
        self.id = f"user-{number}"
        token = Tokens([SECRET], timedelta(minutes=60), timedelta(days=7)).access_token(self.id)
        self.address = f"192.0.2.{number}"
        self.bearer = (("Authorization", f"Bearer {token}"),)
        self._mount = ""
        self._connection: http.client.HTTPConnection | None = None
        self._asked = 0

    def go_to(self, server: Server) -> None:
        self._mount = server.mount
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def send(self, ask: Ask) -> Any:
        assert self._connection
        headers = {**dict(ask.headers), "X-Forwarded-For": self.address}
        self._connection.request(ask.method, self._mount + ask.path, ask.body or None, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201, 202):
            raise RuntimeError(f"{ask.method} {ask.path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def voices(self) -> Ask:
        return Ask("GET", "/api/voices", headers=self.bearer)

    def generate(self) -> Ask:
        self._asked += 1
        said = {"user_id": self.id, "voice_id": "default", "text": "Hello there", "language": "en"}
        body = json.dumps({**said, "text": f"Hello there, number {self._asked}."}).encode()
        timestamp = str(time.time_ns() // 1_000_000)
        path = "/api/tts/generate"
        headers = (
            ("Content-Type", "application/json"),
            ("X-Daezend-Timestamp", timestamp),
            ("X-Daezend-Signature", signature(SECRET, "POST", path, timestamp, body)),
            ("X-Idempotency-Key", f"{timestamp}-{self._asked}-{os.urandom(4).hex()}"),
        )
        return Ask("POST", path, body, headers)

    def log_in(self) -> Ask:
        return _json("/auth/login", username=self.id, password=PASSWORD)


def measure(report: Report) -> None:
    report.figure("import of api, CPU of the process", [_cold() for _ in range(report.runs + 1)][1:], "s", "1.2 s")
    with _world() as (emulator, counts):
        environ = {**_ENVIRONMENT, "FIRESTORE_EMULATOR_HOST": emulator}
        users = _users(emulator)
        with _served(_ours(environ)) as ours, _served(_fastapi(environ)) as theirs:
            _register(users, ours)
            _latencies(report, users, ours)
            _beside(report, users, ours, theirs)
        with _served(_ours({**environ, "FIRESTORE_EMULATOR_HOST": counts.host})) as counted:
            _billing(report, users[0], counted, counts)


# ── what is measured ─────────────────────────────────────────────────────────────────────────────────────────────────


def _cold() -> float:
    command = [sys.executable, "-c", _COLD]
    done = subprocess.run(command, cwd=ROOT / "functions", check=True, capture_output=True, text=True)
    seconds: float = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _latencies(report: Report, users: list[User], server: Server) -> None:
    routes: dict[str, Callable[[User], Ask]] = {
        "GET /api/voices": User.voices,
        "POST /api/tts/generate": User.generate,
        "POST /auth/login": User.log_in,
    }
    for name, ask in routes.items():
        for clients in (1, CLIENTS):
            _run(users[:clients], server, ask, _WARM_SECONDS)
            seconds, _ = _run(users[:clients], server, ask, 5.0)
            said = {share: percentile(seconds, share) * 1000 for share in (0.5, 0.95)}
            people = f"{clients} client{'s' if clients > 1 else ''}"
            report.say(f"  {name}, {people}: p50 {said[0.5]:.1f} ms, p95 {said[0.95]:.1f} ms (n={len(seconds)})")


def _beside(report: Report, users: list[User], ours: Server, theirs: Server) -> None:
    """By turns, so that whatever else the machine does meets both; CPU a request depends on that the least."""
    routes: dict[str, Callable[[User], Ask]] = {"GET /api/voices": User.voices, "POST /api/tts/generate": User.generate}
    for name, ask in routes.items():
        servers = {"ours": ours, "FastAPI": theirs}
        rates: dict[str, list[float]] = {who: [] for who in servers}
        cpu: dict[str, list[float]] = {who: [] for who in servers}
        for _ in range(2 * report.runs):
            for who, server in servers.items():
                _run(users, server, ask, _WARM_SECONDS)
                before = server.cpu()
                taken, rate = _run(users, server, ask, 2.0)
                rates[who].append(rate)
                cpu[who].append((server.cpu() - before) / len(taken) * 1000)
        for who in servers:
            report.figure(f"{name}, {who}", rates[who], "requests/s")
            report.figure(f"{name}, {who}, CPU of the server", cpu[who], "ms")
        beside = [own / other for own, other in zip(rates["ours"], rates["FastAPI"], strict=True)]
        report.figure(f"{name}, our rate by FastAPI's", beside, "", "0.9")


def _run(users: list[User], server: Server, ask: Callable[[User], Ask], seconds: float) -> tuple[list[float], float]:
    """Every user asks again as soon as it is answered. The latencies in seconds, and requests a second."""
    for user in users:
        user.go_to(server)

    def one(user: User, until: float) -> list[float]:
        taken = []
        while (began := time.perf_counter()) < until:
            user.send(ask(user))
            taken.append(time.perf_counter() - began)
        return taken

    with ThreadPoolExecutor(len(users)) as pool:
        began = time.perf_counter()
        taken = [each for found in pool.map(lambda user: one(user, began + seconds), users) for each in found]
        return taken, len(taken) / (time.perf_counter() - began)


def _billing(report: Report, user: User, server: Server, counts: FirestoreProxy) -> None:
    """Each route once, after everything has been made that is made once a process."""
    user.go_to(server)
    generate = user.generate()
    made = user.send(generate)["metadata"]
    tokens = user.send(user.log_in())
    audio, job = made["audio_id"], made["job_id"]
    steps = {
        f"GET /api/voices ({VOICES} voices)": user.voices(),
        "POST /api/tts/generate": user.generate(),
        "  the same again, same key": generate,
        "GET /jobs/{job_id}": Ask("GET", f"/jobs/{job}", headers=user.bearer),
        "GET /audio/{audio_id}?wait=0": Ask("GET", f"/audio/{audio}?wait=0", headers=user.bearer),
        "GET /audio/{audio_id}/info": Ask("GET", f"/audio/{audio}/info", headers=user.bearer),
        "POST /auth/register": _json("/auth/register", username="new", email="n@example.com", password=PASSWORD),
        "POST /auth/login": user.log_in(),
        "POST /auth/refresh": _json("/auth/refresh", refresh_token=tokens["refresh_token"]),
        "GET /profile": Ask("GET", "/profile", headers=user.bearer),
        "GET /openapi.json": Ask("GET", "/openapi.json"),
    }
    report.say("  Firestore bills (the charge of the call, 1 read and 1 write, included):")
    for name, ask in steps.items():
        counts.reset_counts()
        user.send(ask)
        billed = Counter(counts.counts)
        said = ", ".join(f"{billed[f'document_{what}']} {what}" for what in ("reads", "writes", "deletes"))
        report.say(f"    {name:<32} {said}")


# ── the world that it is measured in ─────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _world() -> Iterator[tuple[str, FirestoreProxy]]:
    """The emulator's address, and a proxy before it that counts."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        emulator = FirestoreEmulator("demo-bench", run_dir=Path(folder))
        loop = runner.get_loop()
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(loop.run_forever)
            run = _runner(loop)
            run(emulator.start())
            proxy = FirestoreProxy(emulator.address, Clock(), Faults())
            run(proxy.start())
            try:
                yield emulator.address, proxy
            finally:
                run(proxy.stop())
                run(emulator.stop())
                loop.call_soon_threadsafe(loop.stop)
                running.result(10)


def _runner(loop: asyncio.AbstractEventLoop) -> Callable[[Any], Any]:
    return lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)


def _users(emulator: str) -> list[User]:
    os.environ["FIRESTORE_EMULATOR_HOST"] = emulator
    client = firestore.Client(project="demo-bench")
    users = [User(number) for number in range(CLIENTS)]
    for user in users:
        for number in range(VOICES):
            client.document(f"voice_profiles/{user.id}-{number}").set(
                {
                    "userId": user.id,
                    "name": f"Voice {number}",
                    "language": "en",
                    "isKidsVoice": False,
                    "status": "ready",
                    "clones": True,
                    "profileKey": f"voices/{user.id}/{number}/j/1/profile.safetensors",
                    "sampleKey": f"voices/{user.id}/{number}/j/1/sample.mp3",
                    "createdAt": datetime(2026, 1, 1 + number, tzinfo=UTC),
                }
            )
    client.close()  # type: ignore[no-untyped-call]
    return users


def _register(users: list[User], server: Server) -> None:
    for user in users:
        user.go_to(server)
        user.send(_json("/auth/register", username=user.id, email="u@example.com", password=PASSWORD))


def _json(path: str, **body: str) -> Ask:
    return Ask("POST", path, json.dumps(body).encode(), (("Content-Type", "application/json"),))


def _ours(environ: dict[str, str]) -> Server:
    script = ROOT / "localcloud" / "functions" / "server.py"
    return Server([sys.executable, "-P", str(script), "FD", str(THREADS)], environ, "/api")


def _fastapi(environ: dict[str, str]) -> Server:
    path = {"PYTHONPATH": os.pathsep.join((str(ROOT / "functions"), str(ROOT)))}
    return Server([sys.executable, "-m", "benchmarks.api_in_fastapi"], {**environ, **path}, "")


@contextlib.contextmanager
def _served(server: Server) -> Iterator[Server]:
    """Once it answers at all."""
    try:
        user = User(0)
        user.go_to(server)
        user.send(user.voices())
        yield server
    finally:
        server.stop()
