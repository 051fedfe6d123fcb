"""The Chatterbox engine against upstream's own code: one run, the same random weights, the same tokens.

What is said is the demo's fable, cut into sentences as a narration cuts it. Random weights never come to the end of a
text, so both sides are cut off after as many tokens as the sentence should take; how fast it goes does not depend on
the numbers in the weights. A CPU, which takes twenty minutes for each side, says the fable once; a GPU says it twice,
and then more and more of it at once.

Needs .venv-engine (`./dev bench engine` sees to it); takes forty minutes on two cores. Full-size weights, 3.2 GB, are
written to the folder that ENGINE_BENCH_WEIGHTS names, once, or to a temporary one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.report import Report

with warnings.catch_warnings():  # resemble-perth imports pkg_resources, which warns
    warnings.simplefilter("ignore", UserWarning)
    from chatterbox.tts import ChatterboxTTS

from gpu_job.engines.chatterbox import engine as engine_module
from gpu_job.engines.chatterbox.engine import TOKENS_PER_SECOND, ChatterboxEngine
from gpu_job.engines.chatterbox.family import FAMILIES
from gpu_job.engines.chatterbox.loading import best_device, load
from gpu_job.engines.chatterbox.s3gen import flow, vocoder
from gpu_job.engines.chatterbox.t3.decoder import SpeechDecoder
from gpu_job.engines.chatterbox.t3.sentence import SamplingParameters, Sentence
from gpu_job.engines.protocol import SpeechParameters
from gpu_job.narration.plan import plan
from gpu_job.narration.speech_length import expected_seconds
from gpu_job.recordings import decode, examine
from tests.engines.random_weights import write_random_weights
from tests.engines.small_t3 import sentence, text, upstream_tokens, voice

FAMILY = FAMILIES["chatterbox"]
ASSETS = Path(__file__).parents[1] / "assets"
RECORDING = ASSETS / "recording.flac"
_CHARACTERS_PER_TEXT_TOKEN = 2
_FABLES_ON_A_GPU = (1, 4, 8, 16)
"""How many are told together there; the best counts, within what CHATTERBOX_MEMORY_GB allows."""


@dataclass(frozen=True)
class Said:
    text: str

    @property
    def speech_tokens(self) -> int:
        return round(expected_seconds(self.text) * TOKENS_PER_SECOND)


def the_fable() -> list[Said]:
    fable = (ASSETS / "fable.txt").read_text(encoding="utf-8")
    return [Said(piece.spoken) for piece in plan(fable, "en", max_characters=FAMILY.max_characters).pieces]


def measure(report: Report) -> None:
    device = best_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    report.say(f"  torch {torch.__version__} on {name}; random weights of {FAMILY.name}, full size, seed 0")
    with _weights() as folder:
        _measure_loading(report, folder)
        upstream = ChatterboxTTS.from_local(folder / FAMILY.name, str(device))
        _measure_t3(report, folder, device, upstream.t3)
        _measure_engine(report, folder, device, upstream)


@contextmanager
def _weights() -> Iterator[Path]:
    kept = os.environ.get("ENGINE_BENCH_WEIGHTS")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(kept or temporary)
        if not (folder / FAMILY.name / "SHA256SUMS").is_file():
            write_random_weights(folder, FAMILY)
        yield folder


# Loading: each in a process of its own, since peak memory is the process's.


def _measure_loading(report: Report, folder: Path) -> None:
    report.say(
        " loading to the first speech token of one sentence, in a fresh process whose imports are done, weights in the"
        " page cache"
    )
    runs = min(report.runs, 3)
    pairs = [(_load_apart("ours", folder), _load_apart("upstream", folder)) for _ in range(runs)]
    ours = report.figure("ours", [mine["seconds"] for mine, _ in pairs], "s")
    theirs = report.figure("upstream, from_local", [other["seconds"] for _, other in pairs], "s")
    _ratio(report, "faster", theirs / ours, "5")
    ours = report.figure("peak memory over the imports', ours", [mine["peak_mb"] for mine, _ in pairs], "MB")
    theirs = report.figure("peak memory over the imports', upstream", [other["peak_mb"] for _, other in pairs], "MB")
    report.say(f"  {'ours is, of upstream’s':<44} {ours / theirs:>9.2f}            (reach 0.5)")


def _load_apart(side: str, folder: Path) -> dict[str, float]:
    for file in (folder / FAMILY.name).iterdir():
        _into_the_page_cache(file)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.engine", side, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _into_the_page_cache(file: Path) -> None:
    """Where it may not be any more: a virtual machine gives memory back that it has not used for a while."""
    with file.open("rb", buffering=0) as reader:
        while reader.read(16 * 2**20):
            pass


def _load_here(side: str, folder: Path) -> None:
    """Prints JSON: `seconds`, and `peak_mb` over what the process had before."""
    said = sentence(1, 60, voice(1), max_tokens=1)
    before = _resident_mb("VmRSS")
    started = time.perf_counter()
    if side == "ours":
        t3 = load(FAMILY, [str(folder)]).t3
        (decoded,) = SpeechDecoder(t3).decode([said])
        assert len(decoded.speech_tokens) == 1
    else:
        t3 = ChatterboxTTS.from_local(folder / FAMILY.name, str(best_device())).t3
        _upstream_tokens(t3, said)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mb": _resident_mb("VmHWM") - before}))


def _resident_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


# T3 alone.


def _measure_t3(report: Report, folder: Path, device: torch.device, upstream: Any) -> None:
    t3 = load(FAMILY, [str(folder)], device=device, dtype=torch.float32).t3
    conditioning, fable = voice(1), the_fable()
    sentences = [
        Sentence(
            number,
            text(number, len(said.text) // _CHARACTERS_PER_TEXT_TOKEN),
            conditioning,
            SamplingParameters(seed=number),
            said.speech_tokens,
        )
        for number, said in enumerate(fable)
    ]
    decoder = SpeechDecoder(t3, max_sentences=len(sentences))
    list(decoder.decode(sentences[:2]))  # allocates, and captures graphs on a GPU
    total = sum(said.speech_tokens for said in fable)
    report.say(f" T3, float32: {len(sentences)} sentences, {total} tokens")
    ours, theirs = [], []
    same = True
    for _ in range(min(report.runs, 2)):
        together, seconds = _timed(
            lambda: {each.key: each.speech_tokens.tolist() for each in decoder.decode(sentences)}
        )
        ours.append(total / seconds)
        one_by_one, seconds = _timed(lambda: {each.key: _upstream_tokens(upstream, each) for each in sentences})
        theirs.append(total / seconds)
        same = same and together == one_by_one
    _faster(report, "tokens/s", ours, theirs, reach="3")
    report.say(f"  {'the same tokens':<44} {'yes' if same else 'NO':>9}")


def _upstream_tokens(t3: Any, said: Sentence) -> list[int]:
    with _quiet():
        return upstream_tokens(t3, said)


# The whole engine: text to watermarked sound.


def _measure_engine(report: Report, folder: Path, device: torch.device, theirs: ChatterboxTTS) -> None:
    fable = the_fable()
    pieces, limits = [said.text for said in fable], {said.text: said.speech_tokens for said in fable}
    os.environ |= {
        "CHATTERBOX_WEIGHTS": str(folder),
        "CHATTERBOX_MEMORY_GB": os.environ.get("CHATTERBOX_MEMORY_GB", "16"),
    }
    ours, recording = ChatterboxEngine(FAMILY.name), decode(RECORDING)
    profile = ours.clone(recording, language="en", quality=examine(recording))
    theirs.prepare_conditionals(RECORDING)
    parameters = SpeechParameters(seed=1)

    def all_at_once(fables: int = 1) -> list[float]:
        """When each piece's sound was there, seconds from the beginning; and the sound's seconds, last."""
        begun, at, seconds = time.perf_counter(), [], 0.0
        for speech in ours.speak(pieces * fables, profile, parameters):
            at.append(time.perf_counter() - begun)
            seconds += speech.audio.seconds
        return [*at, seconds]

    def one_by_one() -> list[float]:
        begun, at, seconds = time.perf_counter(), [], 0.0
        for piece in pieces:
            with _quiet(), _cut_off(theirs.t3, limits[piece]):
                seconds += theirs.generate(piece).shape[-1] / theirs.sr
            at.append(time.perf_counter() - begun)
        return [*at, seconds]

    our_parts = {
        "flow": (flow, "mel_frames"),
        "vocoder": (vocoder, "sound"),
        "watermark": (ours.watermark, "mark"),
    }
    their_parts = {
        "flow": (theirs.s3gen, "flow_inference"),
        "vocoder": (theirs.s3gen, "hift_inference"),
        "watermark": (theirs.watermarker, "apply_watermark"),
    }
    my_time: dict[str, float] = {}
    their_time: dict[str, float] = {}
    before = engine_module._most_tokens
    ours.warm_up()
    engine_module._most_tokens = lambda piece: limits[piece]
    try:
        mine, other = [], []
        runs, batches = (1, ()) if device.type == "cpu" else (min(report.runs, 2), _FABLES_ON_A_GPU)
        for _ in range(runs):
            with _timed_parts(our_parts, my_time):
                mine.append(all_at_once())
            with _timed_parts(their_parts, their_time):
                other.append(one_by_one())
        together = {fables: [all_at_once(fables) for _ in range(runs)] for fables in batches}
    finally:
        engine_module._most_tokens = before
    report.say(f" the whole engine, text to watermarked sound: {len(pieces)} sentences, {mine[0][-1]:.0f} s of sound")
    upstream = _faster(report, "s/s", _speeds(mine), _speeds(other), reach="2")
    _say_where(report, "ours", my_time, sum(run[-2] for run in mine))
    _say_where(report, "upstream", their_time, sum(run[-2] for run in other))
    first = report.figure("the first sentence's sound after, ours", [run[0] for run in mine], "s")
    their_first = report.figure("the first sentence's sound after, upstream", [run[0] for run in other], "s")
    if together:
        _ratio(report, "sooner", their_first / first, "3")
        _say_best(report, {len(pieces) * fables: _speeds(runs) for fables, runs in together.items()}, upstream)
    else:
        report.say(
            " on a GPU: not measured, none is here (reach, at the best batch: 20 times upstream, 100 times real time;"
            " the first sentence: 3 times sooner)"
        )


def _speeds(runs: Sequence[Sequence[float]]) -> list[float]:
    """Seconds of sound a second."""
    return [run[-1] / run[-2] for run in runs]


def _say_best(report: Report, speeds: dict[int, list[float]], upstream: float) -> None:
    best = max(report.figure(f"ours, {many} sentences at once", each, "s/s") for many, each in speeds.items())
    _ratio(report, "faster than upstream at the best", best / upstream, "20")
    _ratio(report, "faster than real time at the best", best, "100")


@contextmanager
def _timed_parts(parts: dict[str, tuple[Any, str]], seconds: dict[str, float]) -> Iterator[None]:
    """Adds to `seconds` what the calls of each part (an object's function) take, what they leave to a GPU included."""
    with ExitStack() as stack:
        for name, (owner, function) in parts.items():
            whole = getattr(owner, function)

            def timed(*arguments: Any, _name: str = name, _whole: Any = whole, **named: Any) -> Any:
                _settle()
                result, taken = _timed(lambda: _settle(_whole(*arguments, **named)))
                seconds[_name] = seconds.get(_name, 0.0) + taken
                return result

            setattr(owner, function, timed)
            stack.callback(setattr, owner, function, whole)
        yield


def _settle(result: Any = None) -> Any:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result


def _say_where(report: Report, who: str, seconds: dict[str, float], whole: float) -> None:
    parts = {"T3 and the rest": whole - sum(seconds.values()), **seconds}
    said = ", ".join(f"{name} {100 * taken / whole:.0f} %" for name, taken in parts.items())
    report.say(f"  where the time goes, {who}: {said}")


@contextmanager
def _cut_off(t3: Any, tokens: int) -> Iterator[None]:
    """Upstream's `generate` has no parameter for it."""
    whole = t3.inference
    t3.inference = lambda **arguments: whole(**(arguments | {"max_new_tokens": tokens}))
    try:
        yield
    finally:
        del t3.inference


@contextmanager
def _quiet() -> Iterator[None]:
    """Without upstream's progress bars, which cost it nothing but our output."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        before, sys.stderr = sys.stderr, nowhere
        try:
            yield
        finally:
            sys.stderr = before


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def _faster(report: Report, unit: str, mine: Sequence[float], other: Sequence[float], *, reach: str) -> float:
    """Returns upstream's median."""
    ours = report.figure("ours, all at once", mine, unit)
    theirs = report.figure("upstream, one by one", other, unit)
    _ratio(report, "faster", ours / theirs, reach)
    return theirs


def _ratio(report: Report, what: str, ratio: float, reach: str) -> None:
    report.say(f"  {what:<44} {ratio:>9.2f} times      (reach {reach})")


if __name__ == "__main__":
    _load_here(sys.argv[1], Path(sys.argv[2]))
