"""An engine that answers at once: the words of our own recording, for any text. It measures the pipeline around it.

Not a voice for anybody: it exists so that the benchmarks can tell what the system costs apart from the speaking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Speech, SpeechParameters
from gpu_job.recordings import RecordingQuality, decode

RECORDING = Path(__file__).parents[1] / "assets" / "recording.flac"
ENGINE = "benchmarks.instant_engine:InstantEngine"  # for the setting of that name
_SECONDS = 0.6


class InstantEngine:
    name = "instant"
    model_version = "1"
    engine_version = "1"
    sample_rate = SPEECH_RATE
    max_characters = 300
    languages = ("en",)

    @cached_property
    def _words(self) -> Audio:
        recording = decode(RECORDING)
        return Audio(recording.samples[: int(_SECONDS * recording.rate)], recording.rate)

    def warm_up(self) -> None:
        assert self._words.seconds == _SECONDS

    def clone(self, recording: Audio, *, language: str, quality: RecordingQuality) -> VoiceProfile:
        return profile(language, quality.as_document())

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        for index in range(len(pieces)):
            yield Speech(index, self._words)


def profile(language: str = "en", quality: dict[str, float] | None = None) -> VoiceProfile:
    return VoiceProfile("instant", "1", "1", language, clones=False, quality=quality or {})
