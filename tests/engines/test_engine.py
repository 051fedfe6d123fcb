"""The engine as the worker sees it: clone, speak, and what it refuses. Small models, upstream's classes, no weights."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from chatterbox.tts import punc_norm

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.chatterbox import engine as engines
from gpu_job.engines.chatterbox.engine import ChatterboxEngine
from gpu_job.engines.chatterbox.watermark import PerthWatermark
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Speech, SpeechParameters
from gpu_job.engines.registry import ENGINES, load_engine
from gpu_job.recordings import decode, examine
from gpu_job.sample import speak_sample
from jobs.errors import FailedPrecondition, Internal, InvalidArgument, InvalidRecording
from tests.engines.small_model import small_models

RECORDING = Path(__file__).parents[2] / "assets" / "recording.flac"
SEEDED = SpeechParameters(seed=7)
PIECES = ["Once upon a time.", "No.", "The fox counted the stars until the moon was high.", "Good night!"]
NAMES = ("chatterbox", "chatterbox-turbo", "chatterbox-multilingual")
LIMITS = (engines._MOST_TIMES_EXPECTED, engines._SLACK_SECONDS)
TOLERANCE = 2e-3  # after the watermark


@pytest.fixture(scope="module")
def recording() -> Audio:
    return Audio(decode(RECORDING).samples[: int(5.8 * SPEECH_RATE)], SPEECH_RATE)


class Engines:
    """Each is loaded once, as it takes a second."""

    def __init__(self) -> None:
        self._loaded: dict[str, ChatterboxEngine] = {}

    def __getitem__(self, name: str) -> ChatterboxEngine:
        if name not in self._loaded:
            self._loaded[name] = cast(ChatterboxEngine, load_engine(name))
        return self._loaded[name]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with pytest.MonkeyPatch.context() as patches:
        small_models(tmp_path_factory.mktemp("weights"), NAMES, patches)
        # Random weights never come to an end of a text: they are cut off after about half of what it would take.
        patches.setattr(engines, "_MOST_TIMES_EXPECTED", 0.5)
        patches.setattr(engines, "_SLACK_SECONDS", 0.3)
        yield Engines()


@pytest.fixture
def chatterbox(family: Engines) -> ChatterboxEngine:
    return family["chatterbox"]


@pytest.fixture(scope="module")
def voice(family: Engines, recording: Audio) -> VoiceProfile:
    return family["chatterbox"].clone(recording, language="en", quality=examine(recording))


def difference(one: Speech, other: Speech) -> float:
    assert len(one.audio.samples) == len(other.audio.samples)
    return float(np.abs(one.audio.samples - other.audio.samples).max())


def test_a_voice_says_who_made_it(voice: VoiceProfile, chatterbox: ChatterboxEngine) -> None:
    read = VoiceProfile.from_bytes(voice.to_bytes())
    assert (read.model, read.clones, read.language) == ("chatterbox", True, "en")
    assert (read.model_version, read.engine_version) == (chatterbox.model_version, chatterbox.engine_version)
    assert read.quality["speechSeconds"] >= 3


class Halving:
    """In the place of the watermark, which no random weights' noise keeps: it can be told where it has been."""

    def __init__(self, presence: float) -> None:
        self._presence = presence

    def mark(self, audio: Audio) -> Audio:
        return Audio(audio.samples * np.float32(0.5), audio.rate)

    def presence(self, audio: Audio) -> float:
        assert len(audio.samples)
        return self._presence


