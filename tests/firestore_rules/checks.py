"""The table: who does what, and whether it is allowed. Everything is in `table()`; what is expected stands beside it.

Documents that a check needs are its own (`given`), so all checks stand in one database and in any order; what is only
read, or must not be changed, is shared (WORLD).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from jobs import documents
from jobs.documents import Status
from tests.firestore_rules import shapes
from tests.firestore_rules.operations import (
    ACTORS,
    DELETE,
    NOBODY,
    OTHER,
    OWNER,
    SERVER,
    SERVER_TIME,
    Actor,
    Create,
    Delete,
    Fields,
    Get,
    Operation,
    Query,
    Update,
)

VOICES, REQUESTS, STORIES = documents.VOICE_PROFILES, documents.AUDIO_REQUESTS, documents.STORIES
SHAPES: dict[str, type[msgspec.Struct]] = {
    VOICES: documents.VoiceProfileRequest,
    REQUESTS: documents.AudioRequest,
    STORIES: shapes.Story,
}
_OF_REQUESTS = ("jobId", "jobActive", "progress", "error", "updatedAt")
# What the server adds (DESIGN, "Documents"). `status` is the client's once, and the server's from then on.
SERVER_FIELDS: dict[str, tuple[str, ...]] = {
    VOICES: (*_OF_REQUESTS, "quality", "profileKey", "sampleKey", "model", "clones"),
    REQUESTS: (*_OF_REQUESTS, "audioKey", "audioUrl", "playlistKey", "timingsKey", "durationSeconds"),
    STORIES: ("audioStatus", "audioUrl", "audioVersions", "audioError"),
}
# Nobody but the server has anything to do here; the last is a collection that nobody thought of.
CLOSED = (documents.JOBS, documents.QUOTAS, "idempotency_keys", "accounts", "refresh_tokens", "surprises")
STATUSES = (Status.PENDING, Status.QUEUED, Status.RUNNING, *sorted(Status.TERMINAL), "surprise")
UNFINISHED = {Status.PENDING, Status.QUEUED, Status.RUNNING}
LONG_ID = "Long-user_4" * 11 + "1234567"  # 128 characters
STRANGE = Actor("user with a strange id", ".*")  # a custom token may carry any id; this one would match every prefix
LONG = Actor("user with the longest id", LONG_ID)


@dataclass(frozen=True, eq=False)
class Check:
    """`about`: words of the rules that it has to do with, by which a mutant's likely finders are told."""

    name: str
    actor: Actor
    operation: Operation
    allowed: bool
    about: frozenset[str]
    given: tuple[tuple[str, Mapping[str, Any]], ...] = ()


def valid(collection: str, uid: str = OWNER.uid or "") -> Fields:
    """What the rules must take: every field there is, each optional one among them."""
    good = {field.name: field.right[0] for field in shapes.fields_of(SHAPES[collection])}
    own = {
        VOICES: {"recordingKey": recording_key(uid), "createdAt": SERVER_TIME},
        REQUESTS: {"storyId": f"story-{uid}"[:128], "voiceId": f"voice-{uid}"[:128], "createdAt": SERVER_TIME},
        STORIES: {"tags": ["a field of the app's"]},
    }
    return {**good, **own[collection], "userId": uid}


def minimal(collection: str, uid: str = OWNER.uid or "") -> Fields:
    required = {field.name for field in shapes.fields_of(SHAPES[collection]) if field.required}
    return {name: value for name, value in valid(collection, uid).items() if name in required}


def stored(collection: str, uid: str = OWNER.uid or "", status: str = Status.QUEUED) -> Fields:
    """A document as it stands after the server has seen it."""
    if collection in CLOSED:
        return {"userId": uid, "state": "queued"}
    now = {"createdAt": shapes.A_MOMENT, "status": status} if collection != STORIES else {}
    return {**valid(collection, uid), **now, **dict.fromkeys(SERVER_FIELDS[collection], "by the server")}


def recording_key(uid: str) -> str:
    return f"recordings/{uid}/voice-1/upload-1.m4a"


