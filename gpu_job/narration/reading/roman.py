"""Roman numerals up to 89, as chapters, centuries and rulers have them."""

from __future__ import annotations

# Only what is written as it should be, so that "IIX" and "VV" are no numerals; may match nothing, hence the last group.
ROMAN = r"(?:X{0,3}(?:IX|IV|V?I{0,3})|(?:XL|LX{0,3})(?:IX|IV|V?I{0,3}))(?<=[IVXL])"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}


def roman(written: str) -> int:
    """The value of a Roman numeral that is written as it should be."""
    values = [_VALUES[letter] for letter in written.upper()]
    return sum(-low if low < high else low for low, high in zip(values, [*values[1:], 0], strict=True))
