"""captions.vtt: readable, in order, and showing the text as it is written."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.engines.protocol import SpokenWord
from gpu_job.narration.captions import LINE_WIDTH, LINES, Captions, width
from gpu_job.narration.timings import timed
from tests.unit.test_timings import block, piece

STORY = (
    "Far beyond the hills, where the river turns twice and forgets its own name, there lived a woman who mended "
    "shadows. People brought them to her torn by brambles, or worn thin at the knees, or lost in a crowd."
)
_CUE = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})\n((?:.+\n)+)")


def captioned(text: str, *, seconds_a_word: float = 0.4, voice: str | None = None) -> Captions:
    """The whole text as one piece, its words at one pace."""
    made = piece(text, voice=voice)
    words = [
        SpokenWord(*span, 1.0 + index * seconds_a_word, 1.0 + (index + 1) * seconds_a_word)
        for index, span in enumerate(made.spans)
    ]
    captions = Captions(text)
    captions.add(timed(made, block(*words, seconds=len(words) * seconds_a_word)))
    return captions


def test_a_short_piece_is_one_cue_as_it_is_written() -> None:
    captions = captioned("“Come in,” said\nthe  **bear** & <he> smiled.", voice="Bear <3")
    assert captions.as_vtt() == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:04.200\n<v Bear &lt;3>“Come in,” said the bear &amp; &lt;he&gt; smiled.\n"
    )


def test_a_long_piece_is_parted_where_clauses_end() -> None:
    cues = captioned(STORY).cues
    assert [" ".join(cue.lines) for cue in cues] == [
        "Far beyond the hills, where the river turns twice and forgets its own name,",
        "there lived a woman who mended shadows.",
        "People brought them to her torn by brambles,",
        "or worn thin at the knees, or lost in a crowd.",
    ]
    assert all(len(cue.lines) <= LINES and max(map(len, cue.lines)) <= LINE_WIDTH for cue in cues)


def test_cues_are_held_for_the_slow_but_never_overlap() -> None:
    hurried = captioned("Go! Now run, run as fast as ever you can, little mouse!", seconds_a_word=0.05)
    assert hurried.cues[-1].ends_at > 1.0 + 12 * 0.05 + 0.5
    assert all(one.ends_at <= after.starts_at for one, after in pairwise(captioned(STORY, seconds_a_word=0.1).cues))


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("昨日", 4), ("e\u0301", 1), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_hours_are_told() -> None:
    captions = Captions("Late.")
    captions.add(timed(piece("Late."), block(seconds=2.0, starts_at=3_723.5)))
    assert "01:02:03.500 --> 01:02:05.500\nLate.\n" in captions.as_vtt()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z"), exclude_characters="[]*_`~#"),
            min_size=1,
            max_size=24,
        ),
        min_size=1,
        max_size=60,
    )
)
def test_any_text_makes_a_file_that_can_be_read_and_holds_the_text(words: list[str]) -> None:
    text = " ".join("".join(word.split()) or "x" for word in words)
    captions = captioned(text)
    file = captions.as_vtt()
    assert "-->" not in _CUE.sub("", file)
    assert len(_CUE.findall(file)) == len(captions.cues)
    shown = "".join("".join(cue.lines) for cue in captions.cues)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)
    for cue in captions.cues:
        assert cue.starts_at <= cue.ends_at
        assert all(line.strip() == line for line in cue.lines)
        if len(cue.lines) > LINES:  # only where no word could be parted
            assert max(map(width, text.split())) > LINE_WIDTH // 2
    assert all(one.ends_at <= after.starts_at + 1e-9 for one, after in pairwise(captions.cues))
