"""The languages, by their codes."""

from __future__ import annotations

from collections.abc import Mapping

from gpu_job.narration.reading.locale import Locale
from gpu_job.narration.reading.locales.dutch import DUTCH
from gpu_job.narration.reading.locales.eastern import EASTERN
from gpu_job.narration.reading.locales.english import ENGLISH
from gpu_job.narration.reading.locales.french import FRENCH
from gpu_job.narration.reading.locales.german import GERMAN
from gpu_job.narration.reading.locales.iberian import PORTUGUESE, SPANISH
from gpu_job.narration.reading.locales.italian import ITALIAN
from gpu_job.narration.reading.locales.northern import NORTHERN
from gpu_job.narration.reading.locales.slavic import POLISH, RUSSIAN
from gpu_job.narration.reading.locales.southern import SOUTHERN

LOCALES: Mapping[str, Locale] = {
    locale.language: locale
    for locale in (
        *(DUTCH, ENGLISH, FRENCH, GERMAN, ITALIAN, POLISH, PORTUGUESE, RUSSIAN, SPANISH),
        *(*EASTERN, *NORTHERN, *SOUTHERN),
    )
}


def locale_for(language: str) -> Locale:
    """Raises KeyError for a language that is not one of jobs.documents.LANGUAGES."""
    return LOCALES[language]
