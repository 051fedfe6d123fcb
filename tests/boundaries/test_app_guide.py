"""docs/app-developers.md says in four languages what the backend takes: its field names are the backend's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from backend.callables import CreateUpload, GetAudioUrl
from jobs.documents import AUDIO_REQUESTS, DEVICES, VOICE_PROFILES, AudioRequest, Consent, Device, VoiceProfileRequest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "app-developers.md").read_text()
LANGUAGES = {"kotlin", "swift", "dart", "typescript"}
SHAPES: dict[str, type[msgspec.Struct]] = {
    f"document: {VOICE_PROFILES}": VoiceProfileRequest,
    f"document: {AUDIO_REQUESTS}": AudioRequest,
    f"document: {DEVICES}": Device,
    "call: createUpload": CreateUpload,
    "call: getAudioUrl": GetAudioUrl,
}
READS = f"reads: {AUDIO_REQUESTS}"
# A name before what it is given: "name" to, "name":, 'name':, name:.
FIELD = {
    "kotlin": re.compile(r'"(\w+)" to '),
    "swift": re.compile(r'"(\w+)":'),
    "dart": re.compile(r"'(\w+)':"),
    "typescript": re.compile(r"(?<=[{,(\s])(\w+): "),
}
READ = {
    "kotlin": re.compile(r'getString\("([\w.]+)"'),
    "swift": re.compile(r'get\("([\w.]+)"'),
    "dart": re.compile(r"data((?:\['\w+'\])+)"),
    "typescript": re.compile(r'data((?:\["\w+"\])+)'),
}


class Snippet(NamedTuple):
    about: str
    language: str
    code: str


SNIPPETS = [Snippet(*found) for found in re.findall(r"<!-- (.*?) -->\n```(\w+)\n(.*?)```", GUIDE, re.DOTALL)]


def required(shape: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(shape) if field.required}


def given(snippet: Snippet) -> set[str]:
    """The fields that a snippet writes: what is inside the map or object, not the call's own arguments."""
    code = snippet.code
    if snippet.language == "typescript":
        code = re.sub(r"\bas \{.*?\}|\{ method.*?\}", "", code)
    return set(FIELD[snippet.language].findall(code))


def test_every_step_is_there_in_every_language() -> None:
    for about in [*SHAPES, READS]:
        assert {snippet.language for snippet in SNIPPETS if snippet.about == about} == LANGUAGES, about
    assert GUIDE.count("```") == 2 * len(SNIPPETS), "a snippet that is not checked"


@pytest.mark.parametrize(
    "snippet", [each for each in SNIPPETS if each.about in SHAPES], ids=lambda each: f"{each[0]}, {each[1]}"
)
def test_what_is_written_has_the_backends_fields(snippet: Snippet) -> None:
    shape = SHAPES[snippet.about]
    inner = set(Consent.__struct_encode_fields__) if shape is VoiceProfileRequest else set[str]()
    needed = required(shape) | inner
    if shape is GetAudioUrl:
        needed = {"requestId"}
    assert needed <= given(snippet) <= set(shape.__struct_encode_fields__) | inner


@pytest.mark.parametrize("snippet", [each for each in SNIPPETS if each.about == READS], ids=lambda each: each[1])
def test_what_is_read_is_written_by_the_backend(snippet: Snippet) -> None:
    found = READ[snippet.language].findall(snippet.code)
    names = {part for path in found for part in re.findall(r"\w+", path)}
    assert names == {"status", "error", "message", "playlistKey"}
    written = "".join(path.read_text() for path in (ROOT / "functions" / "jobs").glob("*.py"))
    assert all(f'"{name}"' in written for name in names)


def test_the_check_sees_a_wrong_name() -> None:
    wrong: Any = Snippet("call: createUpload", "kotlin", 'mapOf("voiceID" to voiceId)')
    assert given(wrong) == {"voiceID"}


def test_the_statuses_are_the_backends() -> None:
    named = set(re.findall(r'"(pending|queued|running|ready|failed|cancelled|succeeded|done)"', GUIDE))
    assert named <= {"pending", "queued", "running", "ready", "failed", "cancelled"}
