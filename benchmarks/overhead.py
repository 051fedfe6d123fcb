"""What a narration costs beside the speaking: CPU seconds per second of audio, on whatever core.

The same calls as in gpu_job/telling.py and gpu_job/speaking.py, each step's time apart, on speech that has been made
beforehand. The network is not in it.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Report
from benchmarks.stories import fable
from gpu_job import chunks
from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import Speech, SpeechParameters
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.captions import Captions
from gpu_job.narration.checks import Pace, check
from gpu_job.narration.encoding import AudioWriter
from gpu_job.narration.plan import Plan, plan
from gpu_job.narration.segments import Playlist, Segmenter
from gpu_job.narration.timings import Timings, timed

_LANGUAGE = "en"


class _Stopwatch:
    """CPU seconds of this process, all its threads, by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds[name] += time.process_time() - started


def measure(report: Report) -> None:
    engine = PiperEngine()
    planned = plan(fable(), _LANGUAGE, max_characters=engine.max_characters)
    pieces = [piece.spoken for piece in planned.pieces]
    spoken = list(engine.speak(pieces, engine.own_voice, SpeechParameters(seed=1)))
    _told(planned, spoken)  # warm: lazy imports, the responses of filters
    runs = [_told(planned, spoken) for _ in range(report.runs)]
    seconds = runs[0].audio_seconds
    report.say(f"overhead: CPU as a share of the length of the narration, {seconds:.0f} s in {len(pieces)} pieces")
    for step in runs[0].cpu_seconds:
        report.figure(step, [run.cpu_seconds[step] / seconds for run in runs], "")
    report.figure("all of it", [sum(run.cpu_seconds.values()) / seconds for run in runs], "", "0.02")


class _Told(NamedTuple):
    audio_seconds: float
    cpu_seconds: dict[str, float]  # by step


def _told(planned: Plan, spoken: list[Speech]) -> _Told:
    watch, pace, assembly = _Stopwatch(), Pace(), Assembly()
    segmenter, playlist = Segmenter(), Playlist()
    times, captions = Timings(_LANGUAGE), Captions(fable())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as file:
        writer = file.enter_context(AudioWriter(Path(folder) / "audio.mp3", "mp3"))
        for piece, take in zip(planned.pieces, spoken, strict=True):
            with watch.step("checking"):
                pace.learn(check(take.audio, piece.spoken, pace))
            with watch.step("keeping (FLAC)"):
                speech = chunks.as_kept(take)
                chunks.encoded(speech)
            with watch.step("mastering"):
                block = assembly.add(
                    speech,
                    pause_before_seconds=piece.pause_before_seconds,
                    pause_after_seconds=piece.pause_after_seconds,
                )
            with watch.step("encoding the file (MP3)"):
                writer.write(block.samples)
            with watch.step("encoding the stream (AAC)"):
                for segment in segmenter.write(block.samples):
                    playlist.add(segment)
                    playlist.text()
            with watch.step("timings and captions"):
                captions.add(piece_times := timed(piece, block))
                times.add(piece_times)
        with watch.step("encoding the file (MP3)"):
            file.close()
        with watch.step("encoding the stream (AAC)"):
            segmenter.close()
        with watch.step("timings and captions"):
            times.as_json(seconds=assembly.seconds)
            captions.as_vtt()
    return _Told(assembly.seconds, watch.seconds)
