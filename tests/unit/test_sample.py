"""The sample of a new voice: there is one in every language, and it can be told."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from benchmarks.instant_engine import InstantEngine, profile
from gpu_job.narration.language import looks_like
from gpu_job.narration.pieces import LEAST_MAX_CHARACTERS
from gpu_job.narration.plan import plan
from gpu_job.sample import TEXTS, TITLE, speak_sample
from jobs.documents import LANGUAGES


def test_every_language_has_one() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    assert len(set(TEXTS.values())) == len(TEXTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("most", [300, LEAST_MAX_CHARACTERS])
def test_it_is_planned_in_its_language(language: str, most: int) -> None:
    text = TEXTS[language]
    pieces = plan(text, language, max_characters=most).pieces
    told = "".join(text[word.start : word.end] for piece in pieces for word in piece.words)
    assert [letter for letter in told if letter.isalnum()] == [letter for letter in text if letter.isalnum()]
    assert all(0 < len(piece.spoken) <= most for piece in pieces)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_not_taken_for_another_language(language: str) -> None:
    assert looks_like(TEXTS[language], language) is None


def test_it_is_a_file_that_says_whose_voice_it_is(tmp_path: Path) -> None:
    path = speak_sample(InstantEngine(), profile(), "Mum", tmp_path)
    with av.open(str(path), "r") as container:
        seconds = sum(frame.samples for frame in container.decode(audio=0)) / 24_000
        assert (container.metadata["title"], container.metadata["artist"]) == (TITLE, "Mum")
    assert 3 < seconds < 12
