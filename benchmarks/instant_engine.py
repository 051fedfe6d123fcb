"""An engine that answers at once: words of our own recording, for any text, for about as long as the text would take.

Not a voice for anybody: it exists so that the benchmarks can tell what the system costs apart from the speaking. What
it gives is speech of the right length, so that it passes the checks and nothing is spoken twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from gpu_job.audio import SPEECH_RATE, Audio
from gpu_job.engines.profile import VoiceProfile
from gpu_job.engines.protocol import Speech, SpeechParameters, Watermark
from gpu_job.narration.speech_length import expected_seconds
from gpu_job.recordings import RecordingQuality, decode

RECORDING = Path(__file__).parents[1] / "assets" / "recording.flac"
ENGINE = "benchmarks.instant_engine:InstantEngine"  # for the setting of that name
_LEAST_SECONDS = 0.6
_SILENCE = np.zeros(SPEECH_RATE // 20, np.float32)  # at the end, since the words break off anywhere


class InstantEngine:
    name = "instant"
    model_version = "2"
    engine_version = "1"
    sample_rate = SPEECH_RATE
    max_characters = 100  # not longer than the recording
    languages: tuple[str, ...] = ("en",)
    watermark: Watermark | None = None
    own_voice: VoiceProfile | None = None

    def warm_up(self) -> None:
        assert _recording().rate == self.sample_rate

    def clone(self, recording: Audio, *, language: str, quality: RecordingQuality) -> VoiceProfile:
        return profile(language, quality.as_document())

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        for index, piece in enumerate(pieces):
            yield Speech(index, self.words_for(piece))

    def words_for(self, text: str) -> Audio:
        """The same for the same text, and for another text from somewhere else in the recording."""
        samples = _recording().samples
        length = min(len(samples), int(max(_LEAST_SECONDS, expected_seconds(text)) * SPEECH_RATE))
        start = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % (len(samples) - length + 1)
        return Audio(np.concatenate([samples[start : start + length], _SILENCE]), SPEECH_RATE)


@cache
def _recording() -> Audio:
    return decode(RECORDING)


def profile(language: str = "en", quality: dict[str, float] | None = None) -> VoiceProfile:
    return VoiceProfile("instant", "2", "1", language, clones=False, quality=quality or {})