def _world() -> Iterator[tuple[str, Fields]]:
    for actor in (OWNER, OTHER, STRANGE, LONG):
        for collection, name in ((STORIES, "story"), (VOICES, "voice"), (REQUESTS, "request")):
            yield f"{collection}/{name}-{actor.uid}"[: len(collection) + 129], stored(collection, str(actor.uid))
    yield f"{STORIES}/a", stored(STORIES)
    yield f"{VOICES}/a", stored(VOICES)
    for collection in CLOSED:
        yield f"{collection}/{OWNER.uid}", stored(collection)
    for collection in SHAPES:  # a document below one of the user's: no rule is about it
        yield f"{_shared(collection)}/notes/note-1", {"userId": OWNER.uid}


def _shared(collection: str) -> str:
    names = {STORIES: "story", VOICES: "voice", REQUESTS: "request"}
    return f"{collection}/{names[collection]}-{OWNER.uid}" if collection in names else f"{collection}/{OWNER.uid}"


WORLD = tuple(_world())
_number = count(1)


def table() -> list[Check]:
    """Every check, in the order in which a reader would ask."""
    checks: list[Check] = []
    for collection in SHAPES:
        checks += _access(collection)
        checks += _shape(collection)
        checks += _created(collection)
        checks += _server_fields(collection)
    for collection in (VOICES, REQUESTS):
        checks += _taking_back(collection)
    checks += _stories()
    for collection in CLOSED:
        checks += _closed(collection)
    return checks


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _access(collection: str) -> Iterator[Check]:
    """Every operation by everybody, on a document of the owner's."""
    is_story = collection == STORIES
    path = _shared(collection)
    change: Fields = {"title": "Another title"} if is_story else {"status": Status.CANCELLED}
    for actor in ACTORS:
        owner, server = actor is OWNER, actor is SERVER
        signed_in = actor.uid is not None
        here = _Maker(collection, actor)
        yield here("get", Get(path), owner or server)
        yield here("get what is not there", Get(f"{collection}/missing"), server)
        yield here("list own", Query(collection, actor.uid or "nobody"), signed_in or server)
        yield here("list the owner's", Query(collection, OWNER.uid), owner or server)
        yield here("list the other's", Query(collection, OTHER.uid), actor is OTHER or server)
        yield here("list all", Query(collection), server)
        yield here("list every collection of that name", Query(collection, OWNER.uid, group=True), server)
        yield here("create the owner's", Create(_new(collection), valid(collection)), owner or server)
        own = _new(collection)
        yield here("change", Update(own, change), owner or server, {own: stored(collection)})
        own = _new(collection)
        yield here("delete", Delete(own), server or (is_story and owner), {own: stored(collection)})
        note = f"{path}/notes/note-1"
        yield here("get below", Get(note), server)
        yield here("list below", Query(f"{path}/notes", OWNER.uid), server)
        yield here("create below", Create(f"{path}/notes/{next(_number)}", valid(collection)), server)
        if not server:
            yield here("change below", Update(note, change), allowed=False)
            yield here("delete below", Delete(note), allowed=False)
    yield _Maker(collection, LONG)("create own", Create(_new(collection), valid(collection, LONG_ID)), allowed=True)


def _closed(collection: str) -> Iterator[Check]:
    path = _shared(collection)
    for actor in ACTORS:
        here = _Maker(collection, actor)
        server = actor is SERVER
        yield here("get", Get(path), server)
        yield here("list own", Query(collection, actor.uid or "nobody"), server)
        yield here("list the owner's", Query(collection, OWNER.uid), server)
        yield here("list all", Query(collection), server)
        uid = actor.uid or "nobody"
        yield here("create own", Create(_new(collection), stored(collection, uid)), server)
        own = _new(collection)
        yield here("change", Update(own, {"state": "succeeded"}), server, {own: stored(collection, uid)})
        own = _new(collection)
        yield here("delete", Delete(own), server, {own: stored(collection, uid)})


# ── what ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _shape(collection: str) -> Iterator[Check]:
    """Each field at each edge, and wrong in each way, in a document that is right otherwise; created by its owner."""
    here = _Maker(collection, OWNER)
    good = valid(collection)
    yield here("create minimal", Create(_new(collection), minimal(collection)), allowed=True)
    for field in shapes.fields_of(SHAPES[collection]):
        right, wrong = _RELATIONS.get((collection, field.name), (field.right, {}))
        for number, value in enumerate(right, 1):
            fields = {**good, field.name: value}
            yield here(f"create, {field.name} right ({number}): {_brief(value)}", Create(_new(collection), fields), allowed=True)
        for how, value in {**field.wrong, **wrong}.items():
            fields = {**good, field.name: value}
            yield here(f"create, {field.name} {how}", Create(_new(collection), fields), allowed=False)
        without = {name: value for name, value in good.items() if name != field.name}
        operation = Create(_new(collection), without)
        yield here(f"create, without {field.name}", operation, allowed=not field.required)
    unknown = Create(_new(collection), {**good, "surprise": "text"})
    yield here("create, with an unknown field", unknown, allowed=collection == STORIES)
    yield here("create, with nothing", Create(_new(collection), {}), allowed=False)


def _created(collection: str) -> Iterator[Check]:
    """What is in the path and in the token rather than in the fields."""
    here = _Maker(collection, OWNER)
    for document_id in ("z", "x" * 128, "A-b_9"):
        yield here(f"create as {document_id[:9]}", Create(f"{collection}/{document_id}", valid(collection)), allowed=True)
    for document_id in ("x" * 129, "a b", "a.b", "é", "a:b", "a\n"):
        yield here(f"create as {document_id[:9]!r}", Create(f"{collection}/{document_id}", valid(collection)), allowed=False)
    for actor in (OTHER, STRANGE, NOBODY):
        uid = actor.uid or ""
        fields = valid(collection, uid)
        yield _Maker(collection, actor)("create own", Create(_new(collection), fields), allowed=actor is OTHER)
    theirs = {**valid(collection, str(STRANGE.uid)), **({"recordingKey": recording_key("x")} if collection == VOICES else {})}
    yield _Maker(collection, STRANGE)("create with a foreign key", Create(_new(collection), theirs), allowed=False)
    strangers = f"{collection}/strangers"
    here = _Maker(collection, STRANGE)
    yield here("get own", Get(strangers), allowed=False, given={strangers: stored(collection, str(STRANGE.uid))})


def _server_fields(collection: str) -> Iterator[Check]:
    """Each field that the server adds: at creation, and set, changed or removed afterwards."""
    here = _Maker(collection, OWNER)
    before = stored(collection)
    path = _shared(collection)
    for name in SERVER_FIELDS[collection]:
        yield here(f"create, with {name}", Create(_new(collection), {**valid(collection), name: "x"}), allowed=False)
        yield here(f"create, with {name} null", Create(_new(collection), {**valid(collection), name: None}), allowed=False)
        for how, value in (("changed", "mine"), ("removed", DELETE), ("emptied", None), ("stamped", SERVER_TIME)):
            yield here(f"update, {name} {how}", Update(path, {name: value}), allowed=False)
        if collection == STORIES:
            yield here(f"update, {name} and title", Update(path, {"title": "Another", name: "mine"}), allowed=False)
        kept = {field: value for field, value in before.items() if field != name}
        yield here(f"set without {name}", Update(path, kept, whole=True), allowed=False)
        bare = f"{collection}/without-{name}"
        yield here(f"update, {name} added", Update(bare, {name: "mine"}), allowed=False, given={bare: kept})


# ── what a client may change ─────────────────────────────────────────────────────────────────────────────────────────


