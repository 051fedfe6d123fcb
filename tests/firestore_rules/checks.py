"""The table: who does what, and whether it is allowed. Everything is in `table()`; what is expected stands beside it.

Documents that a check needs are its own (`given`), so all checks stand in one database and in any order; what is only
read, or must not be changed, is shared (samples.WORLD).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from jobs.documents import MAX_PRONUNCIATIONS, MAX_RESPELLING_CHARACTERS, MAX_WORD_CHARACTERS, Device, Status
from tests.firestore_rules import shapes
from tests.firestore_rules.operations import (
    ACTORS,
    ANONYMOUS,
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
from tests.firestore_rules.samples import (
    CLOSED,
    DEVICE,
    DEVICES,
    DICTIONARY,
    LONG,
    LONG_ID,
    RELATIONS,
    REQUESTS,
    SERVER_FIELDS,
    SHAPES,
    STATUSES,
    STORIES,
    STRANGE,
    UNFINISHED,
    USERS,
    VOICES,
    minimal,
    recording_key,
    shared,
    stored,
    valid,
)

_number = count(1)


@dataclass(frozen=True, eq=False)
class Check:
    """`about`: words of the rules that it has to do with, by which a mutant's likely finders are told."""

    name: str
    actor: Actor
    operation: Operation
    allowed: bool
    about: frozenset[str]
    given: tuple[tuple[str, Mapping[str, Any]], ...] = ()


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
        checks += _other_changes(collection)
    checks += _stories()
    checks += _users()
    checks += _devices()
    for collection in CLOSED:
        checks += _closed(collection)
    return checks


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _access(collection: str) -> Iterator[Check]:
    """Every operation by everybody, on a document of the owner's."""
    is_story = collection == STORIES
    path = shared(collection)
    change: Fields = {"title": "Another title"} if is_story else {"status": Status.CANCELLED}
    for actor in ACTORS:
        owner, server = actor is OWNER, actor is SERVER
        signed_in = bool(actor.uid)
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
    path = shared(collection)
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
        right, wrong = RELATIONS.get((collection, field.name), (field.right, {}))
        for number, value in enumerate(right, 1):
            fields = {**good, field.name: value}
            yield here(
                f"create, {field.name} right ({number}): {_brief(value)}",
                Create(_new(collection), fields),
                allowed=True,
            )
        for how, value in {**field.wrong, **wrong}.items():
            fields = {**good, field.name: value}
            yield here(f"create, {field.name} {how}", Create(_new(collection), fields), allowed=False)
        without = {name: value for name, value in good.items() if name != field.name}
        operation = Create(_new(collection), without)
        yield here(f"create, without {field.name}", operation, allowed=not field.required)
    unknown = Create(_new(collection), {**good, "surprise": "text"})
    yield here("create, with an unknown field, surprise", unknown, allowed=collection == STORIES)
    yield here("create, with nothing", Create(_new(collection), {}), allowed=False)


def _created(collection: str) -> Iterator[Check]:
    """What is in the path and in the token rather than in the fields."""
    here = _Maker(collection, OWNER)
    for document_id in ("z", "x" * 128, "A-b_9"):
        yield here(
            f"create as {document_id[:9]}", Create(f"{collection}/{document_id}", valid(collection)), allowed=True
        )
    for document_id in ("x" * 129, "a b", "a.b", "é", "a:b", "a\n"):
        yield here(
            f"create as {document_id[:9]!r}", Create(f"{collection}/{document_id}", valid(collection)), allowed=False
        )
    for actor in (OTHER, STRANGE, NOBODY):
        fields = valid(collection, actor.uid)
        yield _Maker(collection, actor)("create own", Create(_new(collection), fields), allowed=actor is OTHER)
    theirs = {
        **valid(collection, STRANGE.uid),
        **({"recordingKey": recording_key("x")} if collection == VOICES else {}),
    }
    yield _Maker(collection, STRANGE)("create with a foreign key", Create(_new(collection), theirs), allowed=False)
    strangers = f"{collection}/strangers"
    here = _Maker(collection, STRANGE)
    yield here("get own", Get(strangers), allowed=False, given={strangers: stored(collection, STRANGE.uid)})


