"""What an author marks: paragraphs, scenes, headings, lines, pauses, voices."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_job.narration.markup import LONGEST_PAUSE, Break, passages
from jobs.documents import cast_key
from jobs.errors import InvalidArgument

Seen = tuple[str, str]
LONG = "The wind blew and blew all night long over the hills and over the sleeping town."


def seen(text: str) -> list[Seen]:
    """Each passage, and what lies before it."""
    return [(text[p.start : p.end].strip(), p.before.name.lower()) for p in passages(text)[0]]


def voiced(text: str, *cast: str) -> list[tuple[str | None, str]]:
    return [(p.voice, text[p.start : p.end].strip()) for p in passages(text, cast)[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\nTwo.", [("One.", "none"), ("Two.", "paragraph")]),
        ("One.\r\n\r\nTwo.", [("One.", "none"), ("Two.", "paragraph")]),
        ("One.\n  \t\n  Two.", [("One.", "none"), ("Two.", "paragraph")]),
        ("One.\n\nTwo.\n\n\nThree.", [("One.", "none"), ("Two.", "paragraph"), ("Three.", "scene")]),
        ("One.\n\n\nTwo.\n\n\nThree.", [("One.", "none"), ("Two.", "paragraph"), ("Three.", "paragraph")]),
        ("One.\n\n\n\nTwo.", [("One.", "none"), ("Two.", "scene")]),
        ("***\n\nOne.", [("One.", "scene")]),
        ("He ran. \n\n...\n\nAway.", [("He ran.", "none"), ("...", "paragraph"), ("Away.", "paragraph")]),
    ],
)
def test_paragraphs_and_gaps(text: str, expected: list[Seen]) -> None:
    assert seen(text) == expected


@pytest.mark.parametrize(
    "rule", ["***", "* * *", "⁂", "---", "- - -", "___", "•••", "~ ~ ~", "❦", "  *  *  *  ", "====", "———"]
)
@pytest.mark.parametrize("gap", ["\n", "\n\n", "\n\n\n"])
def test_scene_breaks(rule: str, gap: str) -> None:
    assert seen(f"One.{gap}{rule}{gap}Two.") == [("One.", "none"), ("Two.", "scene")]


def test_lines_that_a_margin_broke_are_one_and_others_are_not() -> None:
    wrapped = (
        f"{LONG}\nIt blew until the morning came and everybody in the town woke up and went to see\nwhat it had done."
    )
    assert seen(wrapped) == [(wrapped, "none")]
    assert seen(f"{LONG}\nHe slept.\nShe did not.") == [
        (f"{LONG}\nHe slept.", "none"),  # "He" would not have fitted on the line before
        ("She did not.", "line"),
    ]
    assert seen("He slept.\nShe did not.") == [("He slept.", "none"), ("She did not.", "line")]
    assert seen("Twinkle, little star\nHow I wonder\nwhat you are") == [
        ("Twinkle, little star", "none"),
        ("How I wonder\nwhat you are", "verse"),
    ]
    assert seen("Buy:\n- milk\n- bread") == [("Buy:", "none"), ("- milk", "line"), ("- bread", "line")]
    assert seen("1. milk\n2. bread") == [("1. milk", "none"), ("2. bread", "line")]


def headings(text: str) -> list[str]:
    return [text[p.start : p.end].strip() for p in passages(text)[0] if p.is_heading]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Fox\n\nHe ran.", ["The Fox"]),
        ("Chapter One\nHe ran.", ["Chapter One"]),
        ("CHAPTER IV\nThe Wolf\n\nHe ran.", ["CHAPTER IV", "The Wolf"]),
        ("# The Fox\nHe ran.", ["# The Fox"]),
        ("The Fox\n=======\nHe ran.", ["The Fox"]),
        ("The Fox\n---\nHe ran.", ["The Fox"]),
        ("Kapitel 3\nEr lief.", ["Kapitel 3"]),
        ("第三章\n狐狸跑了。", ["第三章"]),
        ("Глава первая\nОн бежал.", ["Глава первая"]),
        ("He ran.\n\nThe end", []),
        ("The fox ran.\n\nHe ran.", []),
        ("He said:\n\n“No.”", []),
        ("and then\n\nhe ran.", []),
        (f"{LONG[:-1]}, and so on\n\nHe ran.", []),
    ],
)
def test_headings(text: str, expected: list[str]) -> None:
    assert headings(text) == expected


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ("[pause 2s]", 2.0),
        ("[pause 500ms]", 0.5),
        ("[pause 1.5 s]", 1.5),
        ("[PAUSE 1,5 seconds]", 1.5),
        ("[ pause  3 sec ]", 3.0),
        ("[pause 0s]", 0.0),
        ("[pause 10s]", 10.0),
        ("[pause 1s][pause 2s]", 3.0),
        ("[pause 1s]\n\n[pause 2s]\n\n", 3.0),
    ],
)
def test_a_pause_is_set(tag: str, seconds: float) -> None:
    text = f"He ran. {tag} He fell."
    first, second = passages(text)[0]
    assert (text[first.start : first.end].strip(), first.seconds) == ("He ran.", None)
    assert (text[second.start : second.end].strip(), second.seconds) == ("He fell.", seconds)
    assert passages(f"He ran. {tag}")[1] == seconds
    assert passages(f"{tag} He ran.")[0][0].seconds == seconds


@pytest.mark.parametrize(
    "tag",
    [
        "[pause]",
        "[pause 2]",
        "[pause 11s]",
        "[pause 10001ms]",
        "[pause -1s]",
        "[pause long]",
        "[pause 2s",
        "[pause 1e9s]",
    ],
)
def test_a_wrong_pause_is_shown(tag: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        passages(f"He ran. {tag} ")
    assert refused.value.message.startswith(f"The tag {tag.strip()}")
    assert refused.value.message.endswith("10 seconds at most.")


def test_a_long_wrong_pause_is_shown_shortened_and_safely() -> None:
    with pytest.raises(InvalidArgument) as refused:
        passages(f"He ran. [pause \u202e\x07 {'secret ' * 50}]")
    assert refused.value.message == (
        "The tag [pause ?? secret secret… is no pause: write [pause 2s] or [pause 500ms], 10 seconds at most."
    )


def test_pauses_that_add_up_to_too_much() -> None:
    with pytest.raises(InvalidArgument, match="add up to more than 10 seconds"):
        passages("He ran. [pause 6s] [pause 6s] He fell.")


def test_who_speaks() -> None:
    text = "Once.\n\n[Wolf] Open! he said.\nNow!\n\nThe pig did not.\n\n[  little PIG ]: No!\n[Wolf] Ha."
    assert voiced(text, "wolf", "Little Pig") == [
        (None, "Once."),
        ("wolf", "Open! he said."),
        ("wolf", "Now!"),
        (None, "The pig did not."),
        ("Little Pig", "No!"),
        ("wolf", "Ha."),
    ]


def test_a_name_alone_is_that_of_the_next_paragraph() -> None:
    assert voiced("[Wolf]\n\nOpen!\n\nThe end.", "Wolf") == [("Wolf", "Open!"), (None, "The end.")]
    assert voiced("[Wolf]\nOpen!\n\nThe end.", "Wolf") == [("Wolf", "Open!"), (None, "The end.")]


def test_a_pause_and_a_voice() -> None:
    assert voiced("[Wolf] Open! [pause 2s] Now!", "Wolf") == [("Wolf", "Open!"), ("Wolf", "Now!")]


def test_a_name_without_a_voice_is_named_with_the_voices_there_are() -> None:
    with pytest.raises(InvalidArgument) as refused:
        passages("[Bear] Who slept here?", ["Wolf", "Fox\u202e"])
    assert refused.value.message == (
        "The text has a part for [Bear], who has no voice; `cast` has voices for Fox?, Wolf. "
        "Give this name a voice in `cast`, or take the tag out."
    )


@pytest.mark.parametrize(
    "tag",
    [
        "[sound of thunder]",
        "[Sound of thunder]",
        "[laughs]",
        "[1]",
        "[Wolf](https://a.b)",
        f"[{'Aa' * 30}]",
        "[]",
        "[…]",
    ],
)
def test_other_brackets_are_text(tag: str) -> None:
    assert voiced(f"{tag} It rained.", "Wolf") == [(None, f"{tag} It rained.")]


@pytest.mark.parametrize("tag", ["[Wolf]", "[Bear]", "[Sound of thunder]", "[pausing]"])
def test_without_a_cast_no_bracket_is_a_name(tag: str) -> None:
    assert voiced(f"{tag} It rained.") == [(None, f"{tag} It rained.")]


TAGS = ["[Wolf]", "[Bear]", "[", "]", "[pause 1s]", "[pause"]
PARTS = st.sampled_from(
    [
        *TAGS,
        "He ran.",
        "the",
        "Chapter 2",
        "\n",
        "\n\n",
        "\r\n",
        "***",
        "---",
        "# A",
        "- a",
        "1. b",
        "…",
        "\u2028",
        "\u200f",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(PARTS, max_size=40).map(" ".join), st.lists(PARTS, max_size=40).map("".join)
)


@given(TEXTS, st.sampled_from([(), ("Wolf",), ("Wolf", "Bear")]))
@example("[WOLF]0", ("Wolf",))
@example("[Wolf]\rA", ("Wolf",))
@example("[pause 1s]\nHe ran.", ())
def test_passages_are_in_order_and_hold_all_but_tags(text: str, cast: tuple[str, ...]) -> None:
    try:
        found, at_end = passages(text, cast)
    except InvalidArgument as refused:
        assert refused.message.endswith(".")  # noqa: PT017  (a refusal may not come)
        assert len(refused.message) < 300  # noqa: PT017
        return
    at = 0
    for passage in found:
        between = text[at : passage.start]
        assert not any(character.isalnum() for character in _without_tags(between))
        assert at <= passage.start < passage.end
        assert passage.voice is None or passage.voice in cast
        assert passage.seconds is None or 0 <= passage.seconds <= LONGEST_PAUSE
        at = passage.end
    assert not any(character.isalnum() for character in _without_tags(text[at:]))
    assert at_end is None or 0 <= at_end <= LONGEST_PAUSE
    assert not found or found[0].before in {Break.NONE, Break.SCENE, Break.PARAGRAPH}


def _without_tags(text: str) -> str:
    """Nor those that hypothesis makes of them: [WOLF], [ wolf ]."""
    known = {"pause 1s", "wolf", "bear"}
    return re.sub(r"\[([^\[\]\n]*)\]", lambda tag: "" if cast_key(tag[1]) in known else tag[0], text)


@pytest.mark.parametrize(
    "part", ["[", "a\n", "\n", "***\n", "[Wolf] a\n\n", "[pause 0s] a ", "# a\n", "[pause ", "- ", "A\nb\n\n"]
)
def test_no_text_takes_long(part: str) -> None:
    text = part * (100_000 // len(part))
    started = time.thread_time()
    with contextlib.suppress(InvalidArgument):
        passages(text, ["Wolf"])
    assert time.thread_time() - started < 2.0