def _taking_back(collection: str) -> Iterator[Check]:
    """Cancelling in every status; with it, and without it, a change of anything else."""
    cancelled: Fields = {"status": Status.CANCELLED}
    for status in STATUSES:
        given = {f"{collection}/is-{status}-{n}": stored(collection, status=status) for n in range(4)}
        own, whole, *shared = given
        here = _Maker(collection, OWNER)
        may = status in UNFINISHED
        yield here(f"cancel when {status}", Update(own, cancelled), may, {own: given[own]})
        whole_fields = {**given[whole], **cancelled}
        yield here(f"cancel by set when {status}", Update(whole, whole_fields, whole=True), may, {whole: given[whole]})
        for actor in (OTHER, NOBODY):
            denied = Update(shared[0], cancelled)
            yield _Maker(collection, actor)(f"cancel when {status}", denied, False, {shared[0]: given[shared[0]]})
        for to in (*STATUSES, "", None, 1):
            if to != Status.CANCELLED:
                denied = Update(shared[1], {"status": to})
                yield here(f"{status} to {to!r}", denied, False, {shared[1]: given[shared[1]]})
    here = _Maker(collection, OWNER)
    for name in (*valid(collection), *SERVER_FIELDS[collection], "surprise"):
        if name != "status":
            path = _shared(collection)
            yield here(f"update {name}", Update(path, {name: "mine"}), allowed=False)
            yield here(f"cancel and update {name}", Update(path, {**cancelled, name: "mine"}), allowed=False)
            if name != "surprise":
                yield here(f"cancel and remove {name}", Update(path, {**cancelled, name: DELETE}), allowed=False)
    again = Update(_shared(collection), valid(collection), whole=True)
    yield here("begin again by set", again, allowed=False)
    yield here("remove status", Update(_shared(collection), {"status": DELETE}), allowed=False)
    yield here("give away", Update(_shared(collection), {**cancelled, "userId": OTHER.uid}), allowed=False)
    taking = Update(f"{collection}/{'request' if collection == REQUESTS else 'voice'}-{OTHER.uid}", {"userId": OWNER.uid})
    yield here("take", taking, allowed=False)


def _stories() -> Iterator[Check]:
    """A story's own fields change as they may be created."""
    here = _Maker(STORIES, OWNER)
    for field in shapes.fields_of(SHAPES[STORIES]):
        if field.name != "userId":
            own = _new(STORIES)
            yield here(f"update {field.name}", Update(own, {field.name: field.right[-1]}), True, {own: stored(STORIES)})
        for how, value in {**field.wrong, "removed": DELETE}.items():
            yield here(f"update, {field.name} {how}", Update(_shared(STORIES), {field.name: value}), allowed=False)
    apps = {"changed": {"tags": ["other"]}, "removed": {"tags": DELETE}, "added": {"readAt": SERVER_TIME}}
    for how, change in apps.items():
        own = _new(STORIES)
        yield here(f"update, a field of the app's {how}", Update(own, change), allowed=True, given={own: stored(STORIES)})
    own = _new(STORIES)
    whole = {**stored(STORIES), "title": "All of it again"}
    yield here("set with everything", Update(own, whole, whole=True), allowed=True, given={own: stored(STORIES)})
    yield here("give away", Update(_shared(STORIES), {"userId": OTHER.uid}), allowed=False)
    yield here("take", Update(f"{STORIES}/story-{OTHER.uid}", {"userId": OWNER.uid}), allowed=False)
    untold = f"{STORIES}/untold"
    given = {untold: valid(STORIES, str(OTHER.uid))}
    yield here("take one that is not told yet", Update(untold, {"userId": OWNER.uid}), allowed=False, given=given)


def _past() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


