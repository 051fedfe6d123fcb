"""Stories to measure with, of any length, in which no sentence comes twice.

What has been spoken once is kept and never spoken again (gpu_job/chunks.py). So a story that is to be spoken, every
piece of it, may share no sentence with itself or with any story before it.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

FABLE = Path(__file__).parents[1] / "assets" / "fable.txt"
_SENTENCES = (
    "{Who} {did} the {how} {what} {where}.",
    "“Have you seen the {how} {what}?” asked {who}, who {did} something {where}.",
    "Nobody knew why {who} {did} a {how} {what} {where}, but everybody was glad of it in the end.",
    "It was late when {who} {did} the {what} {where}, and the {how} moon looked on and said nothing at all.",
    "{Who} laughed, because the {what} {where} was {how}, and nobody ever {did} it again.",
)
_WHO = (
    *("the baker", "the old king", "her grandmother", "a small fox", "the miller", "a tired giant", "the captain"),
    *("his sister", "the blacksmith", "a wandering tailor", "the owl"),
)
_DID = (
    *(
        "painted",
        "carried",
        "borrowed",
        "mended",
        "buried",
        "polished",
        "followed",
        "forgot",
        "counted",
        "whispered to",
    ),
    *("looked after", "dreamed of", "shared"),
)
_HOW = ("silver", "crooked", "sleepy", "tremendous", "gentle", "dusty", "curious")
_WHAT = (
    *("lantern", "teapot", "wooden horse", "garden gate", "umbrella", "feather", "bridge", "drum", "blanket", "kettle"),
    *("shoe", "ladder", "bell", "pumpkin", "clock", "button", "basket"),
)
_WHERE = (
    *("behind the barn", "under the willow", "at the edge of the sea", "in the market square", "on the frozen pond"),
    *("beside the well", "across seven hills", "in an empty castle", "near the mill", "above the clouds"),
    *("before breakfast", "all through the winter", "on the way to school", "in the dark of the pantry"),
    *("until the morning", "at the end of the lane", "beyond the river", "during the storm", "in a rowing boat"),
)
_OF_A_STORY = 2000  # sentences that a story has to itself, which is 30,000 words
_STRIDE = 10_007  # a prime: neighbours differ in most of their words
_PARAGRAPH = 6  # sentences


def story(words: int, number: int) -> list[str]:
    """Sentences, `words` in all or a few more. Stories of different `number`s have none in common."""
    sentences: list[str] = []
    length = 0
    for index in count(number * _OF_A_STORY):
        if length >= words:
            break
        sentences.append(sentence(index))
        length += len(sentences[-1].split())
    assert len(sentences) <= _OF_A_STORY, f"a story has no more than {_OF_A_STORY} sentences"
    return sentences


def as_text(sentences: list[str]) -> str:
    """In paragraphs."""
    return "\n\n".join(" ".join(sentences[at : at + _PARAGRAPH]) for at in range(0, len(sentences), _PARAGRAPH))


def sentence(index: int) -> str:
    """The sentence of that number: another one for each up to 1,616,615 (the lists' lengths have no common factor)."""
    at = index * _STRIDE
    who = _WHO[at % len(_WHO)]
    chosen = {"did": _DID, "how": _HOW, "what": _WHAT, "where": _WHERE}
    words = {name: choices[at % len(choices)] for name, choices in chosen.items()}
    return _SENTENCES[at % len(_SENTENCES)].format(who=who, Who=who[0].upper() + who[1:], **words)


def fable() -> str:
    """The fable of the demo without its title: 200 words, a minute and a quarter."""
    _, _, text = FABLE.read_text().partition("\n\n")
    return text.strip()
