"""Many sentences at once through T3, from text tokens to speech tokens.

    waiting ──▶ prompt into rows of the cache, first token ──▶ step ▸ step ▸ step … every row one token ──▶ decoded
                                                                 │ who is done leaves, who waits takes the rows

A sentence has one row, two with guidance. Sentences join and leave between steps, so the batch stays full while any
wait (continuous batching), and sentences of different calls, voices and parameters share it. What a sentence says
depends on its own prompt, parameters and seed: its rows have their exact length, and its own generator draws for it.

There is no thread in here. Whoever asks for a result does the next steps, for everybody; who asks meanwhile waits for
their end. A caller that stops asking stops its work, and one that closes its iterator gives its rows back at once.

Where the host waits for the device: once a sentence, at its first token, and once in `look_every` steps, to see who is
done. On a CPU that is every step; on a GPU it is every few, and what is said beyond the end is thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.backbone import backbone_of
from gpu_job.engines.chatterbox.t3.cache import BLOCK, CacheShape, KeyValueCache, in_blocks
from gpu_job.engines.chatterbox.t3.prompt import Prompts
from gpu_job.engines.chatterbox.t3.reading import PromptReader
from gpu_job.engines.chatterbox.t3.sampling import Samplers
from gpu_job.engines.chatterbox.t3.sentence import Decoded, Sentence
from gpu_job.engines.chatterbox.t3.step import EagerStep, Step, WindowStep
from jobs.errors import InvalidArgument, Unavailable

logger = logging.getLogger(__name__)

_JOIN_AT_ONCE = 4
_COLUMNS_AT_FIRST = 1536  # of a GPU's rows: a voice, 300 characters, 40 s. More makes new memory, and new graphs


@dataclass(eq=False)
class _Call:
    """One call of `decode`."""

    unfinished: int
    results: deque[Decoded] = field(default_factory=deque)
    error: Exception | None = None


@dataclass(eq=False)
class _Spoken:
    """A sentence and what it has said so far."""

    sentence: Sentence
    call: _Call
    columns: int  # that each of its rows may need
    rows: list[int] = field(default_factory=list)  # its own, then the guidance's if it has one
    length: int = 0  # columns that its rows hold: all but the token drawn last
    tokens: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Who speaks, and where in the packed rows of a step each one's are. Made anew when somebody joins or leaves."""

    spoken: list[_Spoken]
    samplers: Samplers  # in the order of `spoken`
    last: Tensor  # (sentences,) the tokens drawn last
    rows: list[int]  # of the cache, in packed order
    owners: Tensor  # (packed rows,) whose each is
    own: Tensor  # (sentences,) where its own row is
    guidance: Tensor  # (sentences,) where its guidance's row is; its own where it has none

    @classmethod
    def of(cls, spoken: list[_Spoken], samplers: Samplers, last: Tensor) -> _Batch:
        rows = [row for each in spoken for row in each.rows]
        owners = [index for index, each in enumerate(spoken) for _ in each.rows]
        own = [owners.index(index) for index in range(len(spoken))]
        guidance = [first + len(each.rows) - 1 for first, each in zip(own, spoken, strict=True)]
        owners_, own_, guidance_ = (torch.tensor(each, device=last.device) for each in (owners, own, guidance))
        return cls(spoken, samplers, last, rows, owners_, own_, guidance_)


