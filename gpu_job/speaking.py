"""Pieces of a plan into speech, in order: found where they were spoken before, else spoken, listened to, and kept.

    plan     1 2 3 4 5 6 7 8 …                    looked up a window ahead, while the window before is spoken
    found      2 3       8
    runs     1     4 5 6   7(another voice)       what is missing goes to the engine in runs of one voice

The engine gets a whole run at a time, so that one that can speak many pieces at once does. What is said again in the
same story is spoken once, too: it is found where its first time was kept. So the same story sounds the same each time.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import NamedTuple, Self

from gpu_job.chunks import Chunks, as_kept
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Engine, Speech, SpeechParameters
from gpu_job.narration.checks import Pace, Verdict, check
from gpu_job.narration.pieces import Piece
from gpu_job.narration.recognition import LANGUAGE as RECOGNISED
from gpu_job.narration.recognition import Recogniser
from gpu_job.narration.retakes import Kept, best_take, seed_of_take
from jobs import logs
from jobs.errors import Internal, InvalidArgument

WINDOW = 32  # pieces that are looked up at once, and the most that the engine gets at once
_LOOKUPS = 8  # at a time; a bucket answers in tens of milliseconds
_KEEPERS = 2
_UNJUDGED = Verdict()


@dataclass(frozen=True)
class Voice:
    """Whose voice, and what has been kept of it."""

    profile: VoiceProfile
    chunks: Chunks


class Told(NamedTuple):
    """A piece with the take that is kept of it; `found`: from an earlier narration."""

    piece: Piece
    kept: Kept
    found: bool


class Speaker:
    """Use it as a context manager: however it ends, what has been spoken, and so paid for, is kept by then.

    `engine_seconds` is the time that the engine took, which is what a GPU is paid for; `found` counts the pieces that
    had been spoken before, for another narration or earlier in this one.
    """

    def __init__(
        self,
        engine: Engine,
        voices: Mapping[str | None, Voice],
        parameters: SpeechParameters,
        recogniser: Recogniser | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._voices = voices
        self._parameters = parameters
        self._recogniser = recogniser
        self._clock = clock
        self._paces = {name: Pace() for name in voices}
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="chunks-find", initializer=logs.also_about())
        self._keepers = ThreadPoolExecutor(_KEEPERS, thread_name_prefix="chunks-keep", initializer=logs.also_about())
        self._met: set[str] = set()  # keys of chunks
        self._keeping: dict[str, Future[None]] = {}  # by the same
        self.engine_seconds = 0.0
        self.found = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lookups.shutdown(cancel_futures=True)
        self._keepers.shutdown()

    def speak(self, pieces: Sequence[Piece]) -> Iterator[Told]:
        """Every piece in order, each as soon as it is there. Raises what the engine raises of a whole narration."""
        numbered = iter(enumerate(pieces))
        window = self._looked_up(numbered)
        while window:
            ahead = self._looked_up(numbered)
            for run in _runs(window):
                yield from self._told(run)
            window = ahead

    def _looked_up(self, numbered: Iterator[tuple[int, Piece]]) -> list[_Wanted]:
        return [self._wanted(number, piece) for number, piece in islice(numbered, WINDOW)]

    def _wanted(self, number: int, piece: Piece) -> _Wanted:
        chunks = self._voices[piece.voice].chunks
        key = chunks.key(piece.spoken)
        if key in self._met:
            return _Wanted(number, piece, key, None)
        self._met.add(key)
        return _Wanted(number, piece, key, self._lookups.submit(chunks.find, key, number))

    def _told(self, run: list[_Wanted]) -> Iterator[Told]:
        speech = self._found(run[0])
        if speech is not None:
            self.found += 1
            yield Told(run[0].piece, Kept(speech, _UNJUDGED, 0), found=True)
        else:
            yield from self._spoken(run)

    def _found(self, wanted: _Wanted) -> Speech | None:
        if wanted.found is not None:
            return wanted.found.result()
        if wanted.key in self._keeping:
            self._keeping[wanted.key].result()
        return self._voices[wanted.piece.voice].chunks.find(wanted.key, wanted.number)

    def _spoken(self, run: list[_Wanted]) -> Iterator[Told]:
        """A run of missing pieces of one voice. Where the engine gives up at one, it begins anew after it."""
        voice = self._voices[run[0].piece.voice]
        first_takes: Iterator[Speech] = iter(())
        for done, (number, piece, key, _) in enumerate(run):
            if done == 0 or first_takes is _BROKEN:
                rest = [each.piece.spoken for each in run[done:]]
                first_takes = self._engine.speak(rest, voice.profile, self._parameters)
            kept, broken = self._best(piece, voice, first_takes)
            if broken:
                first_takes = _BROKEN
            if kept.speech is not None:
                speech = as_kept(dataclasses.replace(kept.speech, index=number))
                kept = dataclasses.replace(kept, speech=speech)
                if kept.verdict.is_good:
                    self._keeping[key] = self._keepers.submit(voice.chunks.keep, key, speech)
            yield Told(piece, kept, found=False)

    def _best(self, piece: Piece, voice: Voice, first_takes: Iterator[Speech]) -> tuple[Kept, bool]:
        """The take to keep, and whether the run's iterator has ended with an error at this piece."""
        broken = False

        def take(number: int) -> Speech:
            nonlocal broken
            if number:
                parameters = self._again(number)
                return self._timed(self._engine.speak([piece.spoken], voice.profile, parameters))
            try:
                return self._timed(first_takes)
            except (InvalidArgument, Internal):
                broken = True
                raise

        kept = best_take(take, lambda speech: self._judge(speech, piece))
        self._paces[piece.voice].learn(kept.verdict)
        return kept, broken

    def _again(self, number: int) -> SpeechParameters:
        return dataclasses.replace(self._parameters, seed=seed_of_take(self._parameters.seed, number))

    def _timed(self, takes: Iterator[Speech]) -> Speech:
        started = self._clock()
        try:
            return next(takes)
        except StopIteration:
            raise Internal("The voice gave fewer parts of the story than were asked of it.") from None
        finally:
            self.engine_seconds += self._clock() - started

    def _judge(self, speech: Speech, piece: Piece) -> Verdict:
        verdict = check(speech.audio, piece.spoken, self._paces[piece.voice])
        if self._recogniser and self._voices[piece.voice].profile.language == RECOGNISED:
            return self._recogniser.judged(speech.audio, piece.spoken, verdict)
        return verdict


class _Wanted(NamedTuple):
    """A piece that is looked up under its key; `found` is None for one that has come before in this narration."""

    number: int
    piece: Piece
    key: str
    found: Future[Speech | None] | None

    @property
    def is_missing(self) -> bool:
        return self.found is not None and self.found.result() is None


_BROKEN: Iterator[Speech] = iter(())


def _runs(window: list[_Wanted]) -> Iterator[list[_Wanted]]:
    """Found pieces one by one, missing ones as long as they follow each other in one voice."""
    run: list[_Wanted] = []
    for wanted in window:
        if run and not (wanted.is_missing and wanted.piece.voice == run[0].piece.voice):
            yield run
            run = []
        if wanted.is_missing:
            run.append(wanted)
        else:
            yield [wanted]
    if run:
        yield run
