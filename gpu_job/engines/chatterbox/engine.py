"""The Chatterbox family as engines: a voice of ten seconds of speech, and any text in that voice.

    clone   recording ─▶ best part ─▶ conditionals ─▶ profile
    speak   pieces ─▶ text tokens ─▶ T3, many at once ─▶ speech tokens ─▶ S3Gen, many at once ─▶ watermark ─▶ in order

With a seed, a piece sounds the same whatever is spoken beside it, before it or in another request: its random numbers
are its own. It is upstream's sound for that seed, but for the watermark and what is cut off at the ends
(s3gen/decoder.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.engines.protocol import Speech, SpeechParameters, VoiceProfile, Watermark
from gpu_job.narration.speech_length import expected_seconds
from jobs.errors import FailedPrecondition, InvalidArgument, InvalidRecording

try:
    import torch

    from gpu_job.engines.chatterbox.best_part import best_part
    from gpu_job.engines.chatterbox.conditionals import Conditionals, Reference, computed
    from gpu_job.engines.chatterbox.family import family_named
    from gpu_job.engines.chatterbox.manner import MANNERS
    from gpu_job.engines.chatterbox.model import Model, loaded
    from gpu_job.engines.chatterbox.ordering import in_order
    from gpu_job.engines.chatterbox.s3gen.decoder import Utterance
    from gpu_job.engines.chatterbox.t3.sentence import MAX_SPEECH_TOKENS, Decoded, SamplingParameters, Sentence
    from gpu_job.engines.chatterbox.watermark import PerthWatermark
except ModuleNotFoundError as error:
    raise FailedPrecondition(
        f"The Chatterbox engine is not installed ({error.name} is missing). Install what"
        " gpu_job/engines/chatterbox/requirements.txt and torch.txt list, or use gpu_job/Dockerfile's image."
    ) from error

if TYPE_CHECKING:
    from gpu_job.recordings import RecordingQuality

log = logging.getLogger(__name__)
_REVISION = "1"
"""Of this code: another one may speak the same text otherwise, so that kept pieces are spoken anew."""
_MOST_SOUNDS = 8
"""Sentences that are turned into sound at a time, once the first ones are out."""
_DEFAULT_EXAGGERATION = 0.5
TOKENS_PER_SECOND = 25
"""Of speech."""
_MOST_TIMES_EXPECTED, _SLACK_SECONDS = 4.0, 2.0
_WARM_UP_TOKENS = 50


class ChatterboxEngine:
    """The Engine (see protocol.py) of one model of the family. Loads it when it is first needed.

    Raises FailedPrecondition where the watermark cannot be loaded, or the installed package lacks the model.
    """

    sample_rate = SPEECH_RATE
    own_voice: VoiceProfile | None = None

    def __init__(self, name: str, load: Callable[[], Model] | None = None) -> None:
        """`load`: what gives the model, if not the weights that the settings name."""
        family = family_named(name)
        self._load = load or (lambda: loaded(family, os.environ))
        self._manner = MANNERS[name]
        self.name = name
        self.max_characters = family.max_characters
        self.languages: tuple[str, ...] = family.languages
        self.model_version = family.version
        self.engine_version = f"chatterbox-tts-{version('chatterbox-tts')}+{_REVISION}"
        self.watermark: Watermark | None = PerthWatermark()
        self._loading = threading.Lock()
        self._loaded: Model | None = None
        # S3Gen and the voice encoder serve one thread at a time; T3's decoder sees to that itself.
        self._sounding = threading.Lock()

    def clone(self, recording: Audio, *, language: str, quality: RecordingQuality) -> VoiceProfile:
        """See protocol.py. Raises InvalidRecording where the recording is too short for the model."""
        self._require_language(language)
        part = best_part(recording.at_rate(SPEECH_RATE))
        if part.seconds <= self._manner.least_seconds:
            raise InvalidRecording(
                f"The recording has {part.seconds:.1f} s that can be used; {self.name} needs more than"
                f" {self._manner.least_seconds:g} s. Record again, and speak for ten seconds or longer."
            )
        conditionals = self._computed(part)
        return VoiceProfile(
            model=self.name,
            model_version=self.model_version,
            engine_version=self.engine_version,
            language=language,
            clones=True,
            quality=quality.as_document(),
            tensors=conditionals.tensors(),
        )

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        """See protocol.py. Sentences are decoded together and come a little ahead of what is asked for.

        Raises InvalidArgument where the profile is damaged, its language not spoken, or a piece empty.
        """
        self._require_own(profile)
        self._require_language(profile.language)
        if not all(map(str.strip, pieces)):
            # Upstream would say "You need to add some text for me to talk."
            raise InvalidArgument("There is a part of the text that has nothing to say.")
        voice = Conditionals.from_tensors(profile.tensors, most_prompt_tokens=self._manner.most_prompt_tokens)
        return self._speak(pieces, voice, profile.language, parameters)

    def warm_up(self) -> None:
        """Loads the model, makes a voice of a hum and has it say a word."""
        voice = self._computed(_hum())
        language = "en" if "en" in self.languages else self.languages[0]
        for _ in self._speak(["Hello."], voice, language, SpeechParameters(seed=0), most_tokens=_WARM_UP_TOKENS):
            pass

    def _computed(self, part: Audio) -> Conditionals:
        model, manner = self._model(), self._manner
        with self._sounding:
            voice = computed(part, model, prompt_seconds=manner.prompt_seconds, is_levelled=manner.is_levelled)
        model.check.require()
        return voice

    def _speak(
        self,
        pieces: Sequence[str],
        voice: Conditionals,
        language: str,
        parameters: SpeechParameters,
        most_tokens: int = MAX_SPEECH_TOKENS,
    ) -> Iterator[Speech]:
        model = self._model()
        exaggeration = _DEFAULT_EXAGGERATION if parameters.exaggeration is None else parameters.exaggeration
        conditioning = voice.for_t3(exaggeration, model.device, model.dtype)
        reference = voice.reference.to(model.device)
        sentences = [
            Sentence(
                key=index,
                text_tokens=model.encode(piece, language),
                conditioning=conditioning,
                sampling=self._sampling(parameters),
                max_tokens=min(most_tokens, _most_tokens(piece)),
            )
            for index, piece in enumerate(pieces)
        ]
        seeds = [sentence.sampling.seed for sentence in sentences]

        def sounds(decoded: Mapping[int, Decoded]) -> dict[int, Audio]:
            return self._sounds(model, decoded, reference, seeds)

        rows = cast(Generator[Decoded, None, None], model.speech.decode(sentences))
        with contextlib.closing(rows):
            decoded = ((index, row) for row in rows if isinstance(index := row.key, int))
            for index, audio in in_order(decoded, sounds, most=_MOST_SOUNDS):
                yield Speech(index, audio)

    def _sounds(
        self, model: Model, decoded: Mapping[int, Decoded], reference: Reference, seeds: Sequence[int]
    ) -> dict[int, Audio]:
        for index, row in decoded.items():
            if not row.stopped:
                log.info("piece %d was cut off after %d speech tokens", index, len(row.speech_tokens))
        utterances = [Utterance(row.speech_tokens, reference, seeds[index]) for index, row in decoded.items()]
        with self._sounding:
            waves = model.sound.decode(utterances)
        model.check.require()
        return {index: self._marked(wave) for index, wave in zip(decoded, waves, strict=True)}

    def _marked(self, samples: Samples) -> Audio:
        audio = Audio(samples, SPEECH_RATE)
        return self.watermark.mark(audio) if self.watermark else audio

    def _sampling(self, wanted: SpeechParameters) -> SamplingParameters:
        """The model's own, but for what is asked; without a seed every piece gets another."""
        asked = {
            "cfg_weight": wanted.cfg_weight,
            "temperature": wanted.temperature,
            "min_p": wanted.min_p,
            "top_p": wanted.top_p,
            "repetition_penalty": wanted.repetition_penalty,
        }
        seed = secrets.randbelow(2**31) if wanted.seed is None else wanted.seed
        given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        return dataclasses.replace(self._manner.sampling, seed=seed, **given)

    def _model(self) -> Model:
        """Loaded by whoever comes first."""
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _require_own(self, profile: VoiceProfile) -> None:
        if profile.model != self.name:
            raise FailedPrecondition(f"The voice was made with {profile.model}; this worker speaks with {self.name}.")
        if profile.model_version != self.model_version:
            raise FailedPrecondition(
                f"The voice was made with version {profile.model_version} of {self.name}; this worker has version"
                f" {self.model_version}. Create the voice again from its recording."
            )

    def _require_language(self, language: str) -> None:
        if language not in self.languages:
            raise InvalidArgument(f"{self.name} speaks {', '.join(self.languages)}, not {language}.")