def _server_fields(collection: str) -> Iterator[Check]:
    """Each field that the server adds: at creation, and set, changed or removed afterwards."""
    here = _Maker(collection, OWNER)
    before = stored(collection)
    path = shared(collection)
    for name in SERVER_FIELDS[collection]:
        yield here(f"create, with {name}", Create(_new(collection), {**valid(collection), name: "x"}), allowed=False)
        yield here(
            f"create, with {name} null", Create(_new(collection), {**valid(collection), name: None}), allowed=False
        )
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
    """Cancelling in every status, by update and by set; and every other change of the status."""
    cancelled: Fields = {"status": Status.CANCELLED}
    here = _Maker(collection, OWNER)
    for status in STATUSES:
        before = stored(collection, status=status)
        may = status in UNFINISHED
        own, whole, fixed = (f"{collection}/{status}-{use}" for use in ("own", "whole", "fixed"))
        yield here(f"cancel when {status}", Update(own, cancelled), may, {own: before})
        by_set = Update(whole, {**before, **cancelled}, whole=True)
        yield here(f"cancel by set when {status}", by_set, may, {whole: before})
        for actor in (OTHER, NOBODY):
            theirs = _Maker(collection, actor)
            yield theirs(f"cancel when {status}", Update(fixed, cancelled), allowed=False, given={fixed: before})
        for to in (*STATUSES, "", None, 1, DELETE):
            if to != Status.CANCELLED:
                change = Update(fixed, {"status": to})
                yield here(f"update {status} to {to!r}", change, allowed=False, given={fixed: before})


def _other_changes(collection: str) -> Iterator[Check]:
    """Any other field of a request, alone and while it is cancelled."""
    cancelled: Fields = {"status": Status.CANCELLED}
    here = _Maker(collection, OWNER)
    path = shared(collection)
    for name in sorted({*valid(collection), *SERVER_FIELDS[collection]} - {"status"}):
        yield here(f"update {name}", Update(path, {name: "mine"}), allowed=False)
        yield here(f"cancel and update {name}", Update(path, {**cancelled, name: "mine"}), allowed=False)
        yield here(f"cancel and remove {name}", Update(path, {**cancelled, name: DELETE}), allowed=False)
    yield here("cancel and add surprise", Update(path, {**cancelled, "surprise": "mine"}), allowed=False)
    yield here("begin again by set", Update(path, valid(collection), whole=True), allowed=False)
    yield here("give away", Update(path, {**cancelled, "userId": OTHER.uid}), allowed=False)
    yield here("take", Update(shared(collection, OTHER), {"userId": OWNER.uid}), allowed=False)


def _stories() -> Iterator[Check]:
    """A story's own fields change as they may be created."""
    here = _Maker(STORIES, OWNER)
    for field in shapes.fields_of(SHAPES[STORIES]):
        if field.name != "userId":
            own = _new(STORIES)
            yield here(f"update {field.name}", Update(own, {field.name: field.right[-1]}), True, {own: stored(STORIES)})
        for how, value in {**field.wrong, "removed": DELETE}.items():
            yield here(f"update, {field.name} {how}", Update(shared(STORIES), {field.name: value}), allowed=False)
    apps: dict[str, Fields] = {
        "changed": {"tags": ["other"]},
        "removed": {"tags": DELETE},
        "added": {"readAt": SERVER_TIME},
    }
    for how, change in apps.items():
        own = _new(STORIES)
        yield here(
            f"update, a field of the app's {how}", Update(own, change), allowed=True, given={own: stored(STORIES)}
        )
    own = _new(STORIES)
    whole = {**stored(STORIES), "title": "All of it again"}
    yield here("set with everything", Update(own, whole, whole=True), allowed=True, given={own: stored(STORIES)})
    yield here("give away", Update(shared(STORIES), {"userId": OTHER.uid}), allowed=False)
    yield here("take", Update(shared(STORIES, OTHER), {"userId": OWNER.uid}), allowed=False)
    untold = f"{STORIES}/untold"
    given = {untold: valid(STORIES, OTHER.uid)}
    yield here("take one that is not told yet", Update(untold, {"userId": OWNER.uid}), allowed=False, given=given)


# ── the user's dictionary ────────────────────────────────────────────────────────────────────────────────────────────


def _users() -> Iterator[Check]:
    """One document each, under the user's own id; nobody else sees it, and it is all or nothing."""
    path = f"{USERS}/{OWNER.uid}"
    for actor in ACTORS:
        here = _Maker(USERS, actor)
        mine = actor in {OWNER, SERVER}
        yield here("get", Get(path), mine)
        yield here("list", Query(USERS), actor is SERVER)
        yield here("get below", Get(f"{path}/notes/note-1"), actor is SERVER)
        yield here("create below", Create(f"{path}/notes/{next(_number)}", DICTIONARY), actor is SERVER)
        if actor is not SERVER:  # each of these would be in the way of the others
            yield here("change", Update(path, DICTIONARY, whole=True), mine)
            yield here("change one field", Update(path, DICTIONARY), mine)
            yield here("create another's", Create(f"{USERS}/nobody-{next(_number)}", DICTIONARY), allowed=False)
    for actor in (OTHER, NOBODY):
        yield _Maker(USERS, actor)("delete the owner's", Delete(path), allowed=False)
    yield _Maker(USERS, ANONYMOUS)("create own", Create(f"{USERS}/{ANONYMOUS.uid}", DICTIONARY), allowed=True)
    yield _Maker(USERS, STRANGE)("create a wrong one", Create(f"{USERS}/{STRANGE.uid}", {"a": 1}), allowed=False)
    yield _Maker(USERS, LONG)("delete own", Delete(f"{USERS}/{LONG.uid}"), allowed=True)
    here = _Maker(USERS, OWNER)
    for number, (how, allowed, fields) in enumerate(dictionaries()):
        yield here(f"set, {how} ({number})", Update(path, fields, whole=True), allowed)


