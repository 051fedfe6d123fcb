"""What a job works with: an engine, a bucket, a folder, and the lease under which it may write."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_job.engines.protocol import Engine
from gpu_job.lease import Lease
from gpu_job.narration.recognition import Recogniser
from gpu_job.storage import IMMUTABLE, Bucket
from jobs.errors import FailedPrecondition

Fields = dict[str, Any]


@dataclass(frozen=True)
class Tools:
    """`uploaded` are the keys that the job has written so far, to be deleted if it is stopped."""

    engine: Engine
    bucket: Bucket
    folder: Path
    lease: Lease
    recogniser: Recogniser | None = None
    public_base_url: str = ""
    uploaded: list[str] = field(default_factory=list)

    def upload(self, path: Path, key: str, content_type: str) -> None:
        """Upload under the lease: whoever has been fenced out learns it here, before anything is written."""
        self._allow(key)
        self.bucket.upload(path, key, content_type)

    def put(self, data: bytes, key: str, content_type: str, cache_control: str | None = None) -> None:
        """As `upload`. Without `cache_control` it is taken for something that never changes."""
        self._allow(key)
        self.bucket.put_bytes(data, key, content_type, cache_control=cache_control or IMMUTABLE)

    def require_model(self, model: str | None) -> None:
        """Raises FailedPrecondition where this worker speaks with another one."""
        if model is not None and model != self.engine.name:
            raise FailedPrecondition(
                f"The model {model} is not served here (this is {self.engine.name}): "
                f"create the voice with modelType {self.engine.name}, or deploy a worker that has {model}."
            )

    def _allow(self, key: str) -> None:
        self.lease.check()
        if key not in self.uploaded:
            self.uploaded.append(key)
