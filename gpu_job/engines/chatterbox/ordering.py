"""Out of the order in which sentences are decoded, into the one in which they are wanted; and when to make sound.

    decoded      3   0        2   4   1   5            shortest first, more or less
    sound of         3,0          1,2     4,5 …        together, as soon as the next one that is wanted is among them
    given out        0            1,2,3   4,5

Sound is made for many sentences at a time, which is what the device is good at; but the first ones at once, since
somebody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Made = TypeVar("Made")
Raw = TypeVar("Raw")


def in_order(
    raw: Iterable[tuple[int, Raw]], make: Callable[[dict[int, Raw]], dict[int, Made]], *, most: int
) -> Iterator[tuple[int, Made]]:
    """What `make` makes of everything in `raw`, by index from 0 without gaps.

    It is called with one at first, then with two, four, up to `most` or more, and with the rest at the end: never
    before the next one that is wanted is there.
    """
    waiting: dict[int, Raw] = {}
    made: dict[int, Made] = {}
    wanted, enough = 0, 1
    for index, each in raw:
        waiting[index] = each
        if wanted in waiting and len(waiting) >= enough:
            made |= make(waiting)
            waiting = {}
            enough = min(2 * enough, most)
        while wanted in made:
            yield wanted, made.pop(wanted)
            wanted += 1
    if waiting:
        made |= make(waiting)
    while wanted in made:
        yield wanted, made.pop(wanted)
        wanted += 1
