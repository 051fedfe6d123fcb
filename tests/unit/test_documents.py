"""What a client wrote, wrong in every way that we can think of and many that we cannot: one sentence of ours each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore import GeoPoint
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import documents
from jobs.documents import LANGUAGES, MAX_TEXT_CHARACTERS, MODEL_TYPES, validate_audio_request, validate_voice_profile
from jobs.errors import InvalidArgument

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VOICE: dict[str, Any] = {
    "userId": "u1",
    "name": "Mum",
    "language": "en",
    "isKidsVoice": False,
    "recordingKey": "recordings/u1/v1/x.wav",
    "consent": {"speaker": "Ann", "statement": "I agree.", "acceptedAt": NOW},
    "modelType": "piper",
    "status": "pending",
    "createdAt": NOW,
}
AUDIO: dict[str, Any] = {
    "userId": "u1",
    "storyId": "s1",
    "voiceId": "v1",
    "language": "en",
    "text": "Hello.",
    "format": "mp3",
    "speed": 1.5,
    "pitch": -2,
    "exaggeration": 0.5,
    "cfgWeight": 0.5,
    "temperature": 0.8,
    "minP": 0.05,
    "topP": 0.95,
    "repetitionPenalty": 1.2,
    "seed": 7,
    "cast": {"Little Pig": "v2", "Wolf": "v3"},
    "status": "pending",
    "createdAt": NOW,
}
SAMPLING = {"exaggeration", "cfgWeight", "temperature", "minP", "topP", "repetitionPenalty", "seed"}
OPTIONAL = {"modelType", "text", "format", "speed", "pitch", "cast", *SAMPLING}
NO_ID = [None, 5, "", "a/b", "a\n", "x" * 129, True, ["a"], b"a"]
NO_TEXT = [5, "", True, b"bytes", {}, GeoPoint(1, 2)]
NO_MOMENT = ["2026-11-22T00:00:00Z", 5, None, datetime(2026, 11, 22)]  # noqa: DTZ001  (the naive one is the point)
NAN = float("nan")
WRONG_VOICE: dict[str, list[Any]] = {
    "userId": NO_ID,
    "name": [*NO_TEXT, None, "x" * 101],
    "language": [*NO_TEXT, None, "EN", "xx"],
    "isKidsVoice": [None, 0, "true"],
    "recordingKey": [*NO_TEXT, None, "recordings/u2/v1/x.wav", "x" * 513],
    "consent": [None, "yes", [], {}],
    "modelType": [*NO_TEXT, "gpt"],
    "status": [None, "", "queued", 1, "field `name`", "$.name"],
    "createdAt": NO_MOMENT,
}
WRONG_AUDIO: dict[str, list[Any]] = {
    "userId": NO_ID,
    "storyId": NO_ID,
    "voiceId": NO_ID,
    "language": WRONG_VOICE["language"],
    "text": [*NO_TEXT, "x" * (MAX_TEXT_CHARACTERS + 1)],
    "format": [*NO_TEXT, None, "MP3", "exe"],
    "speed": [None, "1", True, 0.49, 2.01, NAN, float("inf")],
    "pitch": [None, "1", -12.1, 12.1, NAN],
    "exaggeration": ["1", -0.1, 2.1, NAN],
    "cfgWeight": ["1", -0.1, 1.1, NAN],
    "temperature": ["1", 0.04, 5.1, NAN],
    "minP": ["1", -0.1, 1.1, NAN],
    "topP": ["1", -0.1, 1.1, NAN],
    "repetitionPenalty": ["1", 0.9, 2.1, NAN],
    "seed": ["1", 1.5, -1, 2**31, True],
    "cast": [
        *("x", [], {"bear": 5}, {"bear": "no/id"}, {"": "v2"}, {"x" * 41: "v2"}, {f"n{n}": "v" for n in range(21)}),
        *({"  ": "v2"}, {"-": "v2"}, {"a]": "v2"}, {"a\n": "v2"}, {"\u202eab": "v2"}, {"Wolf": "a", " wolf": "b"}),
    ],
    "status": WRONG_VOICE["status"],
    "createdAt": NO_MOMENT,
}
CASES = [
    *[("voice", field, wrong) for field, values in WRONG_VOICE.items() for wrong in values],
    *[("audio", field, wrong) for field, values in WRONG_AUDIO.items() for wrong in values],
]
VALIDATE: dict[str, Any] = {"voice": validate_voice_profile, "audio": validate_audio_request}
GOOD = {"voice": VOICE, "audio": AUDIO}
MSGSPEC_WORDS = re.compile(r"Expected `|Object missing|matching regex|at `\$|got `|Invalid enum|str`|Python")


def sentence(kind: str, fields: Any) -> str:
    with pytest.raises(InvalidArgument) as refused:
        VALIDATE[kind](fields)
    message = refused.value.message
    assert message.endswith(".")
    assert not MSGSPEC_WORDS.search(message), message
    assert refused.value.__cause__ is None
    return message


def test_the_good_ones_are_good_and_their_wrongs_cover_every_field() -> None:
    assert set(WRONG_VOICE) == set(VOICE) == set(documents.VoiceProfileRequest.__struct_encode_fields__)
    assert set(WRONG_AUDIO) == set(AUDIO) == set(documents.AudioRequest.__struct_encode_fields__)
    assert validate_voice_profile(VOICE).consent.speaker == "Ann"
    request = validate_audio_request(AUDIO)
    assert (request.cfg_weight, request.pitch, request.seed) == (0.5, -2, 7)


@pytest.mark.parametrize(("kind", "field", "wrong"), CASES, ids=lambda value: str(value)[:30])
def test_each_field_in_each_way_of_being_wrong_is_named(kind: str, field: str, wrong: object) -> None:
    assert f"`{field}`" in sentence(kind, {**GOOD[kind], field: wrong}).replace(".speaker", "")


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, good in GOOD.items() for field in good])
def test_a_field_left_out(kind: str, field: str) -> None:
    fields = {name: value for name, value in GOOD[kind].items() if name != field}
    if field in OPTIONAL:
        VALIDATE[kind](fields)
    else:
        assert sentence(kind, fields) == f"`{field}` is missing."


@pytest.mark.parametrize("field", VOICE["consent"])
def test_consent_is_looked_into(field: str) -> None:
    consent = VOICE["consent"]
    without = {name: value for name, value in consent.items() if name != field}
    assert sentence("voice", {**VOICE, "consent": without}) == f"`consent.{field}` is missing."
    assert sentence("voice", {**VOICE, "consent": {**consent, field: 5}}).startswith(f"`consent.{field}` must be ")
    assert sentence("voice", {**VOICE, "consent": {**consent, "ip": "1.2.3.4"}}) == "Unknown field `consent.ip`."


def test_defaults() -> None:
    request = validate_audio_request({name: value for name, value in AUDIO.items() if name not in OPTIONAL})
    assert (request.format, request.speed, request.pitch, request.text, request.seed) == ("mp3", 1.0, 0.0, None, None)


@pytest.mark.parametrize("kind", GOOD)
def test_an_unknown_field_is_named_and_the_known_ones_listed(kind: str) -> None:
    said = sentence(kind, {**GOOD[kind], "admin": True})
    assert said.startswith("Unknown field `admin`; the fields are userId, ")
    assert all(field in said for field in GOOD[kind])
    assert "`?script?`" in sentence(kind, {**GOOD[kind], "<script>": True})


def test_what_is_valid_is_listed() -> None:
    said = sentence("audio", {**AUDIO, "language": "tlh"})
    assert said == f"`language` must be one of {', '.join(LANGUAGES)}."
    said = sentence("voice", {**VOICE, "modelType": "gpt"})
    assert said == f"`modelType` must be one of {', '.join(MODEL_TYPES)}."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_taken(language: str) -> None:
    assert validate_audio_request({**AUDIO, "language": language}).language == language
    assert validate_voice_profile({**VOICE, "language": language}).language == language


def test_the_longest_text() -> None:
    assert validate_audio_request({**AUDIO, "text": "x" * MAX_TEXT_CHARACTERS}).text
    assert documents.validate_text("x" * MAX_TEXT_CHARACTERS)
    said = sentence("audio", {**AUDIO, "text": "x" * (MAX_TEXT_CHARACTERS + 1)})
    assert said == "`text` must be a text of 1 to 100,000 characters."
    with pytest.raises(InvalidArgument, match="The text has 100,001 characters; at most 100,000 can be narrated"):
        documents.validate_text("x" * (MAX_TEXT_CHARACTERS + 1))


def test_a_wrong_name_in_the_cast_is_shown_safely() -> None:
    assert sentence("audio", {**AUDIO, "cast": {"a\x07[\u202e": "v2"}}).startswith(
        "The name a?[? in `cast` cannot be used:"
    )
    said = sentence("audio", {**AUDIO, "cast": {"Wolf": "a", "WOLF ": "b"}})
    assert said == "`cast` has WOLF  twice, written in two ways."
    assert validate_audio_request({**AUDIO, "cast": {"x" * 40: "a", **{f"n{n}": "v" for n in range(19)}}}).cast


@pytest.mark.parametrize("user", [None, {}, {"pronunciations": None}, {"pronunciations": ["x"]}, {"pronunciations": 5}])
def test_no_pronunciations(user: Any) -> None:
    assert documents.pronunciations(user) == {}


def test_right_pronunciations_are_taken_and_wrong_ones_left_out() -> None:
    right = {"Siobhan": "Shivawn", "x" * 40: "y" * 80}
    wrong = {"": "a", "x" * 41: "a", "a": "y" * 81, "b": "", "c": 5, "d": "a\nb", "e\n": "a", "—": "a", "f": "…"}
    assert documents.pronunciations({"pronunciations": {**wrong, **right}}) == right
    many = {f"word {number:03}": "said" for number in range(201)}
    assert list(documents.pronunciations({"pronunciations": many})) == sorted(many)[:200]


@pytest.mark.parametrize("text", [None, 5, "", "  \n\t ", b"bytes"])
def test_nothing_to_read(text: object) -> None:
    with pytest.raises(InvalidArgument, match="There is no text to read"):
        documents.validate_text(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _only_ours(kind: str, fields: Any) -> None:
    try:
        VALIDATE[kind](fields)
    except InvalidArgument as refused:
        assert not MSGSPEC_WORDS.search(refused.message), refused.message  # noqa: PT017  (a refusal may not come)
        assert len(refused.message) < 500  # noqa: PT017


@settings(max_examples=150)
@given(kind=st.sampled_from(sorted(GOOD)), fields=st.dictionaries(st.text(), VALUES, max_size=5) | VALUES)
def test_wild_documents_are_refused_in_our_words(kind: str, fields: Any) -> None:
    sentence(kind, fields)


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(GOOD)), data=st.data())
def test_wild_values_in_good_documents(kind: str, data: st.DataObject) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(GOOD[kind])), VALUES, min_size=1, max_size=3))
    _only_ours(kind, {**GOOD[kind], **changed})
    if kind == "voice":
        _only_ours(kind, {**VOICE, "consent": {**VOICE["consent"], **data.draw(st.dictionaries(st.text(), VALUES))}})
