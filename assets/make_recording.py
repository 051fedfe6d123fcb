"""Makes recording.flac again: a few sentences that a parent might record, spoken by the embedded voice.

The seed fixes the sound on one version of the engine and the voice; another version speaks the same words a little
differently.
"""

from __future__ import annotations

from pathlib import Path

from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import SpeechParameters
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.encoding import AudioWriter
from gpu_job.recordings import RecordingQuality, decode, examine

SENTENCES = (
    "Hello, my little one.",
    "It is time to put the toys away and climb into bed.",
    "Pull the blanket up to your chin, and I will read you a story.",
    "Let us begin.",
)
_PAUSE_SECONDS = 0.35
PATH = Path(__file__).parent / "recording.flac"


def main() -> RecordingQuality:
    engine = PiperEngine()
    assembly = Assembly()
    with AudioWriter(PATH, "flac") as writer:
        for speech in engine.speak(SENTENCES, engine.own_voice, SpeechParameters(seed=1)):
            writer.write(assembly.add(speech, pause_after_seconds=_PAUSE_SECONDS).samples)
    return examine(decode(PATH))


if __name__ == "__main__":
    print(main())  # noqa: T201
