"""A profile from anybody: judged without loading it, as strictly as the library that will load it."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import FailedPrecondition, InvalidArgument
from jobs.profile_file import FORMAT, MAX_BYTES, read_clones, read_metadata

METADATA = {
    "format": FORMAT,
    "model": "chatterbox",
    "model_version": "1",
    "engine_version": "1",
    "language": "en",
    "clones": "true",
    "quality": "{}",
}
TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False])}
FILE = bytes(safetensors.numpy.save(TENSORS, metadata=METADATA))
(LENGTH,) = struct.unpack("<Q", FILE[:8])
HEADER: dict[str, Any] = json.loads(FILE[8 : 8 + LENGTH])
REST = FILE[8 + LENGTH :]


def file(header: object, rest: bytes = REST) -> bytes:
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + rest


def test_a_profile_says_what_it_is() -> None:
    assert read_metadata(FILE) == METADATA
    assert read_clones(METADATA["clones"]) is True


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_what_is_accepted_can_be_loaded(at: int, byte: int) -> None:
    changed = FILE[:at] + bytes([byte]) + FILE[at + 1 :]
    try:
        read_metadata(changed)
    except (InvalidArgument, FailedPrecondition):
        return
    safetensors.numpy.load(changed)


@given(st.binary(max_size=64) | st.integers(0, 2**64 - 1).map(lambda n: struct.pack("<Q", n) + FILE[8:]))
def test_bytes_from_anybody(data: bytes) -> None:
    if data != FILE:
        with pytest.raises(InvalidArgument):
            read_metadata(data)


def tensor(**changes: Any) -> dict[str, Any]:
    return {**HEADER, "a": {**HEADER["a"], **changes}}


@pytest.mark.parametrize(
    "header",
    [
        [],
        {**HEADER, "__metadata__": []},
        {**HEADER, "__metadata__": {**METADATA, "model": 1}},
        {**HEADER, "c": []},
        tensor(dtype="F8_E5M2"),
        tensor(dtype=["F32"]),
        tensor(shape=[2, -3]),
        tensor(shape=[2, 3.0]),
        tensor(shape=[10**9, 10**9]),
        tensor(shape=[True, 6]),
        tensor(data_offsets=[0]),
        tensor(data_offsets=[0, 10**12]),
        tensor(data_offsets=[2, 26]),
        tensor(data_offsets=[24, 0]),
        {"__metadata__": METADATA},
    ],
)
def test_a_header_that_lies(header: object) -> None:
    with pytest.raises(InvalidArgument):
        read_metadata(file(header))


def test_too_large_another_version_and_what_is_missing() -> None:
    with pytest.raises(InvalidArgument, match="larger than 32 MB"):
        read_metadata(bytes(MAX_BYTES + 1))
    with pytest.raises(FailedPrecondition, match="another version"):
        read_metadata(file({**HEADER, "__metadata__": {**METADATA, "format": "storyvoice.voice/2"}}))
    kept = {name: value for name, value in METADATA.items() if name not in ("model", "clones")}
    with pytest.raises(InvalidArgument, match="lacks model, clones"):
        read_metadata(file({**HEADER, "__metadata__": kept}))
    with pytest.raises(InvalidArgument):
        read_clones('"yes"')
