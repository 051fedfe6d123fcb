"""The bucket in a folder: `index.jsonl`, one object a line, and `objects/` with one file for each body.

A body's file is named by the hash of its key, as a key may be longer than a file name or hold what one may not. A new
archive is written beside the old one and takes its place when it is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from localcloud.bucket.upstream import Upstream, UpstreamError

_CHUNK = 1 << 18
_KEPT_HEADERS = frozenset(
    {"content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires"}
)


async def save(upstream: Upstream, folder: Path) -> int:
    """Write every object with its headers and metadata; how many there were. Replaces what the folder held."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "objects").mkdir(parents=True)
    count = 0
    with (partial / "index.jsonl").open("w") as index:
        async for key in upstream.keys():
            headers = await _save_object(upstream, key, _body_file(partial, key))
            if headers is not None:
                index.write(json.dumps({"key": key, "headers": headers}) + "\n")
                count += 1
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return count


async def load(upstream: Upstream, folder: Path) -> int:
    """Put back what `save` wrote; how many objects. An absent folder holds none."""
    index = folder / "index.jsonl"
    if not index.exists():
        return 0
    count = 0
    with index.open() as lines:
        for line in lines:
            entry = json.loads(line)
            await _load_object(upstream, entry["key"], entry["headers"], _body_file(folder, entry["key"]))
            count += 1
    return count


def _body_file(folder: Path, key: str) -> Path:
    return folder / "objects" / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


async def _save_object(upstream: Upstream, key: str, path: Path) -> dict[str, str] | None:
    """The object's headers; None if it was deleted since it was listed."""
    async with upstream.request("GET", upstream.target(key), {}) as response:
        if response.status == 404:
            return None
        if response.status != 200:
            raise UpstreamError(f"Object {key!r} could not be read (status {response.status}).")
        with path.open("wb") as file:
            async for chunk in response.content.iter_chunked(_CHUNK):
                await asyncio.to_thread(file.write, chunk)
        return {
            name: value
            for name, value in response.headers.items()
            if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }


async def _load_object(upstream: Upstream, key: str, headers: dict[str, str], path: Path) -> None:
    with path.open("rb") as file:
        sized = {**headers, "Content-Length": str(os.fstat(file.fileno()).st_size)}
        async with upstream.request("PUT", upstream.target(key), sized, _chunks(file)) as response:
            if response.status != 200:
                raise UpstreamError(f"Object {key!r} could not be restored (status {response.status}).")


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk
