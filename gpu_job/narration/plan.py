"""A story as a plan: what is spoken, in which voice, after which silence, and where in the source it stands. Pure.

    text ─▶ passages (markup) ─▶ units (reading) ─▶ pieces ─▶ pauses between the passages ─▶ Plan

The plan is all that speaking, captions and the reuse of audio need. The same arguments give the same plan.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from gpu_job.narration import pauses
from gpu_job.narration.language import looks_like
from gpu_job.narration.markup import Break, Passage, passages, together
from gpu_job.narration.pauses import Dialogue
from gpu_job.narration.pieces import LEAST_MAX_CHARACTERS, Piece, split
from gpu_job.narration.reading import read
from gpu_job.narration.sentences import ELLIPSIS_AT_END
from gpu_job.narration.speakable import has_sound, speakable
from gpu_job.narration.units import Unit
from jobs.documents import LANGUAGES
from jobs.errors import InvalidArgument

Read = Callable[[str, str, Mapping[str, str] | None], list[Unit]]
LooksLike = Callable[[str, str], str | None]


_NAMES_IN_ENGLISH = (
    *("Arabic", "Danish", "German", "Greek", "English", "Spanish", "Finnish", "French", "Hebrew", "Hindi", "Italian"),
    *("Japanese", "Korean", "Malay", "Dutch", "Norwegian", "Polish", "Portuguese", "Russian", "Swedish", "Swahili"),
    *("Turkish", "Chinese"),
)
_NAMES = dict(zip(LANGUAGES, _NAMES_IN_ENGLISH, strict=True))


class Plan(msgspec.Struct, frozen=True):
    """Pieces in the order in which they are spoken."""

    language: str
    pieces: tuple[Piece, ...]

    @property
    def voices(self) -> frozenset[str | None]:
        """The names of the cast that have something to say; None is the narrator."""
        return frozenset(piece.voice for piece in self.pieces)


class _Told(NamedTuple):
    """A passage that has something to say, its first piece with the pause that comes before it."""

    passage: Passage
    pieces: list[Piece]
    dialogue: Dialogue
    before: Break
    seconds: float | None


def plan(
    text: str,
    language: str,
    *,
    max_characters: int,
    cast: Collection[str] = (),
    pronunciations: Mapping[str, str] | None = None,
    read: Read = read,
    looks_like: LooksLike = looks_like,
) -> Plan:
    """The plan of a text.

    `max_characters`: of what is spoken, in one piece. `cast`: the names that have a voice of their own (a mapping from
    them will do). `pronunciations`: from a word to how it is spelt for the engine. Raises InvalidArgument where there
    is nothing to speak, where the text is in another language, for a name without a voice, for a pause that is none.
    """
    if max_characters < LEAST_MAX_CHARACTERS:
        raise ValueError(f"max_characters must be at least {LEAST_MAX_CHARACTERS}")
    _require_words(text)
    _require_language(text, language, looks_like)
    found, at_end = passages(text, cast)

    def pieces_of(passage: Passage) -> list[Piece]:
        words = read(text[passage.start : passage.end], language, pronunciations)
        placed = (Unit(passage.start + unit.start, passage.start + unit.end, unit.spoken) for unit in words)
        units = speakable(text, placed, max_characters)
        return split(text, passage.start, passage.end, units, language, max_characters) if units else []

    told, at_end = _told(text, found, at_end, pieces_of)
    if not told:
        raise InvalidArgument("The text holds nothing that can be spoken. Write it in words.")
    return Plan(language, tuple(_with_pauses(text, told, at_end)))


def _require_words(text: str) -> None:
    if has_sound(text):
        return
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise InvalidArgument("The text is empty: there is nothing that can be spoken.")
    if any(unicodedata.category(character) == "So" for character in text):
        raise InvalidArgument("The text holds only emoji and signs: there is nothing that can be spoken.")
    raise InvalidArgument("The text holds only punctuation: there is nothing that can be spoken.")


def _require_language(text: str, language: str, looks_like: LooksLike) -> None:
    other = looks_like(text, language)
    if other is not None:
        raise InvalidArgument(
            f"The text looks like {_NAMES[other]}, but `language` is {language}, {_NAMES[language]}. "
            "Choose the language that the text is in."
        )


def _told(
    text: str, found: list[Passage], at_end: float | None, pieces_of: Callable[[Passage], list[Piece]]
) -> tuple[list[_Told], float | None]:
    """What has something to say; the breaks and pauses around what has not are those of what follows."""
    told: list[_Told] = []
    before, seconds = Break.NONE, None
    for passage in found:
        before, seconds = max(before, passage.before), together(seconds, passage.seconds)
        pieces = pieces_of(passage)
        if pieces:
            told.append(_Told(passage, pieces, Dialogue(text, passage.start, passage.end), before, seconds))
            before, seconds = Break.NONE, None
    return told, together(seconds, at_end)


def _with_pauses(text: str, told: list[_Told], at_end: float | None) -> Iterator[Piece]:
    """Every passage's pieces in its voice; the last one's pause is what lies between this passage and the next."""
    for index, part in enumerate(told):
        following = told[index + 1] if index + 1 < len(told) else None
        after = _pause_between(text, part, following) if following else _given(at_end, pauses.END)
        last = len(part.pieces) - 1
        for number, piece in enumerate(part.pieces):
            yield msgspec.structs.replace(
                piece,
                voice=part.passage.voice,
                pause_before_seconds=0.0 if index or number else _given(part.seconds, 0.0),
                pause_after_seconds=after if number == last else piece.pause_after_seconds,
            )


def _pause_between(text: str, part: _Told, following: _Told) -> float:
    """What the author asked for, else what the break and the people who speak make of it."""
    if following.seconds is not None:
        return following.seconds
    answers = bool(part.dialogue) and following.dialogue.is_speech(following.pieces[0].start + 1)
    return pauses.between(
        following.before,
        after_heading=part.passage.is_heading,
        after_ellipsis=bool(ELLIPSIS_AT_END.search(part.pieces[-1].text)),
        other_speaker=answers or part.passage.voice != following.passage.voice,
    )


def _given(seconds: float | None, otherwise: float) -> float:
    return otherwise if seconds is None else seconds
