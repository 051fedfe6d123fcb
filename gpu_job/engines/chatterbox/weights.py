"""Where a model's files are, and whether they are what they should be.

A folder of weights has one folder for each model, by its name, with upstream's files in it:

    /weights/chatterbox/        t3_cfg.safetensors  s3gen.safetensors  ve.safetensors  tokenizer.json  SHA256SUMS
    /weights/chatterbox-turbo/  …

`SHA256SUMS`, as sha256sum writes it, is checked where it is there. What comes from the hub is checked against the hub's
own hashes, which its cache keeps as the names of its blobs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from gpu_job.engines.chatterbox.family import Family
from jobs.errors import FailedPrecondition

logger = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
HUB = "hub"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WEIGHTS = (".safetensors", ".pt")
_CHUNK = 16 * 2**20
_NICENESS = 10


def find_weights(family: Family, sources: Sequence[str]) -> Mapping[str, Path]:
    """The path of each of the family's files, from the first source that has the model: folders, or "hub".

    Raises FailedPrecondition with what is missing where, and where no source has it, with what to mount.
    """
    for source in sources:
        if source == HUB:
            return _download(family)
        folder = Path(source) / family.name
        if not folder.is_dir():
            continue
        missing = [name for name in family.files if not (folder / name).is_file()]
        if missing:
            raise FailedPrecondition(
                f"{folder} lacks {', '.join(missing)}. Put the files of {family.repository} there."
            )
        return {name: folder / name for name in family.files}
    raise FailedPrecondition(
        f"There are no weights of {family.name} in {', '.join(sources)}. Mount a folder that has {family.name}/ with"
        f" the files of {family.repository}, or let CHATTERBOX_WEIGHTS name {HUB!r}."
    )


def _download(family: Family) -> Mapping[str, Path]:
    """Only the files that are needed; the hub's cache keeps them."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415  slow to import, and seldom needed
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        files = {name: Path(hf_hub_download(family.repository, name)) for name in family.files}
        for name in family.tokenizer_more:
            with suppress(EntryNotFoundError):
                hf_hub_download(family.repository, name)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise FailedPrecondition(
            f"The weights of {family.name} could not be had from the Hugging Face hub. Mount a folder with them."
        ) from error
    return files


class Check:
    """Hashes files in threads of its own, while they are being loaded and first used: hashing 3 GB takes seconds."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._expected = {path: digest for path in files.values() if (digest := _expected(path)) is not None}
        unknown = [path.name for path in files.values() if path not in self._expected and path.suffix in _WEIGHTS]
        if unknown:
            logger.warning("no hashes to check %s against: no %s beside them", ", ".join(unknown), SUMS)
        threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hash", initializer=_give_way)
        self._found = {path: threads.submit(_sha256, path) for path in sorted(self._expected, key=_size, reverse=True)}
        threads.shutdown(wait=False)

    def require(self) -> None:
        """Waits for the end; nothing that was made with the files may go out before.

        Raises FailedPrecondition where one is not what it should be.
        """
        for path, digest in self._found.items():
            if digest.result() != self._expected[path]:
                raise FailedPrecondition(
                    f"{path.name} is damaged or another version: its hash is wrong. Download it again."
                )


def _give_way() -> None:
    """To loading and the first words, which need the same cores and are waited for first."""
    if sys.platform == "linux":  # the one where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _expected(path: Path) -> str | None:
    blob = path.resolve().name  # in the hub's cache, a link to a file that is named after its hash
    if path.is_symlink() and _SHA256.fullmatch(blob):
        return blob
    sums = path.with_name(SUMS)
    if not sums.is_file():
        return None
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition(" ")
        if name.lstrip(" *") == path.name and _SHA256.fullmatch(digest):
            return digest
    return None


def _size(path: Path) -> int:
    return path.stat().st_size


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    with path.open("rb") as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()