def _devices() -> Iterator[Check]:
    """A user's own, as many as there are; each is whole and new whenever it is written."""
    below = f"{USERS}/{OWNER.uid}/{DEVICES}"
    phone = f"{below}/phone"
    for actor in ACTORS:
        here = _Maker(USERS, actor)
        mine = actor in {OWNER, SERVER}
        yield here("get a device", Get(phone), mine)
        yield here("list devices", Query(below), mine)
        yield here("list every user's devices", Query(DEVICES, group=True), actor is SERVER)
        yield here("create a device", Create(_new(below), DEVICE), mine)
        if actor is not SERVER:
            yield here("change a device", Update(phone, {**DEVICE, "token": "another"}), mine)
        own = _new(below)
        yield here("delete a device", Delete(own), mine, {own: DEVICE})
    here = _Maker(USERS, OWNER)
    for field in shapes.fields_of(Device):
        right, wrong = _DEVICE_RELATIONS.get(field.name, (field.right, field.wrong))
        for number, value in enumerate(right, 1):
            fields = {**DEVICE, field.name: value}
            yield here(f"create a device, {field.name} right ({number})", Create(_new(below), fields), allowed=True)
        for how, value in wrong.items():
            fields = {**DEVICE, field.name: value}
            yield here(f"create a device, {field.name} {how}", Create(_new(below), fields), allowed=False)
        without = {name: value for name, value in DEVICE.items() if name != field.name}
        yield here(f"create a device, without {field.name}", Create(_new(below), without), allowed=False)
    yield here("update a device, token empty", Update(phone, {**DEVICE, "token": ""}), allowed=False)
    surprise = {**DEVICE, "surprise": "text"}
    yield here("create a device, with an unknown field, surprise", Create(_new(below), surprise), allowed=False)
    for document_id in ("x" * 129, "a b", "a.b", "é"):
        yield here(f"create a device as {document_id[:9]!r}", Create(f"{below}/{document_id}", DEVICE), allowed=False)
    yield here("create below a device", Create(f"{phone}/notes/note-1", DEVICE), allowed=False)


_DEVICE_RELATIONS: dict[str, tuple[tuple[Any, ...], Fields]] = {
    "updatedAt": ((SERVER_TIME,), {"by the phone's clock": shapes.A_MOMENT, "a text": "now"})
}


def dictionaries() -> Iterator[tuple[str, bool, Fields]]:
    """What is in it, whether that is right, and the whole document."""
    word, said, most = MAX_WORD_CHARACTERS, MAX_RESPELLING_CHARACTERS, MAX_PRONUNCIATIONS
    many = {f"Word {number}": "said" for number in range(most)}
    right: dict[str, Fields] = {
        "no words": {},
        "one word": {"A": "a"},
        "two short words": {"A": "a", "B": "b"},
        "two long words": {"A" * word: "a" * said, "B" * word: "b" * said},
        "as many as may be": many,
    }
    wrong: dict[str, Any] = {
        "a word too many": {**many, "One more": "said"},
        "first a long word": {"A" * (word + 1): "a", "B": "b"},
        "last a long word": {"A": "a", "B" * (word + 1): "b"},
        "a very long word": {"A" * 2 * word: "a"},
        "first a long respelling": {"A": "a" * (said + 1), "B": "b"},
        "last a long respelling": {"A": "a", "B": "b" * (said + 1)},
        "a very long respelling": {"A": "a" * 2 * said},
        "first an empty respelling": {"A": "", "B": "b"},
        "last an empty respelling": {"A": "a", "B": ""},
        "a line break in a word": {"A\n": "a"},
        "a line break in a respelling": {"A": "a\n"},
        "a text": "Siobhan",
        "a list": ["Siobhan"],
        "null": None,
        "a number": 1,
    }
    for how, words in right.items():
        yield how, True, {"pronunciations": words}
    for how, words in wrong.items():
        yield how, False, {"pronunciations": words}
    yield "another field", False, {**DICTIONARY, "surprise": "text"}
    yield "only another field", False, {"surprise": "text"}
    yield "nothing", False, {}


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
