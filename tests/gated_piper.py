"""The piper engine with a gate between its pieces, so that a test can hold a worker in the middle of a story.

While the file that $TEST_GATE names exists, nothing goes on after the first piece. All sound is piper's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import Speech, SpeechParameters, VoiceProfile

_POLL_SECONDS = 0.02


class GatedPiper(PiperEngine):
    """`ENGINE=tests.gated_piper:GatedPiper`."""

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        gate = Path(os.environ["TEST_GATE"])
        for speech in super().speak(pieces, profile, parameters):
            yield speech
            while gate.exists():
                time.sleep(_POLL_SECONDS)
