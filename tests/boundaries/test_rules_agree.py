"""firestore.rules and firestore.indexes.json say the same as the code."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import msgspec
import pytest
from google.cloud import firestore

from backend import erasing, identity, narrations, reconcile, voices
from backend.services import Lazy
from backend.storage import Eraser
from jobs import documents, keys
from jobs.errors import NotFound
from jobs.model import HEAD_FIELDS, Job
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import USER

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "firestore.rules").read_text()
INDEXES = json.loads((ROOT / "firestore.indexes.json").read_text())


def words(pattern: str, *, within: str = RULES) -> list[str]:
    """The quoted words of the list that follows `pattern`."""
    found = re.search(pattern + r"\s*\(?\[([^\]]*)\]", within)
    assert found, pattern
    return re.findall(r"'([^']+)'", found[1])


def block(name: str) -> str:
    """A `match /name/{id} { … }`, to its closing brace."""
    start = RULES.index(f"match /{name}/{{")
    end = RULES.index("\n    }\n", start)
    return RULES[start:end]


def fields(shape: type[msgspec.Struct]) -> list[str]:
    return list(shape.__struct_encode_fields__)


VOICES, REQUESTS = block("voice_profiles"), block("audio_requests")
DEVICES = block("users/{userId}/devices")
STATUSES = {value for name, value in vars(documents.Status).items() if name.isupper() and isinstance(value, str)}
UNFINISHED = STATUSES - documents.Status.TERMINAL


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (words(r"function isLanguage\(value\) \{\s*return value in"), list(documents.LANGUAGES)),
        (words(r"data\.get\('modelType', 'chatterbox'\) in"), list(documents.MODEL_TYPES)),
        (words(r"data\.get\('format', 'mp3'\) in"), list(documents.FORMATS)),
        (words(r"return data\.keys\(\)\.hasOnly", within=VOICES), fields(documents.VoiceProfileRequest)),
        (words(r"consent\.keys\(\)\.hasOnly", within=VOICES), fields(documents.Consent)),
        (words(r"return data\.keys\(\)\.hasOnly", within=REQUESTS), fields(documents.AudioRequest)),
        (words(r"resource\.data\.status in"), sorted(UNFINISHED)),
        (words(r"return data\.keys\(\)\.hasOnly", within=DEVICES), fields(documents.Device)),
        (words(r"data\.platform in"), list(documents.PLATFORMS)),
    ],
    ids=[
        "languages",
        "models",
        "formats",
        "voice fields",
        "consent fields",
        "audio fields",
        "unfinished",
        "device fields",
        "platforms",
    ],
)
def test_lists_agree(listed: list[str], expected: list[str]) -> None:
    assert sorted(listed) == sorted(expected)


def bounds(shape: type[msgspec.Struct], field: str) -> msgspec.Meta:
    """The limits of a field, with every layer of Annotated and Optional taken off."""
    encoded = dict(zip(shape.__struct_encode_fields__, shape.__struct_fields__, strict=True))
    annotation: Any = get_type_hints(shape, include_extras=True)[encoded[field]]
    for option in (annotation, *get_args(annotation)):
        for meta in getattr(option, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and (meta.ge, meta.max_length) != (None, None):
                return meta
    raise AssertionError(field)


NUMBERS = re.findall(r"isNumber\(data\.get\('(\w+)', [\d.]+\), (-?[\d.]+), ([\d.]+)\)", REQUESTS)
TEXTS = [
    (documents.VoiceProfileRequest, "name", r"isText\(data\.name, (\d+)\)", VOICES),
    (documents.Consent, "speaker", r"isText\(consent\.speaker, (\d+)\)", VOICES),
    (documents.Consent, "statement", r"isText\(consent\.statement, (\d+)\)", VOICES),
    (documents.Device, "token", r"isText\(data\.token, (\d+)\)", DEVICES),
    (documents.Device, "language", r"isText\(data\.language, (\d+)\)", DEVICES),
    (documents.AudioRequest, "text", r"isText\(data\.get\('text', '.*'\), (\d+)\)", REQUESTS),
]


def test_numbers_have_the_same_bounds() -> None:
    assert [name for name, *_ in NUMBERS] == [
        *("speed", "pitch", "exaggeration", "cfgWeight", "temperature"),
        *("minP", "topP", "repetitionPenalty", "seed"),
    ]
    for name, low, high in NUMBERS:
        meta = bounds(documents.AudioRequest, name)
        assert (meta.ge, meta.le) == (float(low), float(high)), name


@pytest.mark.parametrize(("shape", "field", "pattern", "within"), TEXTS, ids=lambda value: str(value)[:20])
def test_texts_have_the_same_length(shape: type[msgspec.Struct], field: str, pattern: str, within: str) -> None:
    found = re.search(pattern, within)
    assert found
    assert bounds(shape, field).max_length == int(found[1])


def test_required_fields_are_required_by_both() -> None:
    """A rule that reads an optional field names its default; one that reads a missing required field refuses."""
    for shape, within in ((documents.VoiceProfileRequest, VOICES), (documents.AudioRequest, REQUESTS)):
        read_with_default = set(re.findall(r"data\.get\('(\w+)'", within))
        optional = {
            name
            for name, default in zip(shape.__struct_encode_fields__, _defaults(shape), strict=True)
            if default is not msgspec.NODEFAULT
        }
        assert read_with_default == optional, shape


def _defaults(shape: type[msgspec.Struct]) -> list[Any]:
    return [field.default for field in msgspec.structs.fields(shape)]


def test_ids_have_the_same_form() -> None:
    found = re.search(r"function isId\(value\) \{\s*return value\.matches\('([^']+)'\)", RULES)
    assert found
    for text in ("a", "A-z_9", "x" * 128, "x" * 129, "", "a/b", "ä", "a b", "a.b"):
        assert keys.is_id(text) == bool(re.fullmatch(found[1], text)), text


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OF_REQUESTS = {"voice_profiles", "audio_requests", "stories", "jobs", "erasures"}
OF_ACCOUNTS = {"accounts", "account_names", "refresh_tokens", "idempotency_keys"}
COLLECTIONS = OF_REQUESTS | OF_ACCOUNTS


@pytest.fixture
def queries(functions: FunctionsWorld, monkeypatch: pytest.MonkeyPatch) -> list[firestore.Query]:
    """Every query of a round of the reconciler, of the API's lists, and of what deletes a voice and an account, as
    objects; each has been run on the emulator."""
    made: list[firestore.Query] = []
    run = firestore.Query.stream

    def remember(query: firestore.Query, *arguments: Any, **options: Any) -> Iterator[Any]:
        made.append(query)
        return run(query, *arguments, **options)

    class NoFiles:
        def delete_some(self, prefix: str) -> int:
            return 0

    monkeypatch.setattr(firestore.Query, "stream", remember)
    monkeypatch.setattr(identity, "delete_sign_in", lambda _: None)
    functions.services.eraser = Lazy(lambda: cast(Eraser, NoFiles()))
    reconcile.reconcile(functions.services)
    voices.listed(functions.services, USER, limit=2, cursor=None)
    narrations.listed(functions.services, USER, limit=2, cursor=None)
    with contextlib.suppress(NotFound):
        voices.find(functions.services, USER, "a name")
    erasing.delete_voice(functions.services, USER, {"voiceId": "v1"})
    erasing.delete_account(functions.services, USER, {})
    return made


def composite(query: firestore.Query) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The composite index that a query needs: equalities first, then what it is ordered or ranged by. None: the
    automatic indexes of single fields do, which are merged for equalities."""
    structured = query._to_protobuf()
    filters = [part.field_filter for part in structured.where.composite_filter.filters] or [
        structured.where.field_filter
    ]
    equal = [part.field.field_path for part in filters if part.op == part.Operator.EQUAL]
    ranged = [part.field.field_path for part in filters if part.op != part.Operator.EQUAL]
    ordered = {order.field.field_path: order.direction.name for order in structured.order_by}
    ordered.pop("__name__", None)  # every index ends with it, in the direction of the last field
    rest = dict.fromkeys(ranged, "ASCENDING") | ordered
    if not rest or len([*equal, *rest]) == 1:
        return None
    return structured.from_[0].collection_id, (*((name, "ASCENDING") for name in equal), *rest.items())


