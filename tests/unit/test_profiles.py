"""Voice profiles and parameters: what is written comes back; what is not ours is refused with a sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pickle
import struct
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.profile import FORMAT, VoiceProfile
from gpu_job.engines.protocol import SpeechParameters
from jobs import profile_file
from jobs.errors import FailedPrecondition, InvalidArgument

TENSORS: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
    "embedding": np.arange(12, dtype=np.float32).reshape(3, 4),
    "tokens": np.array([1, 2], dtype=np.int64),
}
PROFILE = VoiceProfile(
    model="chatterbox",
    model_version="turbo-350m",
    engine_version="0.1.2",
    language="en",
    clones=True,
    quality={"seconds": 9.5, "snrDb": 31.0},
    tensors=TENSORS,
)
METADATA = {
    "format": FORMAT,
    "model": "piper",
    "model_version": "1",
    "engine_version": "1",
    "language": "en",
    "clones": "false",
    "quality": "{}",
}


def saved(**changes: str | None) -> bytes:
    metadata = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}
    return bytes(safetensors.numpy.save({}, metadata=metadata))


def with_header(header: Any) -> bytes:
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded


def test_a_profile_comes_back_as_it_was() -> None:
    back = VoiceProfile.from_bytes(PROFILE.to_bytes())
    assert (back.model, back.model_version, back.engine_version) == ("chatterbox", "turbo-350m", "0.1.2")
    assert (back.language, back.clones, back.quality) == ("en", True, {"seconds": 9.5, "snrDb": 31.0})
    assert back.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert back.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(back.tensors[name], tensor)


def test_a_transposed_view_comes_back_as_it_looks() -> None:
    view = np.arange(6, dtype=np.float32).reshape(2, 3).T
    back = VoiceProfile.from_bytes(VoiceProfile("m", "1", "1", "en", clones=True, tensors={"view": view}).to_bytes())
    np.testing.assert_array_equal(back.tensors["view"], view)


def test_a_profile_without_tensors_is_one() -> None:
    assert VoiceProfile.from_bytes(saved()).clones is False


@pytest.mark.parametrize("version", ["storyvoice.voice/2", None])
def test_another_format_version_is_refused(version: str | None) -> None:
    with pytest.raises(FailedPrecondition, match="another version"):
        VoiceProfile.from_bytes(saved(format=version))


def test_missing_fields_are_named() -> None:
    with pytest.raises(InvalidArgument, match="lacks model_version, clones"):
        VoiceProfile.from_bytes(saved(clones=None, model_version=None))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        pickle.dumps({"model": "piper"}, protocol=4),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"{{{{",
        with_header({"__metadata__": {"format": 1}}),
        with_header({"__metadata__": METADATA, "t": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}) + b"00",
        with_header({"__metadata__": METADATA, "t": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}) + b"00",
        with_header({"__metadata__": METADATA, "t": 1}),
        saved(clones="1"),
        saved(clones="maybe"),
        saved(quality="[]"),
        saved(quality='{"seconds": "long"}'),
        saved(quality="[" * 100_000),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="voice"):
        VoiceProfile.from_bytes(data)


def test_a_profile_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_file, "MAX_BYTES", 100)
    with pytest.raises(InvalidArgument, match="larger than"):
        VoiceProfile.from_bytes(PROFILE.to_bytes())


@given(st.binary(max_size=300), st.integers(0, 700))
def test_no_damage_escapes_as_anything_but_our_errors(noise: bytes, at: int) -> None:
    data = PROFILE.to_bytes()
    for damaged in (noise, data[:at] + noise + data[at + len(noise) :], data[:at]):
        with contextlib.suppress(FailedPrecondition, InvalidArgument):
            VoiceProfile.from_bytes(damaged)


def test_parameters_have_the_documented_defaults() -> None:
    parameters = SpeechParameters()
    assert set(dataclasses.asdict(parameters).values()) == {None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("cfg_weight", 1.1),
        ("temperature", 0.0),
        ("min_p", 1.1),
        ("top_p", -0.1),
        ("repetition_penalty", 0.9),
        ("exaggeration", -0.1),
        ("exaggeration", float("nan")),
    ],
)
def test_parameters_out_of_range_are_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} must be from"):
        SpeechParameters(**{name: value})
