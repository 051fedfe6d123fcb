"""The embedded voice speaks, and a recogniser hears what it says."""

from __future__ import annotations

import difflib
import functools
import re
import threading

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Audio, decibels
from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import Engine, Speech, SpeechParameters, VoiceProfile
from gpu_job.engines.registry import load_engine
from gpu_job.narration.recognition import Recogniser
from gpu_job.recordings import RecordingQuality
from jobs.errors import FailedPrecondition, InvalidArgument
from tests.listening import share_heard, words_heard

TEXT = "Not long after this, the mouse was running through the forest when she heard the lion roar."
QUALITY = RecordingQuality(seconds=9.0, speech_seconds=7.0, level_dbfs=-20.0, clipping_share=0.0, snr_db=40.0)


@functools.cache
def engine() -> PiperEngine:
    return PiperEngine()


@functools.cache
def speech(text: str = TEXT, seed: int | None = None) -> Speech:
    (made,) = engine().speak([text], engine().own_voice, SpeechParameters(seed=seed))
    return made


def spoken(text: str = TEXT, seed: int | None = None) -> Audio:
    return speech(text, seed).audio


def test_it_says_the_text() -> None:
    audio = spoken(seed=1)
    assert audio.rate == SPEECH_RATE
    assert 4.0 < audio.seconds < 8.0  # 17 words
    assert decibels(float(np.sqrt(np.mean(np.square(audio.samples))))) > -35.0
    assert share_heard(TEXT, audio) >= 0.5


def test_the_ears_hear_no_words_where_there_are_none_or_others() -> None:
    noise = Audio(np.random.default_rng(1).normal(0.0, 0.1, SPEECH_RATE * 3).astype(np.float32), SPEECH_RATE)
    assert share_heard(TEXT, noise) < 0.1
    assert len(words_heard(Audio(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE))) <= 1  # it hates to say nothing
    assert (
        share_heard("Seven green bottles stood beside an empty kitchen wall until Thursday morning.", spoken(seed=1))
        < 0.2
    )


@pytest.mark.parametrize(
    "text", [TEXT, "One of the boys could have been in the [[barn]] — (or not). He left: at once!"]
)
def test_it_knows_when_it_said_each_word(text: str) -> None:
    made = speech(text, seed=1)
    assert [text[word.start : word.end] for word in made.words] == [word for word in text.split() if word != "—"]
    times = [time for word in made.words for time in (word.starts_at, word.ends_at)]
    assert times == sorted(times)
    assert 0.0 <= times[0] < 0.3
    assert made.audio.seconds - 0.5 < times[-1] <= made.audio.seconds
    assert all(type(time) is float for time in times)


def test_the_words_are_where_a_recogniser_hears_them() -> None:
    made = speech(TEXT, seed=1)
    said = [re.sub("[^a-z]", "", TEXT[word.start : word.end].lower()) for word in made.words]
    heard = Recogniser().words(made.audio)
    matcher = difflib.SequenceMatcher(a=said, b=[each.word for each in heard], autojunk=False)
    apart = [
        abs(made.words[block.a + step].starts_at - heard[block.b + step].starts_at)
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    ]
    assert len(apart) > 8
    assert np.median(apart) < 0.08


def test_a_seed_repeats_the_sound_and_another_does_not() -> None:
    pieces = ["The lion laughed.", "The mouse did not."]

    def speak(seed: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        return [each.audio.samples for each in engine().speak(pieces, engine().own_voice, SpeechParameters(seed=seed))]

    first, again, other = speak(7), speak(7), speak(8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_pieces_come_in_order_and_only_when_asked_for() -> None:
    asked: list[int] = []

    class Pieces(list[str]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for index, piece in enumerate(super().__iter__()):
                asked.append(index)
                yield piece

    speaking = engine().speak(
        Pieces(["One mouse.", "Two mice.", "Three mice."]), engine().own_voice, SpeechParameters()
    )
    assert [next(speaking).index, next(speaking).index] == [0, 1]
    assert asked == [0, 1]


def test_several_threads_may_speak_at_once() -> None:
    heard: dict[int, list[float]] = {}

    def speak(thread: int) -> None:
        pieces = ["The lion was asleep in the forest.", "The mouse ran over his nose."]
        heard[thread] = [each.audio.seconds for each in engine().speak(pieces, engine().own_voice, SpeechParameters())]

    threads = [threading.Thread(target=speak, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 4
    assert all(1.0 < seconds < 4.0 for each in heard.values() for seconds in each)


def test_brackets_of_a_story_are_not_taken_for_phonemes() -> None:
    assert spoken("He found a box [[marked with a very long inscription]] there.").seconds > 2.5


def test_what_it_cannot_say_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="nothing to say in part 2"):
        list(engine().speak(["Hello.", "..."], engine().own_voice, SpeechParameters()))


def test_it_does_not_clone_and_says_so() -> None:
    silence = Audio(np.zeros(100, np.float32), SPEECH_RATE)
    profile = engine().clone(silence, language="en", quality=QUALITY)
    assert profile.clones is False
    assert (profile.model, profile.language, profile.quality["snrDb"]) == ("piper", "en", 40.0)
    with pytest.raises(InvalidArgument, match="speaks en only, not de"):
        engine().clone(silence, language="de", quality=QUALITY)


def test_another_engines_voice_is_refused() -> None:
    foreign = VoiceProfile("chatterbox", "1", "1", "en", clones=True)
    with pytest.raises(FailedPrecondition, match="made with chatterbox"):
        engine().speak(["Hello."], foreign, SpeechParameters())


def test_the_registry_loads_by_name_and_by_path() -> None:
    by_name: Engine = load_engine("piper")
    assert isinstance(by_name, PiperEngine)
    assert isinstance(load_engine("gpu_job.engines.piper:PiperEngine"), PiperEngine)


@pytest.mark.parametrize("name", ["espeak", "", "gpu_job.engines.piper:Nobody", "no.such.module:Engine", "os; x"])
def test_an_unknown_engine_is_refused(name: str) -> None:
    with pytest.raises(FailedPrecondition):
        load_engine(name)
    with pytest.raises(FailedPrecondition, match="piper"):
        load_engine("espeak")
