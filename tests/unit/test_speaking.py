"""Pieces become speech in order, whatever was kept of them, and whatever the engine does with the others."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from benchmarks.instant_engine import InstantEngine
from benchmarks.instant_engine import profile as instant_profile
from gpu_job import storage
from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.chunks import Chunks, as_kept
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Speech, SpeechParameters, SpokenWord
from gpu_job.narration.checks import Fault, Verdict
from gpu_job.narration.pieces import Piece
from gpu_job.narration.recognition import Recogniser
from gpu_job.speaking import WINDOW, Speaker, Told, Voice
from gpu_job.storage import Bucket
from jobs.errors import FailedPrecondition, Internal, InvalidArgument, StoryvoiceError, Unavailable
from tests.unit.bucket_server import KEYS, served_bucket

NARRATOR, WOLF = (dataclasses.replace(instant_profile(), model_version=name) for name in ("narrator", "wolf"))
GERMAN = instant_profile("de")
SEEDED = SpeechParameters(seed=7)
SECONDS_A_PIECE = 2.0  # on the engine's clock

Take = Callable[[str, int], Audio]
"""What the engine says: of this text, for the n-th time (from 0). May raise."""


class Engine(InstantEngine):
    """Says the words of our recording, or what the test wants, and remembers what it was asked for."""

    def __init__(self, take: Take | None = None) -> None:
        self.asked: list[tuple[list[str], str, int | None]] = []
        self.spoken: Counter[str] = Counter()
        self.now = 100.0
        self._take = take or (lambda text, _: self.words_for(text))

    @property
    def runs(self) -> list[list[str]]:
        return [texts for texts, _, _ in self.asked]

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        self.asked.append((list(pieces), profile.model_version, parameters.seed))
        return self._speak(pieces)

    def _speak(self, pieces: Sequence[str]) -> Iterator[Speech]:
        for index, text in enumerate(pieces):
            self.now += SECONDS_A_PIECE
            number = self.spoken[text]
            self.spoken[text] += 1
            yield Speech(index, self._take(text, number), (SpokenWord(0, 4, 0.1, 0.2),))


def sentence(number: int) -> str:
    return f"This is sentence {'abcdefghijklmnopqrstuvwxyz'[number % 26] * (1 + number // 26)} of a story."


def pieces(*texts: str, voice: str | None = None) -> list[Piece]:
    return [Piece(text=text, spoken=text, start=0, end=len(text), words=(), voice=voice) for text in texts]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with served_bucket() as bucket:
        yield bucket


@pytest.fixture
def story(bucket: Bucket) -> Story:
    return Story(bucket)


class Story:
    """A story in voices of its own, so that nothing is kept of them yet. Whoever tells it again is another worker."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._id = uuid.uuid4().hex

    def speaker(
        self, engine: Engine, parameters: SpeechParameters = SEEDED, recogniser: Recogniser | None = None
    ) -> Speaker:
        profiles: dict[str | None, VoiceProfile] = {None: NARRATOR, "Wolf": WOLF, "Baer": GERMAN}
        voices = {
            name: Voice(profile, Chunks(self._bucket, f"{self._id}-{name}", engine, profile, parameters))
            for name, profile in profiles.items()
        }
        return Speaker(engine, voices, parameters, recogniser, clock=lambda: engine.now)

    def told(self, engine: Engine, wanted: Sequence[Piece], parameters: SpeechParameters = SEEDED) -> list[Told]:
        with self.speaker(engine, parameters) as speaker:
            told = list(speaker.speak(wanted))
        assert [each.piece for each in told] == list(wanted)
        for number, each in enumerate(told):
            assert each.kept.speech is None or each.kept.speech.index == number
        return told


def sounds(told: Sequence[Told]) -> list[bytes | None]:
    return [each.kept.speech.audio.samples.tobytes() if each.kept.speech else None for each in told]


def of_recording(text: str) -> bytes:
    return as_kept(Speech(0, InstantEngine().words_for(text))).audio.samples.tobytes()