def _relations() -> Iterator[tuple[tuple[str, str], tuple[tuple[Any, ...], Fields]]]:
    """What is right and wrong about a field beyond its type: to whom it belongs, when it was."""
    prefix = f"recordings/{OWNER.uid}"
    keys = {
        "another's": recording_key(str(OTHER.uid)),
        "of a longer name": recording_key(f"{OWNER.uid}0"),
        "below another root": f"voices/{OWNER.uid}/voice-1/upload-1.m4a",
        "below a root": f"/{recording_key(str(OWNER.uid))}",
        "of one segment less": f"{prefix}/upload-1.m4a",
        "of one segment more": f"{prefix}/a/b/c.m4a",
        "climbing": f"{prefix}/../{OTHER.uid}/upload-1.m4a",
        "without extension": f"{prefix}/voice-1/upload-1",
        "with an x for the dot": f"{prefix}/voice-1/uploadxm4a",
        "with an empty extension": f"{prefix}/voice-1/upload-1.",
        "with a long extension": f"{prefix}/voice-1/upload-1.{'m' * 9}",
        "with a strange extension": f"{prefix}/voice-1/upload-1.m/a",
        "with a capital extension": f"{prefix}/voice-1/upload-1.M4A",
        "with an empty voice": f"{prefix}//upload-1.m4a",
        "with a long voice": f"{prefix}/{'v' * 129}/upload-1.m4a",
        "with a strange voice": f"{prefix}/v.1/upload-1.m4a",
        "with an empty upload": f"{prefix}/voice-1/.m4a",
        "with a long upload": f"{prefix}/voice-1/{'u' * 129}.m4a",
        "with a strange upload": f"{prefix}/voice-1/u u.m4a",
        "continued": f"{prefix}/voice-1/upload-1.m4a\n",
        "a URL": f"https://example.com/{prefix}/voice-1/upload-1.m4a",
    }
    own_keys = (f"{prefix}/{'v' * 128}/{'u' * 128}.{'m' * 8}", f"{prefix}/v/u.a", recording_key(str(OWNER.uid)))
    yield (VOICES, "recordingKey"), (own_keys, keys)
    for collection, name, kind in ((REQUESTS, "storyId", "story"), (REQUESTS, "voiceId", "voice")):
        own = f"{kind}-{OWNER.uid}"
        wrong = {"another's": f"{kind}-{OTHER.uid}", "of nothing": "missing", "of a request": f"request-{OWNER.uid}"}
        yield (collection, name), ((own, "a"), {**wrong, "below one's own": f"{own}/notes/note-1"})
    twenty = {f"Name {n}": "v" * 128 for n in range(20)}
    casts = ({}, {"Wolf": "voice-1"}, {"Wolf": "A-b_9", "Fox": "a"}, {"Wolf": "a", "Fox": "A-b_9"}, twenty)
    none = shapes.ids_that_are_none().items()
    ids: Fields = {f"first with {how}": {"Fox": value, "Wolf": "voice-1"} for how, value in none}
    ids |= {f"last with {how}": {"Fox": "voice-1", "Wolf": value} for how, value in none}
    maps = {"with a map": {"Wolf": {"id": "voice-1"}}, "with a list": {"Wolf": ["voice-1"]}, "with a fraction": {"Wolf": 1.5}}
    yield (REQUESTS, "cast"), (casts, {**ids, **maps, "of too many": {**twenty, "One more": "v"}})
    for collection in SHAPES:
        yield (collection, "userId"), ((OWNER.uid,), {"another's": OTHER.uid, "in capitals": str(OWNER.uid).upper()})
        if collection != STORIES:
            yield (collection, "createdAt"), ((SERVER_TIME,), {"by the phone's clock": _past(), "later": _past() + timedelta(days=1)})
            others = {f"is {status}": status for status in STATUSES if status != Status.PENDING}
            yield (collection, "status"), ((Status.PENDING,), others)


_RELATIONS = dict(_relations())


class _Maker:
    """Checks of one actor in one collection."""

    def __init__(self, collection: str, actor: Actor) -> None:
        self._collection = collection
        self._actor = actor

    def __call__(
        self, what: str, operation: Operation, allowed: bool, given: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Check:
        kind = "list" if isinstance(operation, Query) else type(operation).__name__.lower()
        about = frozenset(re.findall(r"\w+", what)) | {self._collection, kind}
        name = f"{self._collection}: {self._actor.name}: {what}"
        return Check(name, self._actor, operation, allowed, about, tuple((given or {}).items()))


def _new(collection: str) -> str:
    return f"{collection}/new-{next(_number)}"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:30]}… ({len(text)})"
