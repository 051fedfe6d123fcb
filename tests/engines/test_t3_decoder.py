"""The decoder's comings and goings: who joins, who leaves, who stops, what memory allows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from gpu_job.engines.chatterbox.t3.cache import BLOCK
from gpu_job.engines.chatterbox.t3.decoder import SpeechDecoder
from gpu_job.engines.chatterbox.t3.sampling import Samplers
from gpu_job.engines.chatterbox.t3.sentence import MAX_SPEECH_TOKENS, Decoded, SamplingParameters, Sentence
from gpu_job.engines.chatterbox.t3.step import EagerStep
from jobs.errors import InvalidArgument, Unavailable
from tests.engines.small_t3 import sentence, voice

VOICE = voice(1, prompt_tokens=40)
STEPPED = EagerStep.__call__


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each step had."""
    rows: list[int] = []

    def counted(self: EagerStep, inputs: Any, of: Any, lengths: Any) -> Any:
        rows.append(len(of))
        return STEPPED(self, inputs, of, lengths)

    monkeypatch.setattr(EagerStep, "__call__", counted)
    return rows


def some(count: int, *, of: int = 5, **parameters: Any) -> list[Sentence]:
    return [sentence(key, 4 + key, VOICE, max_tokens=of + 2 * key, top_p=0.95, **parameters) for key in range(count)]


def tokens(decoded: Iterator[Decoded]) -> dict[Any, list[int]]:
    return {each.key: each.speech_tokens.tolist() for each in decoded}


def alone(t3: Any, sentences: list[Sentence]) -> dict[Any, list[int]]:
    return {key: said for each in sentences for key, said in tokens(SpeechDecoder(t3).decode([each])).items()}


def test_who_waits_takes_the_rows_of_who_is_done(turbo: Any, steps: list[int]) -> None:
    sentences = some(7)
    expected = alone(turbo, sentences)
    steps.clear()
    assert tokens(SpeechDecoder(turbo, max_sentences=3).decode(sentences)) == expected
    # The first token of each comes with its prompt; the batch is full until nobody waits.
    assert sum(steps) == sum(each.max_tokens - 1 for each in sentences)
    assert steps == [3] * (len(steps) - steps.count(2) - steps.count(1)) + [2] * steps.count(2) + [1] * steps.count(1)