class Chatterbox(ChatterboxEngine):
    def __init__(self) -> None:
        super().__init__("chatterbox")


class ChatterboxTurbo(ChatterboxEngine):
    def __init__(self) -> None:
        super().__init__("chatterbox-turbo")


class ChatterboxNano(ChatterboxEngine):
    def __init__(self) -> None:
        super().__init__("chatterbox-nano")


class ChatterboxMultilingual(ChatterboxEngine):
    def __init__(self) -> None:
        super().__init__("chatterbox-multilingual")


def _most_tokens(piece: str) -> int:
    """Speech tokens after which a voice has lost its way: four times what the text should take, and two seconds.

    Nobody hears such a take (narration/checks.py has it spoken again from twice the length on), so it is not followed
    to the model's own limit of 40 s.
    """
    seconds = _MOST_TIMES_EXPECTED * expected_seconds(piece) + _SLACK_SECONDS
    return min(MAX_SPEECH_TOKENS, math.ceil(seconds * TOKENS_PER_SECOND))


def _hum(seconds: float = 6.0) -> Audio:
    """A tone with overtones that rises and falls: nobody's voice, and enough of one to warm up with."""
    time = torch.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    turns = torch.cumsum(140 + 30 * torch.sin(2 * math.pi * 0.7 * time), 0) / SPEECH_RATE
    tone = sum(torch.sin(2 * math.pi * overtone * turns) / overtone for overtone in range(1, 9))
    return Audio((0.1 * torch.as_tensor(tone)).to(torch.float32).numpy(), SPEECH_RATE)
