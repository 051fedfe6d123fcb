"""What reading hands to planning: the smallest parts of a text that are spoken whole.

    source   Mr.   Smith   paid   $5    at   3:30   pm.
    units    Mister│Smith │paid │five dollars│at│half past three│…

A unit knows where it comes from, so that pieces, captions and word times can point into the source.
"""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """`spoken` is how source[start:end] is said, with the punctuation that the engine should hear; never empty.

    Units are in order and do not overlap. What lies between two of them (white space, what is not spoken) belongs to
    none.
    """

    start: int
    end: int
    spoken: str