class SpeechDecoder:
    """Decodes with one of upstream's T3. Several threads may call it at once; their sentences share the batch."""

    def __init__(
        self,
        t3: Any,
        *,
        max_sentences: int = 16,
        cache_bytes: int = 12 * 2**30,
        look_every: int | None = None,
        windowed: bool | None = None,
    ) -> None:
        """`max_sentences` speak at a time, fewer where `cache_bytes` does not hold their keys and values.

        `look_every`: steps between two looks at who is done; by default 1 on a CPU and 8 on a GPU. `windowed`: whether
        a step is computed as on a GPU (see step.py); by default, on a GPU.
        """
        self._t3 = t3
        self._device: torch.device = t3.device
        on_cpu = self._device.type == "cpu"
        windowed = not on_cpu if windowed is None else windowed
        backbone = backbone_of(t3)
        weight = t3.speech_head.weight
        shape = CacheShape(backbone.layers, backbone.heads, backbone.head_size, weight.dtype)
        self._prompts = Prompts(t3)
        self._cache = KeyValueCache(shape, self._device, zeroed=windowed)
        self._reader = PromptReader(self._prompts, backbone, self._cache)
        self._step: Step = (WindowStep if windowed else EagerStep)(backbone, t3.speech_head, self._cache)
        self._windowed = windowed
        self._look_every = look_every or (1 if on_cpu else 8)
        self._rows = max_sentences * (2 if self._prompts.guided else 1)
        self._max_columns = cache_bytes // shape.column_bytes  # over all rows
        self._halved = False

        self._state = threading.Condition()
        self._stepping = False
        self._waiting: deque[_Spoken] = deque()
        self._batch: _Batch | None = None  # only whoever steps touches it

    @property
    def column_bytes(self) -> int:
        """What one position of one row costs in the cache; a sentence with guidance has two rows."""
        return self._cache.shape.column_bytes

    def decode(self, sentences: Sequence[Sentence]) -> Iterator[Decoded]:
        """Each sentence's speech as soon as it is over, whichever that is.

        Lazy: works while it is asked. Raises InvalidArgument, at once, where a sentence cannot be read or would not fit
        into the cache; Unavailable where the device's memory does not even hold half of the batch.
        """
        call = _Call(len(sentences))
        spoken = []
        for sentence in sentences:
            self._prompts.check(sentence)
            spoken.append(_Spoken(sentence, call, in_blocks(self._reader.columns(sentence))))
            rows, columns = self._memory_for(self._needs(spoken[-1]), spoken[-1].columns)
            if rows * columns > self._max_columns:
                raise InvalidArgument("The text is too long for the memory of this worker. Divide it.")
        return self._results(call, spoken)

    def _results(self, call: _Call, spoken: list[_Spoken]) -> Iterator[Decoded]:
        with self._state:
            self._waiting.extend(spoken)
        try:
            while call.unfinished or call.results:
                while not call.results:
                    if call.error is not None:
                        raise call.error
                    self._work()
                yield call.results.popleft()
        finally:
            self._withdraw(call)

    def _work(self) -> None:
        """Some steps, or the wait for somebody else's."""
        with self._state:
            if self._stepping:
                self._state.wait()
                return
            self._stepping = True
        with self._end_of_turn():
            self._advance()

    def _withdraw(self, call: _Call) -> None:
        if not call.unfinished:
            return
        with self._state:
            self._state.wait_for(lambda: not self._stepping)
            self._stepping = True
        with self._end_of_turn():
            with self._state:  # others may be adding to it
                self._waiting = deque(each for each in self._waiting if each.call is not call)
            self._keep([each for each in self._speaking if each.call is not call])

    @contextlib.contextmanager
    def _end_of_turn(self) -> Iterator[None]:
        try:
            yield
        finally:
            if not self._waiting and not self._batch:
                self._reader.forget()
            with self._state:
                self._stepping = False
                self._state.notify_all()

    # From here on, what one thread at a time does.

    @property
    def _speaking(self) -> list[_Spoken]:
        return self._batch.spoken if self._batch else []

    def _advance(self) -> None:
        try:
            with torch.inference_mode():
                self._admit()
                if self._batch:
                    self._speak(self._batch)
        except torch.OutOfMemoryError as error:
            self._halve(error)
        except Exception as error:  # noqa: BLE001  each caller raises it
            self._fail(error)

    def _admit(self) -> None:
        """Whoever waits, in order, as far as there is room; a few at a time, since those who speak wait meanwhile."""
        for _ in range(_JOIN_AT_ONCE):
            if not self._waiting or not self._has_room(self._waiting[0]):
                return
            spoken = self._waiting.popleft()
            try:
                self._join(spoken)
            except Exception:
                self._waiting.appendleft(spoken)  # where whoever handles it finds everybody
                raise

    def _needs(self, spoken: _Spoken) -> int:
        """Rows."""
        return 2 if self._prompts.guided and spoken.sentence.sampling.cfg_weight > 0 else 1

    def _memory_for(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns to reserve for so many."""
        if not self._windowed:
            return rows, columns
        rows = max(rows, self._rows)  # all at once, since the shape of a step is to stay
        return rows, max(columns, min(_COLUMNS_AT_FIRST, self._max_columns // rows // BLOCK * BLOCK))

    def _has_room(self, spoken: _Spoken) -> bool:
        in_use = sum(len(each.rows) for each in self._speaking)
        if in_use and in_use + self._needs(spoken) > self._rows:
            return False
        rows, columns = self._memory_for(in_use + self._needs(spoken), spoken.columns)
        if not in_use and (self._cache.columns > columns or self._cache.rows * columns > self._max_columns):
            self._cache.release()  # what others needed would now be in the way
        if in_use and max(rows, self._cache.rows) * max(columns, self._cache.columns) > self._max_columns:
            return False
        self._cache.reserve(rows, columns, used=max((each.length for each in self._speaking), default=0))
        return True

    def _join(self, spoken: _Spoken) -> None:
        """Its prompt, its first token, and its place in the batch."""
        taken = {row for each in self._speaking for row in each.rows}
        free = (row for row in range(self._cache.rows) if row not in taken)
        rows = [next(free) for _ in range(self._needs(spoken))]
        sentence = spoken.sentence
        length, states = self._reader.read(sentence, rows[0], rows[1] if len(rows) > 1 else None)
        logits = self._t3.speech_head(states)
        start = self._t3.hp.start_speech_token
        samplers = Samplers.starting(
            [sentence.sampling], tokens=logits.shape[1], start_token=start, device=self._device
        )
        first = self._draw(samplers, logits[:1], logits[-1:])
        if not self._prompts.guided:
            samplers.forget(start)  # upstream's penalty knows of it at the first token only
        if self._hears(spoken, first.tolist()):
            return
        spoken.rows, spoken.length = rows, length
        if self._batch:
            samplers, first = self._batch.samplers.joined(samplers), torch.cat((self._batch.last, first))
        self._batch = _Batch.of([*self._speaking, spoken], samplers, first)

    def _speak(self, batch: _Batch) -> None:
        """Some steps, then a look at what has been said."""
        left = min(each.sentence.max_tokens - len(each.tokens) for each in batch.spoken)
        last, drawn = batch.last, []
        for count in range(min(self._look_every, left)):
            last = self._next(batch, last, count)
            drawn.append(last)
        said = torch.stack(drawn, dim=1).tolist()  # (sentences, steps): here the host waits for the device
        self._batch = dataclasses.replace(batch, last=last)
        for each in batch.spoken:
            each.length += len(drawn)
        done = {id(each) for each, tokens in zip(batch.spoken, said, strict=True) if self._hears(each, tokens)}
        if done:
            self._keep([each for each in batch.spoken if id(each) not in done])

    def _next(self, batch: _Batch, last: Tensor, count: int) -> Tensor:
        """The `count`-th of some steps, from 0: shows the model the tokens drawn last, draws the next, (sentences,)."""
        ordinals = torch.tensor([len(each.tokens) + count for each in batch.spoken], device=self._device)
        inputs = self._prompts.spoken(last, ordinals)[batch.owners]
        lengths = [each.length + count for each in batch.spoken for _ in each.rows]
        logits = self._step(inputs, batch.rows, lengths)
        return self._draw(batch.samplers, logits[batch.own], logits[batch.guidance])

    def _draw(self, samplers: Samplers, logits: Tensor, unguided: Tensor) -> Tensor:
        return samplers.draw_guided(logits, unguided) if self._prompts.guided else samplers.draw(logits)

    def _hears(self, spoken: _Spoken, tokens: list[int]) -> bool:
        """Whether the sentence is over with these tokens; then its caller has it."""
        stop = self._t3.hp.stop_speech_token
        stopped = stop in tokens
        spoken.tokens += tokens[: tokens.index(stop)] if stopped else tokens
        if not stopped and len(spoken.tokens) < spoken.sentence.max_tokens:
            return False
        call = spoken.call
        call.results.append(Decoded(spoken.sentence.key, torch.tensor(spoken.tokens, dtype=torch.long), stopped))
        call.unfinished -= 1
        return True

    def _keep(self, staying: list[_Spoken]) -> None:
        """All others leave the batch."""
        if not self._batch or len(staying) == len(self._batch.spoken):
            return
        if not staying:
            self._batch = None
            return
        indices = [self._batch.spoken.index(each) for each in staying]
        chosen = torch.tensor(indices, device=self._device)
        self._batch = _Batch.of(staying, self._batch.samplers.only(indices), self._batch.last[chosen])

    def _halve(self, error: torch.OutOfMemoryError) -> None:
        """Once: everybody begins again, which says the same, in a batch half as large."""
        if self._halved or self._rows < 2:
            logger.error("out of memory with %d rows", self._rows)
            refusal = Unavailable("The worker's memory is exhausted. Try again later.")
            refusal.__cause__ = error
            self._fail(refusal)
            return
        self._halved = True
        self._rows //= 2
        self._max_columns //= 2
        logger.warning("out of memory: going on with at most %d rows", self._rows)
        with self._state:
            self._waiting.extendleft(reversed(self._speaking))
        for each in self._speaking:
            each.rows, each.length, each.tokens = [], 0, []
        self._batch = None
        self._give_back_memory()

    def _fail(self, error: Exception) -> None:
        """Whoever speaks or waits gets the error: rows may be half written, and nobody may go on from them."""
        with self._state:
            for each in (*self._speaking, *self._waiting):
                each.call.error = error
            self._waiting.clear()
        self._batch = None
        self._give_back_memory()

    def _give_back_memory(self) -> None:
        self._reader.forget()
        self._cache.release()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
