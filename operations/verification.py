"""`verify`: what the documents say is there, and what is there, compared; both ways.

    a document that is ready ── names ──▶ its objects       one that is missing is a loss
    an object ── its key names ──▶ its document             one without is waste, and may be somebody's data

Objects of an attempt that came to nothing are told apart: the worker that ends a job sweeps them, so some are left only
where it could not, and nothing will ever name them. Those, and no others, `--sweep` deletes.

Documents are read before objects, so what is begun in between may seem to have no document: look twice.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.cloud.firestore_v1.base_query import FieldFilter

from backend.services import Services
from gpu_job.storage import Bucket
from jobs import keys, transactions
from jobs.documents import AUDIO_REQUESTS, STORIES, VOICE_PROFILES, Status
from operations.results import Fields, Result, Rows

COLUMNS = ("problem", "key", "document")
MISSING, LEFT, UNNAMED = "missing object", "left by an attempt", "no document"
_PAGE = 1000
_OF_VOICE = ("profileKey", "sampleKey")
_OF_NARRATION = ("audioKey", "playlistKey", "timingsKey", "captionsKey")
_UNDER_WAY = "*"
# Roots of keys in which the voice stands, and below which documents say nothing of single objects.
_GIVEN, _DEFAULT = "given", "default-"


class Problem(NamedTuple):
    problem: str
    key: str
    document: str


@dataclass
class Known:
    """What the documents say. `kept`: of each job's prefix the attempt that counts, _UNDER_WAY, or "" for none."""

    named: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    recordings: set[str] = field(default_factory=set)
    voices: set[str] = field(default_factory=set)


def verify(services: Services, given: Namespace) -> Result:
    settings = services.settings()
    bucket = Bucket(settings.r2_endpoint, settings.r2_bucket, settings.r2_access_key_id, settings.r2_secret_access_key)
    known = _documents(services, given.user)
    problems = list(_compare(known, bucket, given.user))
    left = [each.key for each in problems if each.problem == LEFT]
    note = f"{len(problems)} problems."
    if given.sweep and given.yes:
        for key in left:
            bucket.delete(key)
        note += f" {len(left)} objects of attempts that came to nothing were deleted."
    elif left:
        note += f" {len(left)} objects of attempts that came to nothing; --sweep --yes deletes them."
    rows = [each._asdict() for each in problems]
    return Rows(COLUMNS, rows, note, exit_code=1 if problems else 0)


def _documents(services: Services, user_id: str | None) -> Known:
    known = Known()
    for name, voice in _all(services, VOICE_PROFILES, user_id, ("recordingKey", *_OF_VOICE)):
        known.voices.add(name)
        known.recordings.add(str(voice.get("recordingKey")))
        _add(known, f"{VOICE_PROFILES}/{name}", voice, (*_OF_VOICE, "recordingKey"), name)
    for name, request in _all(services, AUDIO_REQUESTS, user_id, ("storyId", *_OF_NARRATION)):
        _add(known, f"{AUDIO_REQUESTS}/{name}", request, _OF_NARRATION, request.get("storyId"))
    for name, story in _all(services, STORIES, user_id, ("audioVersions",)):
        for version in story.get("audioVersions") or []:
            for key in (version[each] for each in _OF_NARRATION if each in version):
                known.named.setdefault(key, f"{STORIES}/{name}")
    return known


def _add(known: Known, path: str, document: Fields, names: tuple[str, ...], thing: object) -> None:
    """A request: the objects that it names if it is ready, and which of its job's attempts counts."""
    user_id, status = str(document.get("userId")), document.get("status")
    if not (keys.is_id(user_id) and keys.is_id(str(thing))):
        return  # written past the rules, and never admitted
    made_of = keys.clone_of if path.startswith(VOICE_PROFILES) else keys.narration_of
    prefix = made_of(user_id, str(thing), keys.job_id(path))
    if status == Status.READY:
        known.named.update({str(document[name]): path for name in names if document.get(name)})
        made = str(document.get(names[0]))
        known.kept[prefix] = made.removeprefix(prefix).partition("/")[0] if made.startswith(prefix) else ""
    else:
        known.kept[prefix] = "" if status in Status.TERMINAL else _UNDER_WAY


def _compare(known: Known, bucket: Bucket, user_id: str | None) -> Iterator[Problem]:
    missing = dict(known.named)
    if user_id is None:
        prefixes: tuple[str, ...] = ("recordings/", "voices/", "stories/", "chunks/")
    else:
        prefixes = (*keys.everything_of_user(user_id), *(keys.chunks_of(voice) for voice in sorted(known.voices)))
    for prefix in prefixes:
        for key in bucket.keys(prefix):
            missing.pop(key, None)
            problem = _judge(known, key)
            if problem:
                yield Problem(problem, key, "")
    for key, path in sorted(missing.items()):
        if not bucket.exists(key):  # it may have been made since, or be another user's where one was asked about
            yield Problem(MISSING, key, path)


def _judge(known: Known, key: str) -> str | None:
    """What is wrong with an object, from its key: root/user/voice or story/job/attempt/name."""
    root, _, below = key.partition("/")
    parts = below.split("/")
    if root == "recordings":
        return None if key in known.recordings else UNNAMED
    if root == "chunks":
        return None if parts[0] in known.voices or parts[0].startswith(_DEFAULT) else UNNAMED
    if len(parts) < 5:
        return UNNAMED
    if root == "voices" and parts[2] == _GIVEN:
        return None if parts[1] in known.voices else UNNAMED
    kept = known.kept.get(f"{root}/{'/'.join(parts[:3])}/")
    if kept is None:
        return UNNAMED
    return None if kept in {_UNDER_WAY, parts[3]} else LEFT


def _all(
    services: Services, collection: str, user_id: str | None, fields: tuple[str, ...]
) -> Iterator[tuple[str, Fields]]:
    """Every document, a page at a time."""
    query: Any = services.firestore().collection(collection)
    if user_id is not None:
        query = query.where(filter=FieldFilter("userId", "==", user_id))
    query = query.order_by("__name__").select(["userId", "status", *fields]).limit(_PAGE)
    page: Any = query
    while found := transactions.call(lambda: list(page.stream())):  # noqa: B023  (run at once)
        for snapshot in found:
            yield snapshot.id, snapshot.to_dict()
        page = query.start_after(found[-1])