def test_the_composite_indexes_are_those_of_the_codes_queries(queries: list[firestore.Query]) -> None:
    assert {query._parent.id for query in queries} == COLLECTIONS
    needed = {index for query in queries if (index := composite(query))}
    declared = {
        (index["collectionGroup"], tuple((field["fieldPath"], field["order"]) for field in index["fields"]))
        for index in INDEXES["indexes"]
    }
    assert declared == needed


def test_no_query_uses_a_field_whose_index_is_switched_off(queries: list[firestore.Query]) -> None:
    off = {
        (entry["collectionGroup"], entry["fieldPath"]) for entry in INDEXES["fieldOverrides"] if not entry["indexes"]
    }
    used = set()
    for query in queries:
        structured = query._to_protobuf()
        filters = [part.field_filter for part in structured.where.composite_filter.filters]
        for part in filters or [structured.where.field_filter]:
            used.add((structured.from_[0].collection_id, part.field.field_path))
    assert ("jobs", "leaseExpiresAt") in used
    assert not used & off


def test_times_to_live_are_the_fields_that_the_code_writes() -> None:
    declared = {entry["collectionGroup"] for entry in INDEXES["fieldOverrides"] if entry.get("ttl")}
    assert {entry["fieldPath"] for entry in INDEXES["fieldOverrides"] if entry.get("ttl")} == {"expireAt"}
    writers = {path.name for path in (ROOT / "functions").rglob("*.py") if '"expireAt"' in path.read_text()}
    assert writers == {"quotas.py", "transition.py", "erasing.py", "accounts.py", "idempotency.py"}, (
        "a new writer of expireAt: give its collection a time to live"
    )
    of_requests = {documents.QUOTAS, documents.JOBS, documents.RECEIPTS}
    assert declared == {*of_requests, documents.REFRESH_TOKENS, documents.IDEMPOTENCY_KEYS}
    assert "expireAt" in Job.__struct_encode_fields__
    assert "expireAt" in HEAD_FIELDS
