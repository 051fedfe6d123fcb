"""What a narration takes, as a phone sees it, with the embedded engine; and whether memory grows with the story.

One worker tells stories of growing length one after another. Its peak RSS is read after each: it holds one piece of the
story at a time, so the longest should need no more than the shortest.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.processes import peak_rss
from benchmarks.report import Report
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import Phone, PhoneError, new_id

ASSETS = Path(__file__).parents[1] / "assets"
WORDS = 1500
SHORT_WORDS, LONG_WORDS = 300, 6000
_PLENTY = {"RATE_LIMIT_TTS_PER_MINUTE": "1000", "CHARACTERS_PER_DAY": "100000000"}


def measure(report: Report) -> None:
    with EmbeddedCloud(Options(functions_env=_PLENTY, schedules=False, worker_concurrency=1)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        phone = Phone(cloud.endpoints)
        voice_id = _voice(phone)
        (worker,) = cloud.cloud.workers.children.values()

        def tell(words: int) -> tuple[float, float]:
            """Seconds from the request to `ready`, and seconds of audio."""
            story_id = phone.create_story("A long story", story(words))
            started = time.monotonic()
            request = _ready(phone, phone.request_audio(story_id, voice_id), seconds=1200)
            return time.monotonic() - started, request["durationSeconds"]

        tell(SHORT_WORDS)
        report.figure(f"peak RSS of the worker after {SHORT_WORDS} words", [peak_rss(worker.pid)], "MB")
        runs = [tell(WORDS) for _ in range(report.runs)]
        report.figure(f"{WORDS} words, request to ready", [seconds for seconds, _ in runs], "s")
        report.figure("audio", [audio for _, audio in runs], "s")
        report.figure("times faster than real time", [audio / seconds for seconds, audio in runs], "x")
        report.figure(f"peak RSS of the worker after {WORDS} words", [peak_rss(worker.pid)], "MB")
        tell(LONG_WORDS)
        report.figure(f"peak RSS of the worker after {LONG_WORDS} words", [peak_rss(worker.pid)], "MB")
        phone.close()


def story(words: int) -> str:
    """The fable, told again and again until there are so many words; paragraphs and all."""
    _, _, fable = (ASSETS / "fable.txt").read_text().strip().partition("\n")
    paragraphs = [paragraph for paragraph in fable.split("\n\n") if paragraph.strip()]
    told: list[str] = []
    count = 0
    while count < words:
        paragraph = paragraphs[len(told) % len(paragraphs)].split()[: words - count]
        told.append(" ".join(paragraph))
        count += len(paragraph)
    return "\n\n".join(told)


def _voice(phone: Phone) -> str:
    voice_id = new_id()
    key = phone.upload(voice_id, (ASSETS / "recording.flac").read_bytes(), "audio/flac")
    _ready(phone, phone.create_voice(voice_id, "Mum", key), seconds=120)
    return voice_id


def _ready(phone: Phone, path: str, seconds: float) -> dict[str, float]:
    last = phone.finished(path, seconds)
    if last.get("status") != "ready":
        raise PhoneError(f"{path} is {last.get('status')}: {last.get('error')}")
    return last
