"""Fetches a file whose size and checksum are known, with a progress bar: it is in its place whole, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_CHUNK_BYTES = 1 << 20
_CONNECT_SECONDS = 15
_SILENCE_SECONDS = 60


class DownloadError(RuntimeError):
    """It could not be fetched, or is not the file that was pinned."""


@dataclass(frozen=True)
class Download:
    """`size` in bytes, `sha256` in hexadecimal. A zip is unpacked into a folder that is named after it."""

    url: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def is_zip(self) -> bool:
        return self.file_name.endswith(".zip")


async def fetch(download: Download, folder: Path, *, title: str) -> Path:
    """The file, or the folder that the zip was unpacked into, below `folder`. Raises DownloadError."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  a moment, before anything else runs
    target = folder / download.file_name.removesuffix(".zip")
    # Whatever happens on the way happens in here; only a rename within one file system makes it visible.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
        part = Path(scratch) / download.file_name
        try:
            await _stream(download, part, title)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DownloadError(f"{download.url}: {str(error) or type(error).__name__}") from error
        if download.is_zip:
            unpacked = Path(scratch) / "unpacked"
            await asyncio.to_thread(_unpack, part, unpacked)
            part = unpacked
        _put_in_place(part, target)
    return target


async def _stream(download: Download, part: Path, title: str) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
    digest, size = hashlib.sha256(), 0
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(download.url) as response:
        response.raise_for_status()
        with _bar() as bar, part.open("wb") as output:
            task = bar.add_task(f"Fetching the {title}", total=download.size)
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                size += len(chunk)
                if size > download.size:
                    break  # a page of a proxy or an endless answer need not fill the disk
                digest.update(chunk)
                output.write(chunk)
                bar.update(task, advance=len(chunk))
    if size != download.size or digest.hexdigest() != download.sha256:
        raise DownloadError(f"{download.url} is not the file that was pinned: its size or its SHA-256 differs")


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(folder)  # its SHA-256 is pinned, and zipfile strips absolute and parent paths


def _put_in_place(part: Path, target: Path) -> None:
    """A second process that fetched the same in the meantime has put the same bytes there: either may win."""
    if target.is_dir():
        shutil.rmtree(part)
    else:
        part.rename(target)
