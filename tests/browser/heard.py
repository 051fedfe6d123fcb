"""Whether a sound that was recorded while it was played is the sound that was sent: nothing lost, doubled or added."""

from __future__ import annotations

import numpy as np

from gpu_job.audio import Samples, frame_rms

BLOCK = 480  # samples: 20 ms, so that a lost or doubled AAC frame (43 ms) fills at least one
CODING_NOISE = 0.2  # RMS of the noisiest block over the sound's own; speech in AAC at 64 kbit/s has 0.07


def silences(parts: list[Samples], heard: Samples) -> list[int]:
    """Samples of silence before each part, in a recording that has the parts in order and whole.

    Fails where the recording has anything else: a part's beginning again, a piece less, a click. All at one rate;
    the parts were coded with loss, and none of them is silent throughout.
    """
    rest = heard.copy()
    found: list[int] = []
    end = 0
    for number, part in enumerate(parts):
        at = _place(part, heard)
        assert at >= end, f"{end - at} samples are missing before part {number}"
        found.append(at - end)
        end = at + len(part)
        assert end <= len(heard), f"{end - len(heard)} samples are missing at the end"
        rest[at:end] -= part
    signal = float(np.sqrt(np.mean(np.square(np.concatenate(parts)))))
    noise = frame_rms(rest, BLOCK) / signal
    worst = int(noise.argmax())
    assert noise[worst] < CODING_NOISE, f"at {worst * BLOCK} samples something else is heard ({noise[worst]:.2f})"
    return found


def _place(part: Samples, heard: Samples) -> int:
    """Where the part fits best, by cross-correlation."""
    size = 1 << (len(part) + len(heard) - 1).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size))
    return int(np.fft.irfft(product, size)[: len(heard)].argmax())
