"""`./dev costs`: computes the tables of docs/costs.md from infra/costs.json, and from what the code says of segments.

The file holds prices as of a day, what was measured, what was counted, and what is only assumed; the page says which is
which. Nothing is known here that is not in it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from gpu_job.narration.encoding import FORMATS
from gpu_job.narration.segments import SEGMENT_SECONDS

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "infra" / "costs.json"
PAGE = ROOT / "docs" / "costs.md"
BEGIN, END = "<!-- costs: written by ./dev costs -->", "<!-- end of costs -->"
WORDS = 1000
Figures = dict[str, Any]


def figures() -> Figures:
    found: Figures = json.loads(FIGURES.read_text())
    return found


def tables(given: Figures) -> str:
    """Both tables in Markdown."""
    seconds = WORDS * given["measured"]["audioSecondsPerWord"]
    return f"{gpu_table(given, seconds)}\n\n{services_table(given, seconds)}"


def gpu_seconds(given: Figures, audio_seconds: float, times: float, platform: str, *, alone: bool) -> float:
    """GPU seconds that are billed for one story. `alone`: it wakes a worker, which then idles until it stops."""
    assumed = given["assumed"]
    extra = assumed["startSeconds"] + assumed["idleSeconds"][platform] if alone else 0
    return float(audio_seconds / times + extra)


def gpu_second(given: Figures, platform: str) -> float:
    """What a second of a worker costs, in dollars."""
    prices = given["prices"]
    if platform == "runpod":
        return float(prices["runpodGpuSecond"])
    return float(prices["cloudRunGpuSecond"] + 4 * prices["cloudRunVcpuSecond"] + 16 * prices["cloudRunGibSecond"])


def gpu_table(given: Figures, audio_seconds: float) -> str:
    rows = [
        f"A story of {WORDS:,} words is {audio_seconds:.0f} s of audio. Dollars for its GPU:",
        "",
        "| speed, times real time (assumed) | RunPod, one after another | RunPod, alone | Cloud Run, one after another "
        "| Cloud Run, alone |",
        "|---|---|---|---|---|",
    ]
    for times in given["assumed"]["timesRealTime"]:
        cells = [
            gpu_seconds(given, audio_seconds, times, platform, alone=alone) * gpu_second(given, platform)
            for platform in ("runpod", "cloudRun")
            for alone in (False, True)
        ]
        rows.append(f"| {times} | " + " | ".join(f"{cell:.4f}" for cell in cells) + " |")
    hours = [3600 * gpu_second(given, platform) for platform in ("runpod", "cloudRun")]
    rows += ["", f"An hour of one worker: {hours[0]:.2f} on RunPod, {hours[1]:.2f} on Cloud Run."]
    return "\n".join(rows)


def services_table(given: Figures, audio_seconds: float) -> str:
    lines, listens = services(given, audio_seconds), given["assumed"]["listens"]
    rows = [
        f"Everything else, dollars for 1,000 stories of {WORDS:,} words, heard {listens} times each:",
        "",
        "| what | how much of it | dollars |",
        "|---|---|---|",
        *(f"| {what} | {amount} | {dollars:.3f} |" for what, amount, dollars in lines),
        f"| together | | {sum(dollars for _, _, dollars in lines):.3f} |",
    ]
    return "\n".join(rows)


def services(given: Figures, audio_seconds: float) -> list[tuple[str, str, float]]:
    """(what, how much of it, dollars) for a thousand stories."""
    prices, measured, counted = given["prices"], given["measured"], given["counted"]
    speaking_minutes = audio_seconds / min(given["assumed"]["timesRealTime"]) / 60
    progress = counted["progressWritesPerMinute"] * speaking_minutes
    reads, writes = (1000 * (measured[name] + progress) for name in ("firestoreReads", "firestoreWrites"))
    core_seconds = 1000 * measured["coreSecondsPerJob"]
    calls = 1000 * counted["invocationsPerStory"]
    tasks = 1000 * counted["tasksPerStory"]
    stored, fetched, gib = objects(given, audio_seconds)
    class_a, class_b = 1000 * stored, 1000 * fetched
    return [
        ("Firestore, documents read", f"{reads:,.0f}", reads * prices["firestoreRead"]),
        ("Firestore, documents written", f"{writes:,.0f}", writes * prices["firestoreWrite"]),
        (
            "Functions, vCPU and 0.5 GiB",
            f"{core_seconds:,.0f} s",
            core_seconds * (prices["functionsVcpuSecond"] + prices["functionsGibSecond"] / 2),
        ),
        ("Functions, requests", f"{calls:,.0f}", calls * prices["functionsRequest"]),
        ("Cloud Tasks, operations", f"{tasks:,.0f}", tasks * prices["taskOperation"]),
        ("Pub/Sub", f"{1000 * counted['messageKib']:,.0f} KiB", 1000 * counted["messageKib"] * prices["pubsubKib"]),
        ("R2, objects written (class A)", f"{class_a:,.0f}", class_a * prices["r2ClassA"]),
        ("R2, objects read (class B)", f"{class_b:,.0f}", class_b * prices["r2ClassB"]),
        ("R2, kept, a month", f"{1000 * gib:,.1f} GiB", 1000 * gib * prices["r2GibMonth"]),
    ]


def objects(given: Figures, audio_seconds: float) -> tuple[float, float, float]:
    """Of one story: objects written, objects read, GiB kept. Traffic out of R2 costs nothing.

    The playlist is written anew with each segment; a listener fetches the playlist and the segments, or one file.
    """
    segments = len(SEGMENT_SECONDS) + max(0.0, audio_seconds - sum(SEGMENT_SECONDS)) / SEGMENT_SECONDS[-1]
    pieces = WORDS / given["counted"]["wordsPerPiece"]
    written = pieces + 2 * math.ceil(segments) + 1 + 3  # pieces, segments and playlists, their header, audio and texts
    read = pieces + given["assumed"]["listens"] * (math.ceil(segments) + 2)
    mp3_bits = FORMATS["mp3"].bit_rate or 0
    flac_bits = 24_000 * 16 * 0.6  # mono, and what FLAC leaves of speech
    return written, read, audio_seconds * (mp3_bits + 64_000 + flac_bits) / 8 / 2**30


def sources(given: Figures) -> str:
    prices = given["prices"]
    lines = [f"Prices as of {prices['asOf']}; check them before you decide anything by them.", ""]
    lines += [f"- {name}: {source}." for name, source in prices["sources"].items()]
    return "\n".join(lines)


def written(page: str) -> str:
    """The page's text with the tables as they should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    given = figures()
    return f"{before}{BEGIN}\n{tables(given)}\n\n{sources(given)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
