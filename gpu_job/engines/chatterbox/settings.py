"""What the Chatterbox engines read from the environment, beside the container's own settings."""

from __future__ import annotations

import dataclasses

from jobs.config import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChatterboxSettings:
    weights: tuple[str, ...] = setting(
        "CHATTERBOX_WEIGHTS",
        "Where the models' files are: the first folder of these that has MODEL/, with the files of its repository and a"
        " SHA256SUMS; `hub` is the Hugging Face hub.",
        default=("/runpod-volume/chatterbox", "/weights", "hub"),
    )
    memory_gigabytes: float = setting(
        "CHATTERBOX_MEMORY_GB",
        "Device memory for what is spoken at a time, beside the model; batches are as large as fit."
        " 0: most of what the model leaves free on a GPU, 4 GB on a CPU.",
        default=0.0,
    )
    most_at_once: int = setting(
        "CHATTERBOX_BATCH", "The most sentences that are spoken at a time, however much memory there is.", default=32
    )
