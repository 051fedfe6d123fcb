"""A cloned voice as a file: safetensors, with everything that is not a tensor in its metadata.

Never a pickle: the file lies in a bucket, and loading it must not be able to run anything. What is read is bounded and
checked field by field; the format version is refused, not guessed at, when it is not ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from jobs.errors import InvalidArgument
from jobs.profile_file import DAMAGED, FORMAT, MAX_BYTES, read_clones, read_json, read_metadata

__all__ = ["FORMAT", "MAX_BYTES", "VoiceProfile"]


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
        metadata = read_metadata(data)
        try:
            tensors = safetensors.numpy.load(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise InvalidArgument(DAMAGED) from error
        return cls(
            model=metadata["model"],
            model_version=metadata["model_version"],
            engine_version=metadata["engine_version"],
            language=metadata["language"],
            clones=read_clones(metadata["clones"]),
            quality=_read_quality(metadata["quality"]),
            tensors=tensors,
        )


def _read_quality(text: str) -> dict[str, float]:
    quality = read_json(text, DAMAGED)
    if not isinstance(quality, dict) or not all(type(value) in (int, float) for value in quality.values()):
        raise InvalidArgument(DAMAGED)
    return quality
