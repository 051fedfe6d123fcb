"""Is the finished file heard right: its words, its loudness, and its words' times.

pocketsphinx hears the fable as it comes out of the pipeline (trimmed, mastered, with its pauses, as MP3), and the same
sentences as the engine gives them, one after another with the same silence between all of them. Both are heard in one
go, because it hears short sounds worse. It mishears over a third of what it is told; what counts is the difference.
Speech differs from seed to seed, so there are several, the same for both.
"""

from __future__ import annotations

import difflib
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.listener import Listener
from benchmarks.report import Report, percentile
from benchmarks.stories import fable
from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.decoding import Limits, decode
from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import SpeechParameters
from gpu_job.narration.mastering import CEILING_DBTP, TARGET_LUFS
from gpu_job.narration.recognition import Heard, Recogniser
from localcloud.phone import Fields
from tests.loudness import measured

_MOST_RUNS = 3  # hearing takes a fifth of the time that the speech lasts
_BETWEEN_SECONDS = 0.4
_END_OF_SENTENCE = re.compile(r"(?<=[.!?][\"\s])\s*(?=[\"A-Z])")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


class _Run(NamedTuple):
    """One seed: word error rates in percent, LUFS, dBTP, and how far each word is off, in milliseconds."""

    file_errors: float
    engine_errors: float
    loudness: float
    peak: float
    apart: list[float]


def measure(report: Report, listener: Listener) -> None:
    engine = PiperEngine()
    runs = [_run(listener, engine, seed) for seed in range(1, min(report.runs, _MOST_RUNS) + 1)]
    words = len(_words(fable()))
    report.say(f"heard right: the fable, {words} words, {len(runs)} times spoken, heard by pocketsphinx")
    report.figure("word error rate, the file", [run.file_errors for run in runs], "%")
    report.figure("word error rate, the engine by itself", [run.engine_errors for run in runs], "%")
    more = [run.file_errors - run.engine_errors for run in runs]
    report.figure("the file's beyond the engine's", more, "points", "2")
    mean = sum(more) / len(more)
    report.say(f"    {mean:.1f} points over all {len(runs) * words} words")
    report.figure("loudness", [run.loudness for run in runs], "LUFS", f"{TARGET_LUFS:g} to 0.5")
    report.figure("true peak", [run.peak for run in runs], "dBTP", f"{CEILING_DBTP:g}")
    report.figure("words' beginnings, median distance", [percentile(run.apart, 0.5) for run in runs], "ms", "80")
    report.figure("words' beginnings, p90", [percentile(run.apart, 0.9) for run in runs], "ms")
    report.figure("share of the words in that", [100 * len(run.apart) / words for run in runs], "%")


def _run(listener: Listener, engine: PiperEngine, seed: int) -> _Run:
    told = listener.tell(fable(), seed=seed)
    file = listener.object(told.request["audioKey"])
    heard = Recogniser().words(Audio(decode(io.BytesIO(file), Limits()), SPEECH_RATE))
    heard_of_engine = Recogniser().words(_by_the_engine(engine, seed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.mp3"
        path.write_bytes(file)
        loudness, peak = measured(path)
    return _Run(
        _error_rate(_words(fable()), [each.word for each in heard]),
        _error_rate(_words(fable()), [each.word for each in heard_of_engine]),
        loudness,
        peak,
        _milliseconds_apart(listener.timings(told), heard),
    )


def _by_the_engine(engine: PiperEngine, seed: int) -> Audio:
    """Its sentences as they are spoken, one after another."""
    sentences = [found.strip() for found in _END_OF_SENTENCE.split(fable()) if found.strip()]
    silence = np.zeros(int(_BETWEEN_SECONDS * SPEECH_RATE), np.float32)
    spoken = engine.speak(sentences, engine.own_voice, SpeechParameters(seed=seed))
    return Audio(np.concatenate([part for each in spoken for part in (each.audio.samples, silence)]), SPEECH_RATE)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def _error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Words put in, left out and mistaken, in percent of those that were said (Levenshtein's distance)."""
    row = list(range(len(heard) + 1))
    for deletions, one in enumerate(said, 1):
        diagonal, row[0] = row[0], deletions
        for at, other in enumerate(heard, 1):
            diagonal, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, diagonal + (one != other))
    return 100 * row[-1] / len(said)


def _milliseconds_apart(timings: Fields, heard: list[Heard]) -> list[float]:
    """Between when a word begins by timings.json and when the recogniser has it begin; of those that it hears."""
    text = fable()
    words = [word for piece in timings["pieces"] for word in piece["words"]]
    said = ["".join(_words(text[word["from"] : word["to"]])) for word in words]
    matcher = difflib.SequenceMatcher(a=said, b=[each.word for each in heard], autojunk=False)
    return [
        1000 * abs(words[block.a + step]["start"] - heard[block.b + step].starts_at)
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    ]
