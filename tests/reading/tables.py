"""The tables of what must be spoken: NAME.tsv beside this file, one a language.

They were written before the rules, as a careful reader would read. A line is what is written, a tab, and what may be
spoken, several readings parted by |.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Row(NamedTuple):
    language: str
    written: str
    accepted: tuple[str, ...]

    def is_read_right(self, spoken: str) -> bool:
        return compared(spoken, self.language) in {compared(said, self.language) for said in self.accepted}


def languages() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.tsv"))


def rows(language: str) -> list[Row]:
    lines = (FOLDER / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    split = (line.split("\t") for line in lines if "\t" in line)
    return [Row(language, written, tuple(accepted.split("|"))) for written, accepted in split]


def compared(spoken: str, language: str) -> str:
    """What counts of a reading: its letters and digits and signs. Not case, hyphens, or punctuation.

    "ay" is how the letter A is written for engines, which read a lone "A" as the article; "'s" is a spelled plural.
    """
    folded = unicodedata.normalize("NFC", spoken).casefold().replace("-", " ").replace("’", "'")
    words = re.sub(r"[.,;:!?…。，、；：！？„“”\"«»‹›¡¿()]", " ", folded).replace("'", "").split()
    if language == "en":
        words = ["a" if word == "ay" else word for word in words]
    return "".join(words) if language in {"zh", "ja"} else " ".join(words)
