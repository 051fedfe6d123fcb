"""From the lengths of phonemes to the times of words. Pure.

    text        "One of the best, he said."
    words        One│of│the│best,│he│said.
    phonemes     w ʌ n ␣ ʌ v ð ə ␣ b ɛ s t , ␣ h iː ␣ s ɛ d .      each with its length

A phonemizer mostly leaves a space between words, but runs some together ("of the") and takes others apart. Where the
number of groups is not that of the words, each word is phonemized on its own, and what comes out is laid along what
was spoken as a diff lays one text along another.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gpu_job.engines.protocol import SpokenWord

_WORD = re.compile(r"\S+")
_STRESS = frozenset("ˈˌː")


class Phoneme(NamedTuple):
    """One symbol of a phonemizer and how long it lasts; " " is between words, punctuation is a pause."""

    symbol: str
    seconds: float

    @property
    def is_sound(self) -> bool:
        return self.symbol[0].isalnum() or self.symbol in _STRESS


class _Sound(NamedTuple):
    symbol: str
    group: int  # which of the stretches between spaces it lies in
    starts_at: float
    ends_at: float


def word_times(
    text: str, phonemes: Sequence[Phoneme], phonemize: Callable[[str], Sequence[str]]
) -> tuple[SpokenWord, ...]:
    """When each word of `text` is heard, in order; words are what stands between white space and has a letter or digit.

    `phonemize` gives the symbols of one word on its own. Empty where nothing of the text was spoken.
    """
    words = [found.span() for found in _WORD.finditer(text) if any(map(str.isalnum, found.group()))]
    sounds = list(_sounds(phonemes))
    if not words or not sounds:
        return ()
    if sounds[-1].group + 1 == len(words):
        owners = [sound.group for sound in sounds]
    else:
        owners = _owners(sounds, [_symbols(phonemize(text[start:end])) for start, end in words])
    return tuple(_timed(words, sounds, owners))


def _sounds(phonemes: Sequence[Phoneme]) -> Iterator[_Sound]:
    """The sounds with their times.

    A word's first one begins in the middle of the space before it: the second half of what a model counts as the space
    is the onset of what follows. (To a recogniser, words begin 46 ms before their first phoneme.)
    """
    at, group, is_begun, space = 0.0, 0, False, 0.0
    for phoneme in phonemes:
        end = at + phoneme.seconds
        if phoneme.is_sound:
            yield _Sound(phoneme.symbol, group, at - space / 2, end)
            is_begun, space = True, 0.0
        elif phoneme.symbol == " ":
            group, is_begun, space = group + is_begun, False, phoneme.seconds
        at = end


def _symbols(phonemes: Sequence[str]) -> list[str]:
    return [symbol for symbol in phonemes if Phoneme(symbol, 0.0).is_sound]


def _owners(sounds: Sequence[_Sound], words: Sequence[Sequence[str]]) -> list[int]:
    """The word that each sound belongs to, never falling.

    What the diff leaves out (a vowel reduced, a linking r) goes with the sound before it in the same group, else with
    the one after it.
    """
    expected = [(symbol, word) for word, symbols in enumerate(words) for symbol in symbols]
    matcher = difflib.SequenceMatcher(
        a=[sound.symbol for sound in sounds], b=[symbol for symbol, _ in expected], autojunk=False
    )
    owners: list[int | None] = [None] * len(sounds)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            owners[block.a + step] = expected[block.b + step][1]
    following = len(words) - 1
    for index in reversed(range(len(sounds))):
        owner = owners[index]
        if owner is not None:
            following = owner
        elif index == 0 or sounds[index - 1].group != sounds[index].group or owners[index - 1] is None:
            owners[index] = following
    previous = 0
    result = []
    for owner in owners:
        previous = max(previous, previous if owner is None else owner)
        result.append(previous)
    return result


def _timed(words: Sequence[tuple[int, int]], sounds: Sequence[_Sound], owners: Sequence[int]) -> Iterator[SpokenWord]:
    """A word without a sound of its own (swallowed, or not pronounced) gets the instant where it would have been."""
    at, last = 0, sounds[0].starts_at
    for word, (start, end) in enumerate(words):
        first = at
        while at < len(sounds) and owners[at] <= word:
            at += 1
        if at > first:
            last = sounds[at - 1].ends_at
            yield SpokenWord(start, end, sounds[first].starts_at, last)
        else:
            yield SpokenWord(start, end, last, last)
