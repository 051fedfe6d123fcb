"""Documents of the table: what is right, what the server makes of it, whose is what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobs import documents
from jobs.documents import Status
from tests.firestore_rules import shapes
from tests.firestore_rules.operations import OTHER, OWNER, SERVER_TIME, Actor, Fields

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
    REQUESTS: (
        *_OF_REQUESTS,
        "audioKey",
        "audioUrl",
        "playlistKey",
        "timingsKey",
        "captionsKey",
        "durationSeconds",
        "quality",
    ),
    STORIES: ("audioStatus", "audioUrl", "audioVersions", "audioError"),
}
# Nobody but the server has anything to do here; the last is a collection that nobody thought of.
CLOSED = (
    *(documents.JOBS, documents.QUOTAS, documents.ERASURES, documents.RECEIPTS),
    *(documents.ACCOUNTS, documents.ACCOUNT_NAMES, documents.REFRESH_TOKENS, documents.IDEMPOTENCY_KEYS),
    "surprises",
)
USERS = documents.USERS
_NAMES = {VOICES: "voice-", REQUESTS: "request-", STORIES: "story-"}
STATUSES = (Status.PENDING, Status.QUEUED, Status.RUNNING, *sorted(Status.TERMINAL), "surprise")
UNFINISHED = {Status.PENDING, Status.QUEUED, Status.RUNNING}
DICTIONARY: Fields = {"pronunciations": {"Siobhan": "Shivawn", "Anaïs": "Ana-eess"}}
DEVICES = documents.DEVICES
DEVICE: Fields = {"token": "token", "language": "pt-BR", "platform": "ios", "updatedAt": SERVER_TIME}
LONG_ID = "Long-user_4" * 11 + "1234567"  # 128 characters
STRANGE = Actor("user with a strange id", ".*")  # a custom token may carry any id; this one would match every prefix
LONG = Actor("user with the longest id", LONG_ID)


def valid(collection: str, uid: str = OWNER.uid) -> Fields:
    """What the rules must take: every field there is, each optional one among them."""
    good = {field.name: field.right[0] for field in shapes.fields_of(SHAPES[collection])}
    own: dict[str, Fields] = {
        VOICES: {"recordingKey": recording_key(uid), "createdAt": SERVER_TIME},
        REQUESTS: {"storyId": f"story-{uid}"[:128], "voiceId": f"voice-{uid}"[:128], "createdAt": SERVER_TIME},
        STORIES: {"tags": ["a field of the app's"]},
    }
    return {**good, **own[collection], "userId": uid}


def minimal(collection: str, uid: str = OWNER.uid) -> Fields:
    required = {field.name for field in shapes.fields_of(SHAPES[collection]) if field.required}
    return {name: value for name, value in valid(collection, uid).items() if name in required}


def stored(collection: str, uid: str = OWNER.uid, status: str = Status.QUEUED) -> Fields:
    """A document as it stands after the server has seen it."""
    if collection in CLOSED:
        return {"userId": uid, "state": "queued"}
    now = {"createdAt": shapes.A_MOMENT, "status": status} if collection != STORIES else {}
    return {**valid(collection, uid), **now, **dict.fromkeys(SERVER_FIELDS[collection], "by the server")}


def recording_key(uid: str) -> str:
    return f"recordings/{uid}/voice-1/upload-1.m4a"


def shared(collection: str, actor: Actor = OWNER) -> str:
    """The user's document that every check may look at."""
    return f"{collection}/{_NAMES.get(collection, '')}{actor.uid}"[: len(collection) + 129]


def _world() -> Iterator[tuple[str, Fields]]:
    """What is there before any check, by path."""
    for actor in (OWNER, OTHER, STRANGE, LONG):
        for collection in SHAPES:
            yield shared(collection, actor), stored(collection, actor.uid)
    yield f"{STORIES}/a", stored(STORIES)
    yield f"{VOICES}/a", stored(VOICES)
    for collection in CLOSED:
        yield shared(collection), stored(collection)
    for actor in (OWNER, OTHER):
        yield f"{USERS}/{actor.uid}", DICTIONARY
        yield f"{USERS}/{actor.uid}/{DEVICES}/phone", {**DEVICE, "updatedAt": shapes.A_MOMENT}
    for collection in SHAPES:  # a document below one of the user's: no rule is about it
        yield f"{shared(collection)}/notes/note-1", {"userId": OWNER.uid}


def _past() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


def _relations() -> Iterator[tuple[tuple[str, str], tuple[tuple[Any, ...], Fields]]]:
    """What is right and wrong about a field beyond its type: to whom it belongs, when it was."""
    prefix = f"recordings/{OWNER.uid}"
    keys = {
        "another's": recording_key(OTHER.uid),
        "of a longer name": recording_key(f"{OWNER.uid}0"),
        "below another root": f"voices/{OWNER.uid}/voice-1/upload-1.m4a",
        "below a root": f"/{recording_key(OWNER.uid)}",
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
    own_keys = (f"{prefix}/{'v' * 128}/{'u' * 128}.{'m' * 8}", f"{prefix}/v/u.a", recording_key(OWNER.uid))
    yield (VOICES, "recordingKey"), (own_keys, keys)
    for collection, name, kind in ((REQUESTS, "storyId", "story"), (REQUESTS, "voiceId", "voice")):
        own = f"{kind}-{OWNER.uid}"
        wrong = {"another's": f"{kind}-{OTHER.uid}", "of nothing": "missing", "of a request": f"request-{OWNER.uid}"}
        yield (collection, name), ((own, "a"), {**wrong, "below one's own": f"{own}/notes/note-1"})
    longest = documents.MAX_CAST_NAME_CHARACTERS
    twenty = {f"Name {n}": "v" * 128 for n in range(20)}
    casts: tuple[Fields, ...] = (
        {},
        {"Wolf": "voice-1"},
        {"Wolf": "A-b_9", "Fox": "a"},
        {"Wolf": "a", "Fox": "A-b_9"},
        twenty,
        {"A": "a", "B": "b"},
        {"A" * longest: "a", "B" * longest: "b"},
    )
    none = shapes.ids_that_are_none().items()
    ids: Fields = {f"first with {how}": {"Fox": value, "Wolf": "voice-1"} for how, value in none}
    ids |= {f"last with {how}": {"Fox": "voice-1", "Wolf": value} for how, value in none}
    maps = {
        "with a map": {"Wolf": {"id": "voice-1"}},
        "with a list": {"Wolf": ["voice-1"]},
        "with a fraction": {"Wolf": 1.5},
    }
    names: Fields = {
        "first with a long name": {"A" * (longest + 1): "a", "B": "b"},
        "last with a long name": {"A": "a", "B" * (longest + 1): "b"},
        "with a very long name": {"A" * 2 * longest: "a"},
        "with a line break in a name": {"A\n": "a"},
        "of too many": {**twenty, "One more": "v"},
    }
    yield (REQUESTS, "cast"), (casts, {**ids, **maps, **names})
    for collection in SHAPES:
        yield (collection, "userId"), ((OWNER.uid,), {"another's": OTHER.uid, "in capitals": OWNER.uid.upper()})
        if collection != STORIES:
            yield (
                (collection, "createdAt"),
                ((SERVER_TIME,), {"by the phone's clock": _past(), "later": _past() + timedelta(days=1)}),
            )
            others = {f"is {status}": status for status in STATUSES if status != Status.PENDING}
            yield (collection, "status"), ((Status.PENDING,), others)


WORLD = tuple(_world())
RELATIONS = dict(_relations())