def test_pieces_come_in_order_and_marked(
    chatterbox: ChatterboxEngine, voice: VoiceProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(chatterbox.watermark, PerthWatermark)
    monkeypatch.setattr(chatterbox, "watermark", None)
    plain = list(chatterbox.speak(PIECES, voice, SEEDED))
    monkeypatch.setattr(chatterbox, "watermark", Halving(1.0))
    marked = list(chatterbox.speak(PIECES, voice, SEEDED))
    assert [speech.index for speech in marked] == [0, 1, 2, 3]
    for one, other in zip(plain, marked, strict=True):
        assert (one.audio.rate, other.audio.rate) == (SPEECH_RATE, SPEECH_RATE)
        assert np.abs(one.audio.samples).max() > 0.01
        assert np.allclose(one.audio.samples / 2, other.audio.samples, atol=1e-6)


def test_a_sample_in_which_the_mark_is_not_heard_is_not_published(
    chatterbox: ChatterboxEngine, voice: VoiceProfile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chatterbox, "watermark", Halving(1.0))
    assert speak_sample(chatterbox, voice, "Mum", tmp_path).stat().st_size > 5_000
    monkeypatch.setattr(chatterbox, "watermark", Halving(0.0))
    with pytest.raises(Internal, match="could not be marked"):
        speak_sample(chatterbox, voice, "Mum", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_sound_whatever_else_is_spoken(name: str, family: Engines, recording: Audio) -> None:
    engine = family[name]
    voice = engine.clone(recording, language="en", quality=examine(recording))
    together = list(engine.speak(PIECES, voice, SEEDED))
    alone = [next(iter(engine.speak([piece], voice, SEEDED))) for piece in PIECES]
    turned = list(engine.speak(PIECES[::-1], voice, SEEDED))[::-1]
    for one, two, three in zip(together, alone, turned, strict=True):
        assert difference(one, two) < TOLERANCE
        assert difference(one, three) < TOLERANCE
    other = list(engine.speak(PIECES, voice, SpeechParameters(seed=8)))
    assert any(
        len(one.audio.samples) != len(two.audio.samples) or difference(one, two) > 0.01
        for one, two in zip(together, other, strict=True)
    )


def test_two_requests_at_once_do_not_hear_each_other(chatterbox: ChatterboxEngine, voice: VoiceProfile) -> None:
    quiet = dataclasses.replace(SEEDED, cfg_weight=0.0, exaggeration=1.5, temperature=0.6)
    alone = [list(chatterbox.speak(PIECES, voice, SEEDED)), list(chatterbox.speak(PIECES, voice, quiet))]
    both = [chatterbox.speak(PIECES, voice, SEEDED), chatterbox.speak(PIECES, voice, quiet)]
    interleaved: list[list[Speech]] = [[], []]
    for _ in PIECES:
        for request, heard in zip(both, interleaved, strict=True):
            heard.append(next(request))
    for expected, heard in zip(alone, interleaved, strict=True):
        for one, two in zip(expected, heard, strict=True):
            assert difference(one, two) < TOLERANCE


def test_a_caller_that_stops_stops_the_work(chatterbox: ChatterboxEngine, voice: VoiceProfile) -> None:
    request = chatterbox.speak(PIECES * 6, voice, SEEDED)
    assert next(request).index == 0
    request.close()  # type: ignore[attr-defined]  # an Iterator to the protocol, a generator here
    assert [speech.index for speech in chatterbox.speak(PIECES[:1], voice, SEEDED)] == [0]


def test_without_a_seed_every_time_is_another(chatterbox: ChatterboxEngine, voice: VoiceProfile) -> None:
    one, two = (next(iter(chatterbox.speak([PIECES[2]], voice, SpeechParameters()))) for _ in range(2))
    assert len(one.audio.samples) != len(two.audio.samples) or difference(one, two) > 0.01


def test_what_is_asked_for_reaches_the_sampler(chatterbox: ChatterboxEngine) -> None:
    wanted = SpeechParameters(cfg_weight=0.0, temperature=0.7, min_p=0.1, top_p=0.8, repetition_penalty=1.5, seed=3)
    sampling = chatterbox._sampling(wanted)
    assert (sampling.cfg_weight, sampling.temperature, sampling.min_p) == (0.0, 0.7, 0.1)
    assert (sampling.top_p, sampling.repetition_penalty, sampling.seed) == (0.8, 1.5, 3)
    assert chatterbox._sampling(SpeechParameters()).cfg_weight == 0.5


def test_another_models_voice_and_another_versions_are_refused(
    chatterbox: ChatterboxEngine, voice: VoiceProfile
) -> None:
    with pytest.raises(FailedPrecondition, match="made with piper"):
        chatterbox.speak(PIECES, dataclasses.replace(voice, model="piper"), SEEDED)
    with pytest.raises(FailedPrecondition, match="Create the voice again from its recording"):
        chatterbox.speak(PIECES, dataclasses.replace(voice, model_version="0"), SEEDED)
    with pytest.raises(InvalidArgument, match="damaged"):
        chatterbox.speak(PIECES, dataclasses.replace(voice, tensors={}), SEEDED)
    with pytest.raises(InvalidArgument, match="nothing to say"):
        chatterbox.speak(["Once.", " "], voice, SEEDED)
    with pytest.raises(InvalidArgument, match="speaks en, not tlh"):
        chatterbox.speak(PIECES, dataclasses.replace(voice, language="tlh"), SEEDED)


def test_turbo_wants_more_than_five_seconds(family: Engines, recording: Audio) -> None:
    short = Audio(recording.samples[: int(4.5 * SPEECH_RATE)], SPEECH_RATE)
    with pytest.raises(InvalidRecording, match="chatterbox-turbo needs more than 5 s"):
        family["chatterbox-turbo"].clone(short, language="en", quality=examine(recording))


@pytest.mark.parametrize("name", ["chatterbox", "chatterbox-turbo"])
def test_warming_up(name: str, family: Engines) -> None:
    family[name].warm_up()


def test_a_runaway_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(("_MOST_TIMES_EXPECTED", "_SLACK_SECONDS"), LIMITS, strict=True):
        monkeypatch.setattr(engines, name, value)
    assert engines._most_tokens("No.") < 80
    assert engines._most_tokens("x" * 300) == 1000
    assert 200 < engines._most_tokens(punc_norm(PIECES[2])) < 400


def test_every_model_type_has_its_engine() -> None:
    for name, path in ENGINES.items():
        if name.startswith("chatterbox"):
            assert getattr(engines, path.partition(":")[2])


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())


@pytest.mark.parametrize(("name", "requests"), [("chatterbox-turbo", 200), ("chatterbox", 8)])
def test_nothing_grows_over_two_hundred_requests(name: str, requests: int, family: Engines, recording: Audio) -> None:
    voice = family[name].clone(recording, language="en", quality=examine(recording))

    def speak(number: int) -> None:
        assert list(family[name].speak(["No."], voice, SpeechParameters(seed=number, exaggeration=number / 200)))

    for number in range(5):
        speak(number)
    before = tensors()
    for number in range(requests):
        speak(number)
    assert tensors() <= before


@pytest.mark.parametrize(("language", "package"), [("ja", "pykakasi"), ("zh", "spacy-pkuseg"), ("ru", "russian-")])
def test_a_language_that_cannot_be_read_here_says_what_to_install(language: str, package: str, family: Engines) -> None:
    encode = family["chatterbox-multilingual"]._model().encode
    with pytest.raises(FailedPrecondition, match=f"pip install {package}"):
        encode("言葉", language)
    assert len(encode("Wort.", "de")) > 5
