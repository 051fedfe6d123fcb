"""Small models of the family in a folder, as the worker finds them: the real loading path, quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_job.engines.chatterbox.family import FAMILIES
from tests.engines.random_weights import write_random_weights
from tests.engines.small_s3gen import SmallS3Gen
from tests.engines.small_t3 import shallow


def small_models(folder: Path, names: tuple[str, ...], patches: pytest.MonkeyPatch) -> None:
    """While `patches` last, upstream's modules are small, these models' weights are in the folder, and the settings say
    so; and the installed package has Multilingual V3."""
    shallow(patches)
    patches.setattr("gpu_job.engines.chatterbox.loading.S3Gen", SmallS3Gen)
    patches.setattr("chatterbox.mtl_tts.MULTILINGUAL_T3_MODELS", {"v3": "…"}, raising=False)
    patches.setenv("CHATTERBOX_WEIGHTS", str(folder))
    for name in names:
        write_random_weights(folder, FAMILIES[name], s3gen=SmallS3Gen)
