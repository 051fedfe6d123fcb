"""`./dev demo`: the whole way of a request, seen from the mobile app, on this machine.

Signs in, uploads a recording, has a voice made of it, writes a story, has it told, and fetches the audio. Every step
goes the way that a phone's would; nothing is taken from the inside. Exits with a status other than 0 if anything did
not come true.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.json import JSON
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from localcloud.cloud import Options
from localcloud.embedded import EmbeddedCloud
from localcloud.phone import Phone, PhoneError, new_id

ASSETS = Path(__file__).parents[1] / "assets"
Fields = dict[str, Any]


class Demo:
    """The steps, and what each took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.stages: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        with self.console.status(f"{title} …"):
            yield
        self._done(title, started)

    def follow(self, phone: Phone, path: str, title: str) -> Fields:
        """Wait for a request, its progress shown as it comes. Raises PhoneError if it does not become ready."""
        started = time.monotonic()
        bar = Progress(
            TextColumn(f"{title}: {{task.description}}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=self.console, transient=True,
        )  # fmt: skip
        with bar:
            task = bar.add_task("pending", total=None)

            def show(document: Fields) -> None:
                progress = document.get("progress") or {}
                stage = progress.get("stage") or document.get("status", "")
                bar.update(
                    task, description=stage, completed=progress.get("done", 0), total=progress.get("total") or None
                )

            last = phone.finished(path, seconds=600, seen=show)
        if last.get("status") != "ready":
            raise PhoneError(
                f"{path} is {last.get('status')}: {(last.get('error') or {}).get('message', 'no reason given')}"
            )
        self._done(title, started)
        return last

    def _done(self, title: str, started: float) -> None:
        seconds = time.monotonic() - started
        self.stages.append((title, seconds))
        self.console.print(f"[green]✓[/] {title} [dim]{seconds:.1f} s[/]")


def main() -> None:
    arguments = _arguments()
    console = Console()
    try:
        run(arguments, console)
    except (PhoneError, OSError, RuntimeError) as error:
        console.print(f"[red]✗ {error}[/]")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("[yellow]Stopped.[/]")
        sys.exit(130)


def run(arguments: argparse.Namespace, console: Console) -> None:
    demo = Demo(console)
    title, text = _story(arguments.story)
    recording = arguments.recording.read_bytes()
    content_type = _content_type(arguments.recording)
    with demo.stage("Starting the local cloud"):
        cloud = EmbeddedCloud(Options())
    with cloud:
        os.environ["FIRESTORE_EMULATOR_HOST"] = cloud.endpoints.firestore
        with demo.stage("Signing in"):
            phone = Phone(cloud.endpoints)
        voice_id = new_id()
        with demo.stage("Uploading the recording"):
            key = phone.upload(voice_id, recording, content_type)
        voice_path = phone.create_voice(voice_id, arguments.voice, key)
        voice = demo.follow(phone, voice_path, "Making the voice")
        story_id = phone.create_story(title, text)
        request_path = phone.request_audio(story_id, voice_id)
        request = demo.follow(phone, request_path, "Telling the story")
        with demo.stage("Fetching the audio"):
            audio = phone.download(phone.call("getAudioUrl", {"requestId": request_path.partition("/")[2]})["url"])
        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / Path(request["audioKey"]).name
        path.write_bytes(audio)
        story = phone.get(f"stories/{story_id}")
        _check(story, request, audio)
        for document_path, document in ((voice_path, voice), (request_path, request), (f"stories/{story_id}", story)):
            console.print(Panel(JSON.from_data(document, default=_plain), title=document_path, border_style="dim"))
        phone.close()
        with demo.stage("Stopping"):
            cloud.stop()
    console.print(_table(demo.stages))
    console.print(f"[bold]{title}[/]: {request['durationSeconds']:.1f} s of speech in [bold]{path}[/]")
    if not voice.get("clones", True):
        console.print(
            f"[yellow]The embedded engine ({voice['model']}) does not clone: this is its own voice, not yours. "
            "The cloud's engine is Chatterbox.[/]"
        )


def _check(story: Fields, request: Fields, audio: bytes) -> None:
    versions = [version for version in story.get("audioVersions", []) if version["audioKey"] == request["audioKey"]]
    if story.get("audioStatus") != "ready" or len(versions) != 1:
        raise PhoneError("The story was not patched with exactly one audio version.")
    if len(audio) < 10_000:
        raise PhoneError(f"The audio file holds only {len(audio)} bytes.")


def _story(path: Path) -> tuple[str, str]:
    """A story file: its title in the first line, then the text."""
    title, _, text = path.read_text().strip().partition("\n")
    return title.strip(), text.strip() or title


def _content_type(path: Path) -> str:
    guessed = {".m4a": "audio/mp4", ".opus": "audio/opus", ".flac": "audio/flac", ".wav": "audio/wav"}
    return guessed.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "audio/wav"


def _table(stages: list[tuple[str, float]]) -> Table:
    table = Table("Stage", "Seconds", title="What each stage took", title_justify="left")
    table.columns[1].justify = "right"
    for title, seconds in stages:
        table.add_row(title, f"{seconds:.1f}")
    return table


def _plain(value: object) -> str:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description="Tell a story, from recording to audio file.")
    parser.add_argument("--recording", type=Path, default=ASSETS / "recording.flac", help="a few seconds of speech")
    parser.add_argument(
        "--story", type=Path, default=ASSETS / "fable.txt", help="a text file, its title in the first line"
    )
    parser.add_argument("--voice", default="Mum", help="what the voice is called")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the audio goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
