"""The ear of the browser tests hears what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Samples, frame_rms
from gpu_job.decoding import Limits, decode
from localcloud.cloud import ROOT
from tests.browser.heard import silences

FRAME = 1024  # samples in an AAC packet
BEFORE = 5000  # samples of silence before a recording's sound


@pytest.fixture(scope="module")
def parts() -> list[Samples]:
    with (ROOT / "assets" / "recording.flac").open("rb") as file:
        return np.split(decode(file, Limits()), [24 * FRAME, 72 * FRAME])


@pytest.fixture
def played(parts: list[Samples]) -> Samples:
    """With the noise of a lossy code."""
    sound = np.concatenate(parts)
    noise = np.random.default_rng(7).normal(0.0, 0.05 * np.sqrt(np.mean(np.square(sound))), len(sound))
    return np.concatenate([np.zeros(BEFORE), sound + noise, np.zeros(SPEECH_RATE)]).astype(np.float32)


def loudest(parts: list[Samples]) -> int:
    """A sample of `played` in the midst of speech, in the second part."""
    return BEFORE + len(parts[0]) + int(frame_rms(parts[1], FRAME).argmax()) * FRAME


def test_what_is_whole_is_whole(parts: list[Samples], played: Samples) -> None:
    assert silences(parts, played) == [BEFORE, 0, 0]


def test_a_pause_between_parts_is_measured(parts: list[Samples], played: Samples) -> None:
    join = BEFORE + len(parts[0])
    assert silences(parts, np.insert(played, join, np.zeros(777, np.float32))) == [BEFORE, 777, 0]


@pytest.mark.parametrize("length", [FRAME // 8, FRAME])
@pytest.mark.parametrize("harm", ["lost", "doubled", "silent", "silence put in"])
@pytest.mark.parametrize("where", ["join", "midst"])
def test_harm_is_noticed(parts: list[Samples], played: Samples, where: str, harm: str, length: int) -> None:
    at = BEFORE + len(parts[0]) if where == "join" else loudest(parts)
    if harm == "lost":
        played = np.delete(played, slice(at, at + length))
    elif harm == "doubled":
        played = np.insert(played, at, played[at - length : at])
    elif harm == "silent":
        played[at : at + length] = 0.0
    else:
        played = np.insert(played, at, np.zeros(length, np.float32))
    if (where, harm) == ("join", "silence put in"):
        assert silences(parts, played) == [BEFORE, length, 0]
    else:
        with pytest.raises(AssertionError):
            silences(parts, played)