def silence(seconds: float = 1.0) -> Audio:
    return Audio(np.zeros(int(seconds * SPEECH_RATE), np.float32), SPEECH_RATE)


# ── found and spoken ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_story_is_spoken_in_one_run(story: Story) -> None:
    engine, texts = Engine(), [sentence(number) for number in range(5)]
    told = story.told(engine, pieces(*texts))
    assert engine.runs == [texts]
    assert sounds(told) == [of_recording(text) for text in texts]
    assert all(each.kept.verdict.is_good and each.kept.takes == 1 and not each.found for each in told)
    assert all(each.kept.speech and each.kept.speech.words for each in told)


def test_the_same_story_again_is_not_spoken_at_all(story: Story) -> None:
    wanted = pieces(*map(sentence, range(5)))
    first = story.told(Engine(), wanted)
    engine = Engine()
    with story.speaker(engine) as speaker:
        again = list(speaker.speak(wanted))
    assert engine.asked == []
    assert (speaker.found, speaker.engine_seconds) == (5, 0.0)
    assert sounds(again) == sounds(first)
    assert [each.kept.speech and each.kept.speech.words for each in again] == [
        each.kept.speech and each.kept.speech.words for each in first
    ]
    assert all(each.found for each in again)


def test_only_what_is_new_is_spoken(story: Story) -> None:
    """found 1 2 · 5 · 7, missing 0 · 3 4 · 6: three runs."""
    texts = [sentence(number) for number in range(8)]
    story.told(Engine(), pieces(*(texts[number] for number in (1, 2, 5, 7))))
    engine = Engine()
    told = story.told(engine, pieces(*texts))
    assert engine.runs == [[texts[0]], texts[3:5], [texts[6]]]
    assert [number for number, each in enumerate(told) if each.found] == [1, 2, 5, 7]
    assert sounds(told) == [of_recording(text) for text in texts]


def test_other_parameters_find_nothing(story: Story) -> None:
    wanted = pieces(sentence(0))
    story.told(Engine(), wanted)
    engine = Engine()
    story.told(engine, wanted, SpeechParameters(seed=8))
    assert engine.runs == [[sentence(0)]]


def test_a_run_is_of_one_voice(story: Story) -> None:
    wanted = [
        *pieces(sentence(0), sentence(1)),
        *pieces(sentence(2), sentence(3), voice="Wolf"),
        *pieces(sentence(4)),
        *pieces(sentence(0), voice="Wolf"),
    ]
    engine = Engine()
    told = story.told(engine, wanted)
    assert [(texts, voice) for texts, voice, _ in engine.asked] == [
        ([sentence(0), sentence(1)], "narrator"),
        ([sentence(2), sentence(3)], "wolf"),
        ([sentence(4)], "narrator"),
        ([sentence(0)], "wolf"),  # the narrator has said it; the wolf has not
    ]
    assert not any(each.found for each in told)


def test_a_long_story_goes_to_the_engine_window_by_window(story: Story) -> None:
    texts = [sentence(number) for number in range(2 * WINDOW + 6)]
    engine = Engine()
    told = story.told(engine, pieces(*texts))
    assert [len(run) for run in engine.runs] == [WINDOW, WINDOW, 6]
    assert sounds(told) == [of_recording(text) for text in texts]
    again = Engine()
    assert sounds(story.told(again, pieces(*texts))) == sounds(told)
    assert again.asked == []


def test_nothing_to_say_is_nothing_spoken(story: Story) -> None:
    engine = Engine()
    assert story.told(engine, []) == []
    assert engine.asked == []


def different_each_time() -> Engine:
    """As a voice without a seed speaks."""
    return Engine(lambda text, number: InstantEngine().words_for(f"{text}{' ' * number}"))


