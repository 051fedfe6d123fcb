"""What a listener gets: how soon, what the second time takes, whether it is read and heard right, at what overhead.

Expected before the first run, on two idle cores:
- first audio: 2 s. A tenth until the job is claimed, half a second for the first sentence, and up to a second until the
  request says so, because a document is written once a second. Memory: the same after 6,000 words as after 300, to
  10 MB: the texts and their times are all that is kept.
- again: no GPU second, and a third of the first time: what is left is to fetch the pieces, to master and to encode. One
  sentence changed: one piece spoken, a second more.
- read right: 97 % of the tables' rows, num2words alone half of that.
- heard right: a third of the words wrong, because the recogniser is small, and within 2 points as wrong as from the
  engine itself; the loudness to 0.3 LU; the median word 40 ms from where the recogniser has it.
- overhead: 0.015 of the audio's length, most of it for the two encoders.
"""

from __future__ import annotations

import os

from benchmarks import heard, overhead, reading
from benchmarks.listener import Listener, Told
from benchmarks.processes import peak_rss
from benchmarks.report import Report
from benchmarks.stories import as_text, sentence, story
from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud

WORDS = 1500
SHORT_WORDS, LONG_WORDS = 300, 6000
_MOST_AGAIN = 3  # runs: each takes a third of a first telling
_UNUSED = 1_000_000  # sentences from here on are in no story
_PLENTY = {"RATE_LIMIT_TTS_PER_MINUTE": "1000", "CHARACTERS_PER_DAY": "100000000"}


def measure(report: Report) -> None:
    with EmbeddedCloud(Options(functions_env=_PLENTY, schedules=False, worker_concurrency=1)) as cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        listener = Listener(cloud)
        (worker,) = cloud.cloud.workers.children.values()
        _first_audio(report, listener, worker.pid)
        heard.measure(report, listener)
        listener.close()
    overhead.measure(report)
    report.say("read right: the tables of tests/reading")
    reading.measure(report)


def _first_audio(report: Report, listener: Listener, worker: int) -> None:
    """One worker tells stories of growing length; no sentence comes twice, so every piece is spoken."""
    _tell_new(listener, SHORT_WORDS, 0)
    short = peak_rss(worker)
    report.say(f"first audio: {WORDS} words, from the request to a playable first segment")
    stories = range(1, report.runs + 1)
    seconds = [listener.seconds_to_first_audio(as_text(story(WORDS, number))) for number in stories]
    report.figure("first audio", seconds, "s", "3")
    number = report.runs + 1
    first = _tell_new(listener, WORDS, number)
    report.figure(f"{WORDS} words, request to ready", [first.seconds], "s")
    report.figure("times faster than real time", [first.audio_seconds / first.seconds], "x")
    middle = peak_rss(worker)
    _again(report, listener, story(WORDS, number), first)
    _tell_new(listener, LONG_WORDS, number + 1)
    report.say("memory: peak RSS of the worker after stories of growing length")
    long = peak_rss(worker)
    for words, megabytes in ((SHORT_WORDS, short), (WORDS, middle), (LONG_WORDS, long)):
        report.figure(f"after {words} words", [megabytes], "MB")
    report.figure(f"growth from {WORDS} to {LONG_WORDS} words", [long - middle], "MB", "0")


def _tell_new(listener: Listener, words: int, number: int) -> Told:
    told = listener.tell(as_text(story(words, number)))
    assert told.usage["piecesReused"] == 0, "the story was to be new"
    return told


def _again(report: Report, listener: Listener, sentences: list[str], first: Told) -> None:
    """The same text in another story by the same parent; then with a sentence in its middle that nobody has spoken."""
    runs = range(min(report.runs, _MOST_AGAIN))
    same = [listener.tell(as_text(sentences)) for _ in runs]
    middle = len(sentences) // 2
    before, after = sentences[:middle], sentences[middle + 1 :]
    changed = [listener.tell(as_text([*before, sentence(_UNUSED + run), *after])) for run in runs]
    report.say(f"again: the same {WORDS} words, {first.spoken} pieces, told in {first.seconds:.1f} s at first")
    _say_again(report, "the same", same, first, spoken="0")
    report.figure("the same: GPU seconds", [told.usage["gpuSeconds"] for told in same], "s", "0")
    _say_again(report, "a sentence changed", changed, first, spoken="1")


def _say_again(report: Report, what: str, again: list[Told], first: Told, *, spoken: str) -> None:
    """`spoken`: how many pieces are to be."""
    report.figure(f"{what}: pieces spoken", [told.spoken for told in again], "", spoken)
    report.figure(f"{what}: request to ready", [told.seconds for told in again], "s")
    report.figure(f"{what}: share of the first time", [told.seconds / first.seconds for told in again], "")
