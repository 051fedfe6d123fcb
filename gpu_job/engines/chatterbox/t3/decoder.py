"""Many sentences at once through T3, from text tokens to speech tokens.

    waiting ──admit──▶ rows of the cache ──step, step, step …──▶ decoded
              │  prompts, packed              │ every row one token
              │  first token                  │ whoever has finished leaves, whoever waits takes the place

A sentence has one row, two with guidance. Sentences join and leave between steps, so the batch stays full while any wait
(continuous batching), and of different calls, voices and parameters they share it. What a sentence says depends on
its own prompt, parameters and seed alone: its row has its exact length, its own generator draws for it.

There is no thread in here. Whoever asks for a result does the next step, for everybody; who asks meanwhile waits for a
step's end. A caller that stops asking stops its work, and one that closes its generator gives its rows back at once.

Where the host waits for the device: once in `look_every` steps, to see who has finished. On a CPU that is every step; on
a GPU it is every few, and what a finished sentence says in between is thrown away.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.attention import PromptAttention, Segment
from gpu_job.engines.chatterbox.t3.backbone import backbone_of
from gpu_job.engines.chatterbox.t3.cache import CacheShape, KeyValueCache, in_blocks
from gpu_job.engines.chatterbox.t3.prompt import Beginning, Prompts
from gpu_job.engines.chatterbox.t3.sampling import Samplers
from gpu_job.engines.chatterbox.t3.sentence import Decoded, Sentence
from gpu_job.engines.chatterbox.t3.step import step_for
from jobs.errors import InvalidArgument, ResourceExhausted

_PROMPT_POSITIONS = 4096  # packed at a time: what bounds the memory of activations while prompts are read
_VOICES_KEPT = 4  # beginnings of voices, some 35 MB each in float32


@dataclass(eq=False)
class _Call:
    """One call of `decode`."""

    unfinished: int
    results: deque[Decoded] = field(default_factory=deque)
    error: BaseException | None = None


@dataclass(eq=False)
class _Spoken:
    """A sentence, and what it has said so far."""

    sentence: Sentence
    call: _Call
    rows: list[int] = field(default_factory=list)  # of the cache: its own, then the guidance's
    length: int = 0  # columns that its rows hold; the last token drawn is not in them yet
    tokens: list[int] = field(default_factory=list)  # as far as the host has looked

    @property
    def needs_rows(self) -> int:
        return max(1, len(self.rows))


class SpeechDecoder:
    """Decodes with one T3. May be called from several threads at once; their sentences share the batch."""

    def __init__(
        self, t3: Any, *, max_sentences: int = 16, cache_bytes: int = 8 * 2**30, look_every: int | None = None
    ) -> None:
        """`max_sentences` speak at a time, fewer where `cache_bytes` does not hold their keys and values.

        `look_every`: steps between two looks at who has finished; by default 1 on a CPU and 8 on a GPU.
        """
        self._t3 = t3
        self._device: torch.device = t3.device
        self._backbone = backbone_of(t3)
        self._prompts = Prompts(t3)
        weight = t3.speech_head.weight
        shape = CacheShape(self._backbone.layers, self._backbone.heads, self._backbone.head_size, weight.dtype)
        self._cache = KeyValueCache(shape, self._device)
        self._step = step_for(t3, self._backbone, self._cache)
        self._look_every = look_every or (1 if self._device.type == "cpu" else 8)
        self._max_sentences = max_sentences
        self._max_columns = cache_bytes // shape.column_bytes  # over all rows
        self._halved = False

        self._state = threading.Condition()
        self._stepping = False
        self._waiting: deque[_Spoken] = deque()
        # Whoever steps has these to itself.
        self._speaking: list[_Spoken] = []
        self._samplers: Samplers | None = None
        self._last: Tensor | None = None  # (sentences,) the tokens drawn last
        self._beginnings: dict[int, tuple[object, Beginning]] = {}

    @property
    def column_bytes(self) -> int:
        """Of the cache, for one position of one row; a sentence with guidance has two rows."""
        return self._cache.shape.column_bytes

    def decode(self, sentences: Sequence[Sentence]) -> Iterator[Decoded]:
        """Each sentence's speech as soon as it is over, shortest first rather than in order.

        Lazy: works while it is asked. Raises InvalidArgument, before anything is decoded, where a sentence cannot be
        read or could not fit into the cache; ResourceExhausted where the device's memory does not suffice even for half
        of the batch.
        """
        call = _Call(len(sentences))
        spoken = [_Spoken(sentence, call) for sentence in sentences]
        for each in spoken:
            self._prompts.check(each.sentence)
            self._check_fits(each)
        return self._results(call, spoken)

    def _results(self, call: _Call, spoken: list[_Spoken]) -> Iterator[Decoded]:
        with self._state:
            self._waiting.extend(spoken)
        try:
            while call.unfinished or call.results:
                self._work_for(call)
                if call.error is not None:
                    raise call.error
                while call.results:
                    yield call.results.popleft()
        finally:
            self._withdraw(call)

    def _work_for(self, call: _Call) -> None:
        """Steps, or waits while somebody else steps, until the call has something to hand out."""
        while not call.results and call.error is None:
            with self._turn() as mine:
                if mine:
                    self._advance()

    @contextlib.contextmanager
    def _turn(self, *, insist: bool = False) -> Iterator[bool]:
        """Whether it is our turn to touch the batch; if not, a step of somebody else's has just ended."""
        with self._state:
            if self._stepping and not insist:
                self._state.wait()
                mine = False
            else:
                while self._stepping:
                    self._state.wait()
                mine = self._stepping = True
        try:
            yield mine
        finally:
            if mine:
                with self._state:
                    self._stepping = False
                    self._state.notify_all()

    def _withdraw(self, call: _Call) -> None:
        if not call.unfinished:
            return
        with self._turn(insist=True):
            self._waiting = deque(each for each in self._waiting if each.call is not call)
            self._leave([each for each in self._speaking if each.call is call])
            self._rest()

    # One turn: admit whoever fits, a few steps, let go of whoever has finished.

    def _advance(self) -> None:
        try:
            with torch.inference_mode():
                self._admit()
                self._speak()
        except torch.OutOfMemoryError as error:
            self._halve(error)
        except BaseException as error:  # its rows are in an unknown state: nobody may go on from them
            self._fail(error)
        self._rest()

    def _speak(self) -> None:
        """`look_every` steps, then a look at what has been said."""
        assert self._last is not None
        drawn = [self._last]
        for count in range(1, self._look_every):
            drawn.append(self._next(drawn[-1], count))
        said = torch.stack(drawn, dim=1).tolist()  # (sentences, steps): here the host waits for the device
        finished = []
        for spoken, tokens in zip(self._speaking, said, strict=True):
            if self._hear(spoken, tokens):
                finished.append(spoken)
        self._leave(finished)
        if self._speaking:
            assert self._last is not None
            # The last token of the look has been drawn, not shown to the model.
            ...

    def _hear(self, spoken: _Spoken, tokens: list[int]) -> bool:
        return False
