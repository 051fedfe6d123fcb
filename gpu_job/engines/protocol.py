"""What an engine is: something that makes a voice of a recording, and sound of text in that voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gpu_job.audio import Audio
from gpu_job.engines.profile import VoiceProfile
from gpu_job.recordings import RecordingQuality
from jobs.errors import InvalidArgument

__all__ = ["Engine", "Speech", "SpeechParameters", "SpokenWord", "VoiceProfile", "Watermark"]


@dataclass(frozen=True)
class SpeechParameters:
    """How the text is to be spoken. Raises InvalidArgument that names the parameter and its range.

    These are the expressive controls of the Chatterbox family; None leaves them to the engine, and an engine that has
    no such control goes without. With a `seed`, the same pieces in the same order give the same sound on the same
    engine version and machine. Speed and pitch are not here: every engine speaks as it speaks best, and
    narration/tempo.py does the rest for all of them alike.
    """

    exaggeration: float | None = None
    cfg_weight: float | None = None
    temperature: float | None = None
    min_p: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # NaN is in no range
                raise InvalidArgument(f"{name} must be from {least:g} to {most:g}.")


_RANGES: dict[str, tuple[float, float]] = {
    "exaggeration": (0.0, 2.0),
    "cfg_weight": (0.0, 1.0),
    "temperature": (0.05, 5.0),
    "min_p": (0.0, 1.0),
    "top_p": (0.0, 1.0),
    "repetition_penalty": (1.0, 2.0),
    "seed": (0, 2**31 - 1),
}


class SpokenWord(NamedTuple):
    """When text[start:end] of a piece is heard, in seconds from the beginning of the piece's sound."""

    start: int
    end: int
    starts_at: float
    ends_at: float


@dataclass(frozen=True)
class Speech:
    """One spoken piece: which of the pieces it is, from 0, and its sound.

    `words` are its words in order, none overlapping the next, where the engine knows when it said them; else none.
    """

    index: int
    audio: Audio
    words: tuple[SpokenWord, ...] = ()


class Watermark(Protocol):
    """An inaudible mark by which software can tell that a machine spoke. Thread-safe."""

    def mark(self, audio: Audio) -> Audio:
        """The same sound with the mark on all of it, as long as before."""
        ...

    def presence(self, audio: Audio) -> float:
        """How sure it is that the mark is there: 0 to 1, half is the bound; 0 where nothing can be heard."""
        ...


class Engine(Protocol):
    """One loaded voice model. Its methods may be called from several threads at once."""

    name: str
    model_version: str
    engine_version: str
    """Of the code around the model: another one may speak the same text otherwise."""
    sample_rate: int
    """Hz, of what `speak` gives."""
    max_characters: int
    """The longest piece that it speaks well, and within its memory."""
    languages: tuple[str, ...]
    """ISO 639-1."""
    watermark: Watermark | None
    """What `speak` marks its sound with; None: an engine that imitates nobody needs none."""

    @property
    def own_voice(self) -> VoiceProfile | None:
        """The voice that it has without a recording; None: it has none."""
        ...

    def clone(self, recording: Audio, *, language: str, quality: RecordingQuality) -> VoiceProfile:
        """A voice of an examined recording. Raises InvalidArgument where it does not speak the language."""
        ...

    def speak(self, pieces: Sequence[str], profile: VoiceProfile, parameters: SpeechParameters) -> Iterator[Speech]:
        """The pieces in order, each as soon as it is spoken.

        Lazy: the next piece is begun when it is asked for, so one piece's sound is held at a time, and a caller that
        stops asking stops the work. Raises FailedPrecondition where the profile is another engine's.
        """
        ...

    def warm_up(self) -> None:
        """Load what is needed and speak once, so that the first job does not pay for it. Raises FailedPrecondition with
        what to install or mount where something is missing."""
        ...
