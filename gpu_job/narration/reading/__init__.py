"""From what is written to what is said.

    "Dr. Fox paid $5.20 at 3:30 pm."   ─▶   Doctor│Fox│paid│five dollars and twenty cents│at│three thirty P M.

    source ─▶ visible text (source.py, markdown.py) ─▶ parts (reader.py) ─▶ units
              controls, emoji, markup gone,             at each place the first rule that fits:
              each character knows its place            pronunciations, dates, money, measures, numbers, words

Rules are the same for all languages (calendar.py, quantities.py, words.py) and take their words from a language's
Locale (locales/). Numbers come from CLDR (numbers.py). Everything is pure, and linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Mapping

from gpu_job.narration.reading.locales import locale_for
from gpu_job.narration.reading.pronunciations import Pronunciations
from gpu_job.narration.reading.reader import reader_for
from gpu_job.narration.reading.source import visible
from gpu_job.narration.units import Unit


def read(text: str, language: str, pronunciations: Mapping[str, str] | None = None) -> list[Unit]:
    """The units of `text` in order: what is spoken whole, how it is said, and where it stands in `text`.

    `language` is one of jobs.documents.LANGUAGES. `pronunciations` maps a word or a name to its respelling; it goes
    before every rule. What is not spoken (white space, markup, emoji, controls) belongs to no unit; every letter and
    digit that is not markup belongs to one. Spoken texts hold no digits and no signs.
    """
    seen = visible(text, locale_for(language).stage)
    units: list[Unit] = []
    for part in reader_for(language).parts(seen, Pronunciations(pronunciations)):
        unit = Unit(seen.starts[part.start], seen.ends[part.end - 1], part.spoken + part.mark)
        if units and unit.start < units[-1].end:  # two words in one character: ㋀ is "1月"
            last = units.pop()
            unit = Unit(last.start, max(last.end, unit.end), f"{last.spoken} {unit.spoken}")
        units.append(unit)
    return units