def test_it_stops_where_the_model_says_so(turbo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = some(4, of=20)
    said = alone(turbo, sentences)
    stop = said[2][9]
    monkeypatch.setattr(turbo.hp, "stop_speech_token", stop)
    for look_every in (1, 4):
        for each in SpeechDecoder(turbo, look_every=look_every).decode(sentences):
            whole = said[each.key]
            assert each.stopped == (stop in whole)
            assert each.speech_tokens.tolist() == (whole[: whole.index(stop)] if each.stopped else whole)


def test_a_sentence_may_end_with_its_first_token(turbo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = alone(turbo, some(1))[0][0]
    monkeypatch.setattr(turbo.hp, "stop_speech_token", first)
    (decoded,) = SpeechDecoder(turbo).decode(some(1))
    assert decoded.stopped
    assert decoded.speech_tokens.tolist() == []


def test_forty_seconds_are_the_end(turbo: Any) -> None:
    (decoded,) = SpeechDecoder(turbo).decode([sentence(1, 300, VOICE, max_tokens=MAX_SPEECH_TOKENS)])
    assert not decoded.stopped
    assert len(decoded.speech_tokens) == 1000


def test_guidance_costs_a_row_and_none_without_it(llama: Any, steps: list[int]) -> None:
    sentences = [
        sentence(0, 3, VOICE, max_tokens=4, cfg_weight=0.5),
        sentence(1, 3, VOICE, max_tokens=4, cfg_weight=0.0),
    ]
    list(SpeechDecoder(llama).decode(sentences))
    assert steps == [3, 3, 3]


def test_nothing_is_done_before_it_is_asked_for_nor_after(turbo: Any, steps: list[int]) -> None:
    decoder = SpeechDecoder(turbo)
    results = decoder.decode(some(3))
    assert steps == []
    next(results)
    done = len(steps)
    results.close()  # type: ignore[attr-defined]
    assert len(steps) == done
    # The rows are free again, and what was left of the others is forgotten.
    assert tokens(decoder.decode(some(2))) == alone(turbo, some(2))
    assert decoder._batch is None
    assert not decoder._waiting
    assert not decoder._reader._beginnings


def test_callers_in_threads_share_the_batch(turbo: Any, steps: list[int]) -> None:
    groups = [some(3), some(3, repetition_penalty=2.0), some(3, temperature=1.2)]
    expected = [alone(turbo, group) for group in groups]
    steps.clear()
    decoder = SpeechDecoder(turbo)
    together = threading.Barrier(len(groups))
    said: dict[int, dict[Any, list[int]]] = {}

    def ask(index: int) -> None:
        results = decoder.decode(groups[index])
        together.wait()
        said[index] = tokens(results)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(groups))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [said[index] for index in range(len(groups))] == expected
    assert max(steps) > 3


def test_one_caller_may_give_up_while_another_goes_on(turbo: Any) -> None:
    decoder = SpeechDecoder(turbo)
    impatient, patient = decoder.decode(some(3)), decoder.decode(some(3, seed=9))
    next(impatient)
    first = next(patient)
    impatient.close()  # type: ignore[attr-defined]
    assert {first.key: first.speech_tokens.tolist()} | tokens(patient) == alone(turbo, some(3, seed=9))


def test_memory_bounds_the_batch(turbo: Any, steps: list[int]) -> None:
    """A column of the small model: keys and values, 2 layers, 128 numbers, 4 bytes."""
    sentences = some(5)
    expected = alone(turbo, sentences)
    steps.clear()
    decoder = SpeechDecoder(turbo, cache_bytes=2 * 128 * 2 * 2 * 128 * 4)  # two rows of a block
    assert decoder.column_bytes == 2 * 2 * 128 * 4
    assert tokens(decoder.decode(sentences)) == expected
    assert max(steps) == 2
    with pytest.raises(InvalidArgument, match="too long for the memory"):
        decoder.decode([sentence(0, 300, VOICE)])


def test_a_long_sentence_waits_for_memory_that_short_ones_have(turbo: Any) -> None:
    sentences = [*some(3), sentence(3, 200, VOICE, max_tokens=5), *some(1, seed=4)]
    sentences[-1] = Sentence(4, sentences[-1].text_tokens, VOICE, SamplingParameters(seed=4), 6)
    decoder = SpeechDecoder(turbo, cache_bytes=4 * 128 * 2 * 2 * 128 * 4)
    assert tokens(decoder.decode(sentences)) == alone(turbo, sentences)


def failing_at(call: int, error: Exception) -> Callable[..., Any]:
    calls = iter(range(1, 1000))

    def step(self: EagerStep, inputs: Any, rows: Any, lengths: Any) -> Any:
        if next(calls) == call:
            raise error
        return STEPPED(self, inputs, rows, lengths)

    return step


def test_out_of_memory_once_halves_the_batch(turbo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(turbo, some(5))
    decoder = SpeechDecoder(turbo, max_sentences=4)
    monkeypatch.setattr(EagerStep, "__call__", failing_at(6, torch.OutOfMemoryError("CUDA out of memory")))
    assert tokens(decoder.decode(some(5))) == expected
    assert decoder._rows == 2


def test_out_of_memory_again_is_the_callers(turbo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = SpeechDecoder(turbo, max_sentences=4)
    monkeypatch.setattr(EagerStep, "__call__", failing_at(3, torch.OutOfMemoryError("CUDA out of memory")))
    list(decoder.decode(some(5)))
    monkeypatch.setattr(EagerStep, "__call__", failing_at(3, torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(Unavailable, match="memory is exhausted"):
        list(decoder.decode(some(5)))
    monkeypatch.undo()
    assert tokens(decoder.decode(some(3))) == alone(turbo, some(3))


def test_an_error_reaches_every_caller_and_leaves_nothing_behind(turbo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = SpeechDecoder(turbo)
    first, second = decoder.decode(some(3)), decoder.decode(some(3, of=20))
    next(first)
    monkeypatch.setattr(EagerStep, "__call__", failing_at(1, RuntimeError("CUDA error")))
    with pytest.raises(RuntimeError, match="CUDA error"):
        next(second)
    with pytest.raises(RuntimeError, match="CUDA error"):
        list(first)
    monkeypatch.undo()
    assert tokens(decoder.decode(some(3))) == alone(turbo, some(3))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Sentence(0, torch.tensor([], dtype=torch.long), VOICE, SamplingParameters(seed=0)), "from 1 to 1024"),
        (Sentence(0, torch.tensor([50276]), VOICE, SamplingParameters(seed=0)), "from 0 to 50275"),
        (Sentence(0, torch.tensor([5]), VOICE, SamplingParameters(seed=0), max_tokens=0), "cut off after 1"),
    ],
)
def test_what_the_model_cannot_read_is_refused_at_once(turbo: Any, said: Sentence, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        SpeechDecoder(turbo).decode([said])


def test_the_conditioning_is_left_as_it_was(llama: Any) -> None:
    own = voice(3)
    list(SpeechDecoder(llama).decode([sentence(1, 3, own, max_tokens=2)]))
    assert own.cond_prompt_speech_emb is None


def test_drawing_consumes_what_multinomial_consumes() -> None:
    """Upstream calls torch.multinomial, one row at a time."""
    logits = torch.randn(3, 8194, generator=torch.Generator().manual_seed(0)) * 4
    parameters = [
        SamplingParameters(seed=seed, top_p=1.0, repetition_penalty=1.0, temperature=1.0) for seed in range(3)
    ]
    samplers = Samplers.starting(parameters, tokens=8194, start_token=6561, device=torch.device("cpu"))
    ours = [samplers.draw(logits).tolist() for _ in range(5)]
    kept = torch.where(logits < logits.topk(1000).values[:, -1:], -torch.inf, logits)
    for row in range(3):
        generator = torch.Generator().manual_seed(row)
        theirs = [int(torch.multinomial(kept[row : row + 1].softmax(-1), 1, generator=generator)) for _ in range(5)]
        assert [drawn[row] for drawn in ours] == theirs


def test_nothing_grows_over_two_hundred_requests(turbo: Any) -> None:
    decoder = SpeechDecoder(turbo, max_sentences=3)
    sizes = set()
    for number in range(200):
        own = voice(number, prompt_tokens=5)
        list(decoder.decode([sentence(0, 3, own, max_tokens=2), sentence(1, 5, own, max_tokens=3)]))
        sizes.add((decoder._cache.rows, decoder._cache.columns, len(decoder._reader._beginnings)))
    assert sizes == {(2, BLOCK, 0)}
