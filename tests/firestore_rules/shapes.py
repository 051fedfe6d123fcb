"""From functions/jobs/documents.py, what each field a client writes may be: values at every edge, and beyond it.

The types there say what the server takes. Nothing of it is repeated here but what types cannot say: which words a list
has, and (in `checks`) what belongs to whom.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import inspect

from jobs.documents import FORMATS, LANGUAGES, MODEL_TYPES, PLATFORMS, Id, Language, StoryText

Fields = dict[str, Any]
WORDS = {"language": LANGUAGES, "modelType": MODEL_TYPES, "format": FORMATS, "platform": PLATFORMS}
A_MOMENT = datetime(2026, 5, 4, 20, 15, tzinfo=UTC)
# One of each type that a Firestore field can have and a client would send.
TYPES: dict[str, Any] = {
    "null": None,
    "a text": "text",
    "a whole number": 1,
    "a fraction": 1.5,
    "a boolean": True,
    "a timestamp": A_MOMENT,
    "bytes": b"bytes",
    "a list": ["text"],
    "an empty list": [],
    "a map": {"text": "text"},
    "an empty map": {},
}


class Story(msgspec.Struct, rename="camel"):
    """What `stories/{storyId}` must have; the app adds what it likes."""

    user_id: Id
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    text: StoryText
    language: Language


@dataclass(frozen=True)
class Field:
    """`right`: values that must be taken, every edge among them. `wrong`: what must not, by what is wrong with it."""

    name: str
    required: bool
    right: tuple[Any, ...]
    wrong: dict[str, Any]


def fields_of(shape: type[msgspec.Struct]) -> Iterator[Field]:
    """Raises NotImplementedError for a type that documents.py has begun to use and this does not know."""
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        name = field.encode_name
        kind = _bare(field.type)
        is_word = name in WORDS and not _is_bounded(kind)
        right, wrong = _words(WORDS[name]) if is_word else _values(kind)
        yield Field(name, field.required, tuple(right), {**_other_types(kind), **wrong})


def _is_bounded(kind: inspect.Type) -> bool:
    """A text of any words, such as a device's language, which need not be one of ours."""
    return isinstance(kind, inspect.StrType) and kind.max_length is not None


def _words(words: tuple[str, ...]) -> tuple[list[Any], Fields]:
    return [*words], {
        "no word": "",
        "another word, surprise": "surprise",
        "in capitals": words[0].upper(),
        "a list": [words[0]],
    }


def _values(kind: inspect.Type) -> tuple[list[Any], Fields]:  # noqa: PLR0911  (one line per type)
    match kind:
        case inspect.StrType(pattern=str()):
            return ["a", "A-b_9" * 25 + "xyz"], ids_that_are_none()
        case inspect.StrType(min_length=1, max_length=int(most)):
            return ["x", "é" * most], {"empty": "", "too long": "x" * (most + 1)}
        case inspect.IntType(ge=int(low), le=int(high)):
            return [low, high, (low + high) // 2], {"too low": low - 1, "too high": high + 1, "a fraction": low + 0.5}
        case inspect.FloatType(ge=float() | int() as low, le=float() | int() as high):
            return _range(low, high)
        case inspect.BoolType():
            return [True, False], {}
        case inspect.DateTimeType():
            return [A_MOMENT], {}
        case inspect.DictType():
            return [{}], {}
        case inspect.StructType(cls=shape):
            return _struct(shape)
        case inspect.LiteralType(values=values):
            return list(values), {"another word, surprise": "surprise"}
    raise NotImplementedError(f"How can a {kind} be wrong?")


def _range(low: float, high: float) -> tuple[list[Any], Fields]:
    whole = [number for number in (math.ceil(low), math.floor(high)) if low <= number <= high]
    wrong = {
        "just too low": math.nextafter(low, -math.inf),
        "just too high": math.nextafter(high, math.inf),
        "too low": math.ceil(low) - 1,
        "too high": math.floor(high) + 1,
        "not a number": math.nan,
        "infinite": math.inf,
        "infinitely low": -math.inf,
    }
    return [float(low), float(high), (low + high) / 2, *whole], wrong


def _struct(shape: type[msgspec.Struct]) -> tuple[list[Any], Fields]:
    """A map: each of its fields at each edge; each one missing, each one wrong, one too many."""
    fields = list(fields_of(shape))
    good = {field.name: field.right[0] for field in fields}
    right = [{**good, field.name: value} for field in fields for value in field.right]
    wrong: Fields = {"with an unknown field, surprise": {**good, "surprise": "text"}}
    for field in fields:
        wrong[f"without {field.name}"] = {name: value for name, value in good.items() if name != field.name}
        wrong.update({f"{field.name} {how}": {**good, field.name: value} for how, value in field.wrong.items()})
    return right, wrong


def ids_that_are_none() -> Fields:
    texts = ("", "x" * 129, "a/b", "a b", "a.b", "é", "a\n", "..", "a:b")
    return {f"{text[:9]!r} of {len(text)} characters": text for text in texts}


def _other_types(kind: inspect.Type) -> Fields:
    own: dict[type[inspect.Type], set[str]] = {
        inspect.StrType: {"a text"},
        inspect.LiteralType: {"a text"},
        inspect.BoolType: {"a boolean"},
        inspect.IntType: {"a whole number"},
        inspect.FloatType: {"a whole number", "a fraction"},
        inspect.DateTimeType: {"a timestamp"},
        inspect.StructType: set(),
        inspect.DictType: {"a map", "an empty map"},
    }
    return {f"is {name}": value for name, value in TYPES.items() if name not in own[type(kind)]}


def _bare(kind: inspect.Type) -> inspect.Type:
    """Without the description around it, and without None: to the rules, an optional field is there or it is not."""
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            (kind,) = (option for option in kind.types if not isinstance(option, inspect.NoneType))
    return kind
