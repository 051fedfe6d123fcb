"""When each word of a story is heard: timings.json. Pure.

    {"version": 1, "source": "engine", "language": "en", "seconds": 61.2, "offsets": "code points",
     "pieces": [{"start": 0.13, "end": 2.4, "from": 0, "to": 31, "source": "engine",
                 "words": [{"start": 0.13, "end": 0.31, "from": 0, "to": 3}, …]}, …]}

Times are in seconds in the finished sound; from and to are offsets into the story's text. `source` says where the
words' times come from, of each piece and, the weakest of them, of the whole:
- engine: from the voice's model itself (piper's phoneme durations, Chatterbox's attention),
- proportional: shared out by letters between the silences that belong to punctuation.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from gpu_job.audio import SPEECH_RATE, Samples, amplitude, frame_rms
from gpu_job.engines.protocol import SpokenWord
from gpu_job.narration.assembly import Block
from gpu_job.narration.pieces import Piece
from gpu_job.narration.reading.punctuation import ENDS_CLAUSE
from gpu_job.narration.speech_length import letters

VERSION = 1
CONTENT_TYPE = "application/json"
_FRAME_SECONDS = 0.01
_SILENT_BELOW_PEAK_DB = 35.0
_LEAST_SILENCE_SECONDS = 0.12  # shorter ones lie within words: the closure of a "t"
_MOST_DRIFT_SECONDS = 0.6  # between where a pause is expected and where its silence is


class Source(StrEnum):
    """From the best to the weakest."""

    ENGINE = "engine"
    PROPORTIONAL = "proportional"


class TimedWord(NamedTuple):
    """Source text[start:end] is heard from `starts_at` to `ends_at`, in seconds."""

    start: int
    end: int
    starts_at: float
    ends_at: float


class TimedPiece(NamedTuple):
    """A piece of the plan with its times in the narration."""

    piece: Piece
    starts_at: float
    ends_at: float
    source: Source
    words: tuple[TimedWord, ...]


def timed(piece: Piece, block: Block, *, rate: int = SPEECH_RATE) -> TimedPiece:
    """The times of a piece's words, which never overlap and lie within it."""
    if block.words:
        source, spans = Source.ENGINE, _by_engine(piece, block.words, block.starts_at)
    else:
        source, spans = Source.PROPORTIONAL, _by_letters(piece, block, rate)
    words = (
        TimedWord(unit.start, unit.end, starts_at, ends_at)
        for unit, (starts_at, ends_at) in zip(piece.words, spans, strict=True)
    )
    return TimedPiece(piece, block.starts_at, block.ends_at, source, tuple(words))


def _by_engine(piece: Piece, spoken: Sequence[SpokenWord], earliest: float) -> list[tuple[float, float]]:
    """Times of the plan's words from the engine's, which may be shorter (five dollars) or longer (without spaces)."""
    found: list[tuple[float, float]] = []
    latest = earliest
    for start, end in piece.spans:
        within = [word for word in spoken if word.start < end and word.end > start]
        if within:
            found.append((max(latest, _at(within[0], start)), max(latest, _at(within[-1], end))))
            latest = found[-1][1]
        else:
            found.append((latest, latest))
    return found


def _at(word: SpokenWord, offset: int) -> float:
    """When a word's characters before `offset` have been heard, were they all of one length."""
    share = (min(max(offset, word.start), word.end) - word.start) / max(1, word.end - word.start)
    return word.starts_at + share * (word.ends_at - word.starts_at)


def _by_letters(piece: Piece, block: Block, rate: int) -> list[tuple[float, float]]:
    """Each word gets time by its letters, anew from every silence that a punctuation mark explains."""
    weights = [max(1.0, letters(word.spoken)) for word in piece.words]
    before = np.concatenate([[0.0], np.cumsum(weights)])
    silences = _silences(block, rate)
    quiet = sum(end - start for start, end in silences)
    pace = (block.ends_at - block.starts_at - quiet) / before[-1]
    # Anchors: (words spoken so far, when they end, when the next begins).
    anchors = [(0, block.starts_at, block.starts_at)]
    marks = [at + 1 for at, word in enumerate(piece.words[:-1]) if ENDS_CLAUSE.search(word.spoken)]
    for start, end in silences:
        spoken, _, begun = anchors[-1]
        ahead = [mark for mark in marks if mark > spoken]
        if not ahead:
            break
        mark = min(ahead, key=lambda mark: abs(begun + (before[mark] - before[spoken]) * pace - start))
        if abs(begun + (before[mark] - before[spoken]) * pace - start) <= _MOST_DRIFT_SECONDS:
            anchors.append((mark, start, end))
    anchors.append((len(weights), block.ends_at, block.ends_at))
    spans: list[tuple[float, float]] = []
    for (first, _, begins_at), (after, ends_at, _) in pairwise(anchors):
        scale = (ends_at - begins_at) / (before[after] - before[first])
        edges = [float(begins_at + (at - before[first]) * scale) for at in before[first : after + 1]]
        spans.extend(pairwise(edges))
    return spans


def _silences(block: Block, rate: int) -> list[tuple[float, float]]:
    """The silences within a piece, in seconds of the narration."""
    frame = int(_FRAME_SECONDS * rate)
    length = round((block.ends_at - block.starts_at) * rate)
    speech = _speech(block, length)
    levels = frame_rms(speech, frame)
    if not len(levels):
        return []
    is_silent = levels < levels.max() * amplitude(-_SILENT_BELOW_PEAK_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_silent, [False]]).astype(int)))
    spans = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    return [
        (block.starts_at + start * _FRAME_SECONDS, block.starts_at + end * _FRAME_SECONDS)
        for start, end in spans
        if (end - start) * _FRAME_SECONDS >= _LEAST_SILENCE_SECONDS and start > 0 and end < len(levels)
    ]


def _speech(block: Block, length: int) -> Samples:
    """Without the pauses around it."""
    sounding = np.flatnonzero(block.samples)
    first = int(sounding[0]) if len(sounding) else 0
    return block.samples[first : first + length]


class Timings:
    """Collects the pieces as they are done, as bytes, and writes the file."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._source = Source.ENGINE
        self._pieces: list[msgspec.Raw] = []

    def add(self, piece: TimedPiece) -> None:
        if piece.source is Source.PROPORTIONAL:
            self._source = piece.source
        document: dict[str, Any] = {
            **_span(piece.starts_at, piece.ends_at, piece.piece.start, piece.piece.end),
            "source": piece.source,
            "words": [_span(word.starts_at, word.ends_at, word.start, word.end) for word in piece.words],
        }
        if piece.piece.voice is not None:
            document["voice"] = piece.piece.voice
        self._pieces.append(msgspec.Raw(msgspec.json.encode(document)))

    def as_json(self, *, seconds: float) -> bytes:
        """timings.json; `seconds` is the length of the narration."""
        return msgspec.json.encode(
            {
                "version": VERSION,
                "source": self._source,
                "language": self._language,
                "seconds": round(seconds, 3),
                "offsets": "code points",
                "pieces": self._pieces,
            }
        )


def _span(starts_at: float, ends_at: float, start: int, end: int) -> dict[str, float]:
    return {"start": round(starts_at, 3), "end": round(ends_at, 3), "from": start, "to": end}