def test_what_is_said_again_in_a_story_is_spoken_once(story: Story) -> None:
    """Else the story would sound otherwise when it is told again, where both are found in the one that was kept."""
    refrain = sentence(0)
    wanted = pieces(refrain, sentence(1), refrain, sentence(2), *map(sentence, range(3, WINDOW + 5)), refrain)
    engine = different_each_time()
    with story.speaker(engine) as speaker:
        told = list(speaker.speak(wanted))
    assert engine.spoken[refrain] == 1
    assert speaker.found == 2
    assert sounds(told)[0] == sounds(told)[2] == sounds(told)[-1]
    assert sounds(story.told(Engine(), wanted)) == sounds(told)


def test_without_a_bucket_everything_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_ATTEMPTS", 1)  # botocore's pauses are real time
    nobody = Bucket("http://127.0.0.1:9", "b", *KEYS)  # the port of `discard`, where nothing listens
    engine = Engine()
    texts = [sentence(0), sentence(1), sentence(0)]
    told = Story(nobody).told(engine, pieces(*texts))
    assert sounds(told) == [of_recording(text) for text in texts]
    assert engine.runs == [texts[:2], texts[2:]]


# ── what the engine gets wrong ───────────────────────────────────────────────────────────────────────────────────────


def test_a_bad_take_is_spoken_again_with_another_seed(story: Story) -> None:
    engine = Engine(lambda text, number: silence() if number < 2 else engine.words_for(text))
    (told,) = story.told(engine, pieces(sentence(0)))
    seeds = [seed for _, _, seed in engine.asked]
    assert engine.runs == [[sentence(0)]] * 3
    assert seeds[0] == SEEDED.seed
    assert len(set(seeds)) == 3
    assert (told.kept.takes, told.kept.verdict.is_good) == (3, True)
    assert sounds([told]) == [of_recording(sentence(0))]


def test_retakes_do_not_disturb_the_run(story: Story) -> None:
    texts = [sentence(number) for number in range(4)]
    engine = Engine(lambda text, number: silence() if (text, number) == (texts[1], 0) else engine.words_for(text))
    told = story.told(engine, pieces(*texts))
    assert engine.runs == [texts, [texts[1]]]
    assert sounds(told) == [of_recording(text) for text in texts]


@pytest.mark.parametrize("error", [Internal, InvalidArgument])
def test_an_engine_that_gives_up_at_a_piece_goes_on_after_it(story: Story, error: type[StoryvoiceError]) -> None:
    texts = [sentence(number) for number in range(5)]

    def take(text: str, number: int) -> Audio:
        if text == texts[2]:
            raise error("This piece cannot be spoken.")
        return engine.words_for(text)

    engine = Engine(take)
    told = story.told(engine, pieces(*texts))
    assert engine.runs == [texts, [texts[2]], [texts[2]], [texts[2]], texts[3:]]
    assert sounds(told) == [of_recording(text) if text != texts[2] else None for text in texts]
    assert (told[2].kept.takes, set(told[2].kept.verdict.faults)) == (4, {Fault.SILENT})


def test_an_engine_that_gives_up_once_loses_nothing(story: Story) -> None:
    texts = [sentence(number) for number in range(4)]
    first_and_last = {texts[0], texts[3]}

    def take(text: str, number: int) -> Audio:
        if text in first_and_last and number == 0:
            raise Internal("This once.")
        return engine.words_for(text)

    engine = Engine(take)
    told = story.told(engine, pieces(*texts))
    assert sounds(told) == [of_recording(text) for text in texts]
    assert engine.runs == [texts, [texts[0]], texts[1:], [texts[3]]]


def test_an_engine_that_gives_fewer_pieces_than_it_got_is_asked_for_the_rest(story: Story) -> None:
    class Short(Engine):
        def _speak(self, pieces: Sequence[str]) -> Iterator[Speech]:
            return super()._speak(pieces[:2])

    texts = [sentence(number) for number in range(5)]
    told = story.told(Short(), pieces(*texts))
    assert sounds(told) == [of_recording(text) for text in texts]


