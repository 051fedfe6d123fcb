"""A story as a plan: the whole way, with the real reading where it is about reading, else word by word."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.narration import pauses, plan, reading
from gpu_job.narration.markup import LONGEST_PAUSE
from gpu_job.narration.plan import Plan
from gpu_job.narration.speakable import has_sound
from jobs.documents import LANGUAGES
from jobs.errors import InvalidArgument
from tests.timing import least_seconds
from tests.unit import word_reader

STORY = """# The Fox and the Crow

Mr. Fox was hungry. “Oh!” he said. “What is that?”

“Cheese,” said the crow.

[Crow] Caw! I have $5 here. [pause 2s] Go away.

* * *

The fox went... Then it rained.
"""


def planned(text: str, language: str = "en", *, most: int = 200, **more: Any) -> Plan:
    words: dict[str, Any] = {"read": word_reader.read, "looks_like": lambda _text, _expected: None}
    return plan.plan(text, language, max_characters=most, **{**words, **more})


def test_a_story() -> None:
    made = planned(STORY, cast=["Crow"])
    assert [(piece.voice, piece.spoken, piece.pause_after_seconds) for piece in made.pieces] == [
        (None, "The Fox and the Crow", pauses.HEADING),
        (None, "Mister Fox was hungry.", pauses.TURN),
        (None, "“Oh!” he said.", pauses.TURN),
        (None, "“What is that?”", pauses.SPEAKER),
        (None, "“Cheese,” said the crow.", pauses.SPEAKER),
        ("Crow", "Caw! I have five dollars here.", 2.0),
        ("Crow", "Go away.", pauses.SCENE),
        (None, "The fox went...", pauses.ELLIPSIS),
        (None, "Then it rained.", pauses.END),
    ]
    assert made.voices == {None, "Crow"}
    for piece in made.pieces:
        assert STORY[piece.start : piece.end] == piece.text
        assert [STORY[word.start : word.end] for word in piece.words][-1].endswith(piece.text[-4:])


def test_pauses_at_both_ends() -> None:
    first, last = planned("[pause 1s] He ran far.\n\nShe stayed. [pause 500ms]").pieces
    assert (first.pause_before_seconds, first.pause_after_seconds) == (1.0, pauses.PARAGRAPH)
    assert (last.pause_before_seconds, last.pause_after_seconds) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("between", "pause"),
    [
        ("\n\n", pauses.PARAGRAPH),
        ("\n", pauses.LINE),
        ("\n\n\n\n", pauses.SCENE),
        ("\n\n⁂\n\n", pauses.SCENE),
        ("\n\n⁂\n\n[pause 3s]\n\n", 3.0),
        ("\n\n🌙🌙\n\n⁂\n\n—\n\n", pauses.SCENE),
        ("\n\n...\n\n", pauses.PARAGRAPH),
        ("\n\n[Crow]\n", pauses.SPEAKER),
    ],
)
def test_what_lies_between_paragraphs_is_heard(between: str, pause: float) -> None:
    first, second = planned(f"He ran far.{between}She stayed there.", cast=["Crow"]).pieces
    assert (first.pause_after_seconds, second.spoken) == (pause, "She stayed there.")


def test_the_same_text_gives_the_same_plan_and_a_plan_is_data() -> None:
    made = planned(STORY, cast=["Crow"])
    assert planned(STORY, cast={"Crow": "voices/u1/v2"}) == made
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


def test_one_changed_sentence_changes_one_piece() -> None:
    before, after = (planned(text, cast=["Crow"]).pieces for text in (STORY, STORY.replace("hungry", "sleepy")))
    changed = [left.spoken for left, right in zip(before, after, strict=True) if left.spoken != right.spoken]
    assert changed == ["Mister Fox was hungry."]


def test_pronunciations_are_read() -> None:
    assert planned("Siobhan ran.", pronunciations={"Siobhan": "Shivawn"}).pieces[0].spoken == "Shivawn ran."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\t\u200f\u00a0 \x00", "is empty"),
        ("...", "only punctuation"),
        ("* * *\n\n—", "only punctuation"),
        ("🦊🌙", "only emoji"),
        ("\u200d🦊!", "only emoji"),
        ("[pause 2s]", "nothing that can be spoken"),
    ],
)
def test_nothing_to_speak_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as refused:
        planned(text)
    assert refused.value.message.endswith(".")


def test_another_language_is_refused_and_named() -> None:
    with pytest.raises(InvalidArgument) as refused:
        planned("Es war einmal ein König.", looks_like=lambda _text, _expected: "de")
    assert refused.value.message == (
        "The text looks like German, but `language` is en, English. Choose the language that the text is in."
    )


@pytest.mark.parametrize("expected", [language for language in LANGUAGES if language != "ru"])
def test_a_russian_text_is_russian(expected: str) -> None:
    text = "Жил-был в лесу маленький медведь, и он очень любил мёд."
    with pytest.raises(InvalidArgument, match="looks like Russian"):
        plan.plan(text, expected, max_characters=200)
    assert plan.plan(text, "ru", max_characters=200).pieces[0].text == text


def test_an_engine_that_can_say_nothing_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        planned("He ran.", most=19)


# ── with the real reading ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "“Stop!” he said at 3:30. Mr. Fox paid $5 to J. R. R. Tolkien... Then (it rained) he left.",
            ["“Stop!” he said at 3:30.", "Mr. Fox paid $5 to J. R. R. Tolkien...", "Then (it rained) he left."],
        ),
        (
            "de",
            "„Komm!“, rief er am 3. Mai. Im 19. Jahrhundert.",
            ["„Komm!“, rief er am 3. Mai.", "Im 19. Jahrhundert."],
        ),
        ("fr", "« Qui est là ? » dit-il. « C’est moi. »", ["« Qui est là ? » dit-il.", "« C’est moi. »"]),
        ("es", "¿Quién es? ¡Soy yo, tu madre!", ["¿Quién es?", "¡Soy yo, tu madre!"]),
        ("el", "Ποιος είναι εδώ; Εγώ είμαι.", ["Ποιος είναι εδώ;", "Εγώ είμαι."]),
        ("hi", "डॉ. शर्मा घर आए। सब खुश हुए॥", ["डॉ. शर्मा घर आए।", "सब खुश हुए॥"]),
        ("ar", "من هناك؟ أنا الذئب، افتح!", ["من هناك؟", "أنا الذئب، افتح!"]),
        (
            "zh",
            "“你是谁？”狼问。「是我呀！」他走了……天黑了。",
            ["“你是谁？”狼问。", "「是我呀！」", "他走了……天黑了。"],
        ),
        (
            "ja",
            "「だれだ？」と狼が聞いた。行くぞ！少年は走った。",
            ["「だれだ？」と狼が聞いた。", "行くぞ！", "少年は走った。"],
        ),
        ("ko", "누가 왔어요? 나는 늑대다.", ["누가 왔어요?", "나는 늑대다."]),
    ],
)
def test_sentences_as_they_are_read(language: str, text: str, expected: list[str]) -> None:
    made = plan.plan(text, language, max_characters=200)
    assert [piece.text for piece in made.pieces] == expected
    assert all(text[piece.start : piece.end] == piece.text for piece in made.pieces)


# ── wild texts ───────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS = [
    "fox",
    "Mr.",
    "J.",
    "1,000",
    "$5",
    "3.5",
    "...",
    "…",
    "No!",
    "“Yes,”",
    "—",
    "“",
    "\n",
    "\n\n",
    "he said.",
    "Crow",
]
TAGS = [
    "***",
    "[Crow]",
    "[Bear]",
    "[pause 1s]",
    "[pause",
    "# A",
    "- b",
    "\u200f",
    "\u202e",
    "\x00",
    "\ud800",
    "🦊",
    "e.g.",
]
SCRIPTS = ["e.g.", "。", "狐狸跑了！", "कहानी।", "قال؟", "é́", "ha", "a" * 70, "\u0301" * 30, "https://a.b/c", "9" * 40]
WORDS = st.sampled_from([*PARTS, *TAGS, *SCRIPTS])
STORIES = st.one_of(
    st.text(max_size=300), st.lists(WORDS, max_size=60).map(" ".join), st.lists(WORDS, max_size=40).map("".join)
)


def check(text: str, language: str, most: int, cast: tuple[str, ...], **more: Any) -> None:
    """What holds for every plan there can be."""
    try:
        made = planned(text, language, most=most, cast=cast, **more)
    except InvalidArgument as refused:
        assert refused.message.endswith(".")  # noqa: PT017  (a refusal may not come)
        assert len(refused.message) < 400  # noqa: PT017
        return
    assert planned(text, language, most=most, cast=cast, **more) == made
    assert made.pieces
    for piece in made.pieces:
        assert 0 < len(piece.spoken) <= most
        assert has_sound(piece.spoken)
        assert 0 <= piece.start <= piece.words[0].start
        assert piece.words[-1].end <= piece.end <= len(text)
        assert [piece.spoken[start:end] for start, end in piece.spans] == [word.spoken for word in piece.words]
        assert 0 <= piece.pause_before_seconds <= LONGEST_PAUSE
        assert 0 <= piece.pause_after_seconds <= LONGEST_PAUSE
        assert piece.voice is None or piece.voice in cast
    words = [word for piece in made.pieces for word in piece.words]
    for left, right in pairwise(words):
        assert left.end <= right.start or left.start == right.start  # the parts of one unit
    for left_piece, right_piece in pairwise(made.pieces):
        assert right_piece.pause_before_seconds == 0
        assert left_piece.start <= right_piece.start


@given(STORIES, st.sampled_from(LANGUAGES), st.integers(20, 120), st.sampled_from([(), ("Crow",), ("Crow", "Bear")]))
def test_no_text_breaks_the_plan(text: str, language: str, most: int, cast: tuple[str, ...]) -> None:
    check(text, language, most, cast)


@settings(deadline=None)  # a language's rules are made at its first text
@given(STORIES, st.sampled_from(LANGUAGES), st.integers(20, 120), st.sampled_from([(), ("Crow",)]))
def test_no_text_breaks_the_plan_with_the_real_reading(
    text: str, language: str, most: int, cast: tuple[str, ...]
) -> None:
    check(text, language, most, cast, read=reading.read)


@given(STORIES, st.integers(20, 120))
def test_every_word_is_spoken_once_in_order(text: str, most: int) -> None:
    """Without tags, every unit of the whole text is in the plan, or has no sound."""
    text = text.replace("[", "(")
    try:
        made = planned(text, most=most)
    except InvalidArgument:
        return
    spoken = "".join(word.spoken for piece in made.pieces for word in piece.words)
    expected = "".join(unit.spoken for unit in word_reader.read(text, "en"))
    assert [c for c in spoken if c.isalnum()] == [c for c in expected if c.isalnum()]


HUGE = {
    "one word": "a",
    "words": "ha ",
    "sentences": "Ha. ",
    "dots": ".",
    "spaces": " ",
    "quotes": '."',
    "paragraphs": "a\n\n",
    "lines": "A b\n",
    "brackets": "[",
    "tags": "[Crow] a\n\n",
    "pauses": "[pause 1s] a ",
    "accents": "\u0301",
    "marks": "\u202e",
    "chinese": "狐狸。",
    "chinese, no marks": "狐",
    "digits": "9",
    "dashes": "— a ",
    "headings": "# a\n",
}


@pytest.mark.parametrize("part", HUGE.values(), ids=HUGE)
def test_no_text_takes_long(part: str) -> None:
    text = part * (99_900 // len(part)) + " The end."
    started = time.thread_time()
    planned(text, cast=["Crow"])
    assert time.thread_time() - started < 6.0  # two on an idle machine


def test_the_time_grows_with_the_text_and_no_faster() -> None:
    """Eight times the text in less than three times eight times the time; the least of three is measured."""
    story = f"{STORY} and so on and on. [pause 1s] ".replace("[Crow]", "") * 20
    assert least_seconds(lambda: planned(story * 8)) < 24 * least_seconds(lambda: planned(story))
