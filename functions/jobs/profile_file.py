"""The file that a cloned voice is: safetensors, judged without loading a tensor, so that the functions can, too.

    8 bytes      the length of the header, little-endian
    header       JSON: __metadata__ {format, model, …: texts}, and a {dtype, shape, data_offsets} for each tensor
    the rest     the tensors, one after the other, every byte of it somebody's

Such a file can come from a caller. It is never a pickle; everything that it says of itself is bounded and checked.
Source: the format's description in huggingface/safetensors.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any, TypeGuard

from jobs.errors import FailedPrecondition, InvalidArgument

FORMAT = "storyvoice.voice/1"
MAX_BYTES = 32_000_000  # the largest engine's speaker conditionals are below 1 MB
FIELDS = ("model", "model_version", "engine_version", "language", "clones", "quality")
_MAX_HEADER_BYTES = 1_000_000
# What numpy knows, not BF16, not F8; and the bytes that one of each takes.
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

NOT_A_PROFILE = "The file is not a voice profile. Create the voice again."
DAMAGED = "The voice profile is damaged. Create the voice again."


def read_metadata(data: bytes) -> dict[str, str]:
    """What a profile says of itself, its tensors having been looked at. Raises InvalidArgument where the bytes are no
    voice profile, FailedPrecondition where they are one of another version of this system."""
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"The voice profile is larger than {MAX_BYTES // 1_000_000} MB. Create the voice again.")
    if len(data) < 8:
        raise InvalidArgument(NOT_A_PROFILE)
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise InvalidArgument(NOT_A_PROFILE)
    header = read_json(data[8 : 8 + length], NOT_A_PROFILE)
    if not isinstance(header, dict):
        raise InvalidArgument(NOT_A_PROFILE)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InvalidArgument(DAMAGED)
    _check_tensors(header, len(data) - 8 - length)
    if metadata.get("format") != FORMAT:
        raise FailedPrecondition("The voice was made by another version of the service. Create the voice again.")
    missing = [name for name in FIELDS if name not in metadata]
    if missing:
        raise InvalidArgument(f"The voice profile lacks {', '.join(missing)}. Create the voice again.")
    return dict(metadata)


def read_clones(text: str) -> bool:
    clones = read_json(text, DAMAGED)
    if not isinstance(clones, bool):
        raise InvalidArgument(DAMAGED)
    return clones


def read_json(text: str | bytes, otherwise: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(otherwise) from error


def _check_tensors(tensors: Mapping[str, Any], size: int) -> None:
    """Every tensor is as long as its shape says, none overlaps another, and nothing lies between or behind them."""
    end = 0
    for begins, ends in sorted(_place(tensor) for tensor in tensors.values()):
        if begins != end:
            raise InvalidArgument(DAMAGED)
        end = ends
    if end != size:
        raise InvalidArgument(DAMAGED)


def _place(tensor: Any) -> tuple[int, int]:
    if not isinstance(tensor, dict):
        raise InvalidArgument(DAMAGED)
    dtype, shape, offsets = tensor.get("dtype"), tensor.get("shape"), tensor.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _SIZES or not _are_sizes(shape) or not _are_sizes(offsets):
        raise InvalidArgument(DAMAGED)
    if len(offsets) != 2 or offsets[1] - offsets[0] != prod(shape) * _SIZES[dtype]:
        raise InvalidArgument(DAMAGED)
    return offsets[0], offsets[1]


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and 0 <= each <= MAX_BYTES for each in value)
