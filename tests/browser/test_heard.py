"""The ear of the browser tests hears what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_job.audio import SPEECH_RATE, Samples, frame_rms
from gpu_job.decoding import Limits, decode
from localcloud.cloud import ROOT
from tests.browser.heard import pauses

FRAME = 1024  # samples in an AAC packet
BEFORE = 5000  # samples of silence before a recording's sound


@pytest.fixture(scope="module")
def parts() -> list[Samples]:
    with (ROOT / "assets" / "recording.flac").open("rb") as file:
        return np.split(decode(file, Limits()), [24 * FRAME, 72 * FRAME])


@pytest.fixture
def heard(parts: list[Samples]) -> Samples:
    """With the noise of a lossy code."""
    sent = np.concatenate(parts)
    noise = np.random.default_rng(7).normal(0.0, 0.05 * np.sqrt(np.mean(np.square(sent))), len(sent))
    return np.concatenate([np.zeros(BEFORE), sent + noise, np.zeros(SPEECH_RATE)]).astype(np.float32)


def test_what_is_whole_is_whole(parts: list[Samples], heard: Samples) -> None:
    assert pauses(parts, heard) == [0, 0]


@pytest.mark.parametrize("held_back", [0, 416, FRAME])
def test_pauses_are_measured(parts: list[Samples], heard: Samples, held_back: int) -> None:
    first = BEFORE + len(parts[0])
    late = np.insert(heard, first + len(parts[1]) - held_back, np.zeros(40_000, np.float32))
    both = np.insert(late, first - held_back, np.zeros(2_777, np.float32))
    assert pauses(parts, both) == [2_777, 40_000]


@pytest.mark.parametrize("length", [FRAME // 8, FRAME])
@pytest.mark.parametrize(
    ("where", "harm"),
    [(where, harm) for where in ("join", "midst") for harm in ("lost", "doubled", "silent")] + [("midst", "put in")],
)
def test_harm_is_noticed(parts: list[Samples], heard: Samples, where: str, harm: str, length: int) -> None:
    loudest = int(frame_rms(parts[1], FRAME).argmax()) * FRAME
    at = BEFORE + len(parts[0]) + (loudest if where == "midst" else 0)
    if harm == "lost":
        heard = np.delete(heard, slice(at, at + length))
    elif harm == "doubled":
        heard = np.insert(heard, at, heard[at - length : at])
    elif harm == "silent":
        heard[at : at + length] = 0.0
    else:  # silence, which at a join would be a pause
        heard = np.insert(heard, at, np.zeros(length, np.float32))
    with pytest.raises(AssertionError):
        pauses(parts, heard)


def test_an_end_that_is_missing_is_noticed(parts: list[Samples], heard: Samples) -> None:
    with pytest.raises(AssertionError):
        pauses(parts, np.append(heard[: -2 * SPEECH_RATE], np.zeros(SPEECH_RATE, np.float32)))
