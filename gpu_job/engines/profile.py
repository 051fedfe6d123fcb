"""A cloned voice as a file: safetensors, with everything that is not a tensor in its metadata.

Never a pickle: the file lies in a bucket, and loading it must not be able to run anything. What is read is bounded and
checked field by field; the format version is refused, not guessed at, when it is not ours.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from jobs.errors import FailedPrecondition, InvalidArgument

FORMAT = "storyvoice.voice/1"
MAX_BYTES = 32_000_000  # the largest engine's speaker conditionals are below 1 MB
_MAX_HEADER_BYTES = 1_000_000
_DTYPES = frozenset(
    {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"}
)  # what numpy knows: not BF16, not F8
_FIELDS = ("model", "model_version", "engine_version", "language", "clones", "quality")

_NOT_A_PROFILE = "The file is not a voice profile. Create the voice again."
_DAMAGED = "The voice profile is damaged. Create the voice again."


@dataclass(frozen=True, eq=False)
class VoiceProfile:
    """A voice that an engine can speak in."""

    model: str  # the engine's name
    model_version: str
    engine_version: str
    language: str  # ISO 639-1
    clones: bool  # False: the engine has one voice of its own, and this is it
    quality: Mapping[str, float] = field(
        default_factory=dict
    )  # of the recording, as RecordingQuality.as_document gives it
    tensors: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        metadata = {
            "format": FORMAT,
            "model": self.model,
            "model_version": self.model_version,
            "engine_version": self.engine_version,
            "language": self.language,
            "clones": json.dumps(self.clones),
            "quality": json.dumps(dict(self.quality), sort_keys=True),
        }
        # safetensors writes the buffer as it lies in memory: a transposed view would come back scrambled.
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in self.tensors.items()}
        return bytes(safetensors.numpy.save(tensors, metadata=metadata))

    @classmethod
    def from_bytes(cls, data: bytes) -> VoiceProfile:
        """Raises InvalidArgument where the bytes are no voice profile, FailedPrecondition where they are one of another
        version of this system."""
        metadata = _read_metadata(data)
        if metadata.get("format") != FORMAT:
            raise FailedPrecondition("The voice was made by another version of the service. Create the voice again.")
        missing = [name for name in _FIELDS if name not in metadata]
        if missing:
            raise InvalidArgument(f"The voice profile lacks {', '.join(missing)}. Create the voice again.")
        try:
            tensors = safetensors.numpy.load(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise InvalidArgument(_DAMAGED) from error
        return cls(
            model=metadata["model"],
            model_version=metadata["model_version"],
            engine_version=metadata["engine_version"],
            language=metadata["language"],
            clones=_read_clones(metadata["clones"]),
            quality=_read_quality(metadata["quality"]),
            tensors=tensors,
        )


def _read_metadata(data: bytes) -> dict[str, str]:
    """The `__metadata__` of a safetensors file: 8 bytes of length, little-endian, then a JSON object of that length."""
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"The voice profile is larger than {MAX_BYTES // 1_000_000} MB. Create the voice again.")
    if len(data) < 8:
        raise InvalidArgument(_NOT_A_PROFILE)
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise InvalidArgument(_NOT_A_PROFILE)
    header = _read_json(data[8 : 8 + length], _NOT_A_PROFILE)
    if not isinstance(header, dict):
        raise InvalidArgument(_NOT_A_PROFILE)
    metadata = header.pop("__metadata__", {})
    is_text = isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    if not is_text or not all(
        isinstance(tensor, dict) and tensor.get("dtype") in _DTYPES for tensor in header.values()
    ):
        raise InvalidArgument(_DAMAGED)
    return dict(metadata)


def _read_clones(text: str) -> bool:
    clones = _read_json(text, _DAMAGED)
    if not isinstance(clones, bool):
        raise InvalidArgument(_DAMAGED)
    return clones


def _read_quality(text: str) -> dict[str, float]:
    quality = _read_json(text, _DAMAGED)
    if not isinstance(quality, dict) or not all(type(value) in (int, float) for value in quality.values()):
        raise InvalidArgument(_DAMAGED)
    return quality


def _read_json(text: str | bytes, otherwise: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(otherwise) from error
