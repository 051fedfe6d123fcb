"""Sound in memory: mono float32 samples in [-1, 1] with their rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]  # shape (n,)

FULL_SCALE_16 = 32767.0  # what 1.0 becomes in 16 bits

SPEECH_RATE = 24_000
"""Hz. What recordings are decoded to, narrations are assembled at, and files are encoded from."""


@dataclass(frozen=True, eq=False)
class Audio:
    """A stretch of sound. `samples` has shape (n,); nobody writes into it once it is here."""

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"expected float32 of shape (n,), got {self.samples.dtype} of {self.samples.shape}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def at_rate(self, rate: int) -> Audio:
        """The same sound with `rate` samples a second."""
        if rate == self.rate or not len(self.samples):
            return Audio(self.samples, rate)
        return Audio(np.asarray(soxr.resample(self.samples, self.rate, rate), dtype=np.float32), rate)

    @property
    def samples16(self) -> npt.NDArray[np.int16]:
        """The samples in 16 bits, full scale FULL_SCALE_16; shape (n,)."""
        return np.round(np.clip(self.samples, -1.0, 1.0) * FULL_SCALE_16).astype("<i2")

    def as_pcm16(self) -> bytes:
        """Little-endian 16-bit PCM, as speech detectors and recognisers take it."""
        return self.samples16.tobytes()

    @staticmethod
    def of_samples16(samples: npt.NDArray[np.int16], rate: int) -> Audio:
        return Audio(samples.astype(np.float32) / np.float32(FULL_SCALE_16), rate)


def decibels(amplitude: float, *, floor: float = -120.0) -> float:
    """dBFS of an amplitude (1.0 is 0 dBFS), at least `floor`."""
    return float(max(floor, 20.0 * np.log10(amplitude))) if amplitude > 0 else floor


def amplitude(decibels_full_scale: float) -> float:
    """The amplitude that a level in dBFS stands for; also the factor of a gain in dB."""
    return float(10.0 ** (decibels_full_scale / 20.0))


def frame_rms(samples: Samples, frame: int) -> Samples:
    """RMS of each whole frame of `frame` samples, shape (n // frame,); where there is none, of what there is."""
    if len(samples) < frame:
        return np.sqrt(np.mean(np.square(samples), keepdims=True)) if len(samples) else np.zeros(0, np.float32)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(np.sqrt(np.mean(np.square(frames), axis=1)), dtype=np.float32)
