"""Whether a sound that was recorded while it was played is the sound that was sent: nothing lost, doubled or added."""

from __future__ import annotations

import numpy as np

from gpu_job.audio import Samples, frame_rms

HELD_BACK = 1100  # samples: a player that has nothing after an AAC packet may play that one only when the next is there
BLOCK = 480  # samples: 20 ms, of which a lost or doubled AAC packet (43 ms) fills at least one
CODING_NOISE = 0.2  # RMS of the noisiest block over the sound's own; speech in AAC at 64 kbit/s has 0.07


def pauses(parts: list[Samples], heard: Samples) -> list[int]:
    """For how many samples the player was silent where one part meets the next: one number for each join.

    Fails where the recording lacks some of the parts' samples, or has anything else than them. All at one rate; what
    was heard may have been coded with loss, and begins and ends with silence. No part is silent throughout.
    """
    places = [_place(part, heard) for part in parts]
    ends = [place + len(part) for place, part in zip(places, parts, strict=True)]
    found = [after - end for end, after in zip(ends, places[1:], strict=False)]
    assert min(found, default=0) >= 0, f"samples are missing, or parts are in disorder: {found}"
    played = heard
    for end, length in reversed(list(zip(ends, found, strict=False))):
        played = _without_silence(played, end, length)

    sent = np.concatenate(parts)
    missing = places[0] + len(sent) - len(played)
    assert missing <= 0, f"the last {missing} samples are missing"
    rest = played.copy()
    rest[places[0] : places[0] + len(sent)] -= sent
    noise = frame_rms(rest, BLOCK) / np.sqrt(np.mean(np.square(sent)))
    worst = int(noise.argmax())
    assert noise[worst] < CODING_NOISE, (
        f"something else is heard {worst * BLOCK - places[0]} samples into the sound ({noise[worst]:.2f})"
    )
    return found


def _without_silence(heard: Samples, end: int, length: int) -> Samples:
    """`length` samples of digital silence less, which begin at a part's end or shortly before."""
    if not length:
        return heard
    sounding = np.concatenate([[0], np.cumsum(heard != 0.0)])
    for start in range(end - HELD_BACK, end + 1):
        if sounding[start + length] == sounding[start]:
            return np.delete(heard, slice(start, start + length))
    raise AssertionError(f"something is heard in the {length} samples between two parts")


def _place(part: Samples, heard: Samples) -> int:
    """Where the part fits best, by cross-correlation."""
    size = 1 << (len(part) + len(heard) - 1).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size))
    return int(np.fft.irfft(product, size)[: len(heard)].argmax())