@pytest.mark.parametrize("error", [FailedPrecondition, Unavailable])
def test_what_is_no_fault_of_a_piece_ends_the_narration(story: Story, error: type[StoryvoiceError]) -> None:
    def take(text: str, number: int) -> Audio:
        if text == sentence(1):
            raise error("Nothing can be spoken here.")
        return engine.words_for(text)

    engine = Engine(take)
    with pytest.raises(error), story.speaker(engine) as speaker:
        list(speaker.speak(pieces(*map(sentence, range(3)))))
    assert engine.spoken == {sentence(0): 1, sentence(1): 1}


def test_what_is_flawed_is_told_and_not_kept(story: Story) -> None:
    """Another day, another worker may do better."""
    engine = Engine(lambda text, number: Audio(engine.words_for(text).samples[: SPEECH_RATE // 4], SPEECH_RATE))
    (told,) = story.told(engine, pieces(sentence(0)))
    assert told.kept.takes == 4
    assert Fault.TOO_SHORT in told.kept.verdict.faults
    assert told.kept.speech is not None
    better = Engine()
    (told,) = story.told(better, pieces(sentence(0)))
    assert better.runs == [[sentence(0)]]
    assert told.kept.verdict.is_good


def test_a_flawed_piece_that_comes_again_is_tried_again(story: Story) -> None:
    engine = Engine(lambda text, number: engine.words_for(text) if number >= 4 else silence())
    told = story.told(engine, pieces(sentence(0), sentence(0)))
    assert sounds(told) == [None, of_recording(sentence(0))]


# ── what it costs ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_engine_seconds_are_those_of_the_engine(story: Story) -> None:
    """Its retakes are paid for, too; what is found is not, nor what whoever listens does meanwhile."""
    texts = [sentence(number) for number in range(4)]
    story.told(Engine(), pieces(texts[3]))
    engine = Engine(lambda text, number: silence() if (text, number) == (texts[1], 0) else engine.words_for(text))
    with story.speaker(engine) as speaker:
        for _ in speaker.speak(pieces(*texts)):
            engine.now += 1000.0
    assert speaker.engine_seconds == pytest.approx(4 * SECONDS_A_PIECE)
    assert speaker.found == 1


def lookups() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("chunks")]


def test_whoever_stops_listening_stops_the_work(story: Story) -> None:
    engine = Engine()
    with story.speaker(engine) as speaker:
        listening = speaker.speak(pieces(*map(sentence, range(3 * WINDOW))))
        for _ in range(3):
            next(listening)
    assert lookups() == []
    assert engine.spoken.total() == 3
    again = Engine()
    story.told(again, pieces(*map(sentence, range(4))))
    assert again.runs == [[sentence(3)]]  # the others had been kept by the time the block ended


def test_whoever_fails_stops_the_work(story: Story) -> None:
    engine = Engine()

    def tell() -> None:
        with story.speaker(engine) as speaker:
            for _ in speaker.speak(pieces(*map(sentence, range(3 * WINDOW)))):
                raise Unavailable("The lease is lost.")

    with pytest.raises(Unavailable):
        tell()
    assert lookups() == []
    assert engine.spoken.total() == 1


# ── a recogniser ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Listener(Recogniser):
    """Hears other words in every first take."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def judged(self, audio: Audio, spoken: str, verdict: Verdict) -> Verdict:
        self.heard.append(spoken)
        is_first = self.heard.count(spoken) == 1
        return dataclasses.replace(verdict, faults={Fault.OTHER_WORDS: 0.5}) if is_first else verdict


def test_a_recogniser_listens_to_what_it_understands(story: Story) -> None:
    listener = Listener()
    with story.speaker(Engine(), recogniser=listener) as speaker:
        (told,) = speaker.speak(pieces(sentence(0), voice="Baer"))
    assert listener.heard == []
    assert told.kept.takes == 1


def test_a_recogniser_has_a_say(story: Story) -> None:
    engine, listener = Engine(), Listener()
    with story.speaker(engine, recogniser=listener) as speaker:
        (told,) = speaker.speak(pieces(sentence(0)))
    assert listener.heard == [sentence(0)] * 2
    assert (told.kept.takes, told.kept.verdict.is_good) == (2, True)
