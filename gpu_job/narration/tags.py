"""What a file says of itself: title, voice, language, and that the voice is synthetic. Pure.

Whoever finds the file without the app must be able to tell that no person read it (EU AI Act, article 50: marked in a
machine-readable format).
"""

from __future__ import annotations

from dataclasses import dataclass

COMMENT = "AI-generated: read aloud by a synthetic voice."
_LONGEST = 200  # characters

# ISO 639-1 to 639-2/T, which MP4 has room for: the languages of the multilingual model.
_THREE_LETTERS = {
    "ar": "ara",
    "da": "dan",
    "de": "deu",
    "el": "ell",
    "en": "eng",
    "es": "spa",
    "fi": "fin",
    "fr": "fra",
    "he": "heb",
    "hi": "hin",
    "it": "ita",
    "ja": "jpn",
    "ko": "kor",
    "ms": "msa",
    "nl": "nld",
    "no": "nor",
    "pl": "pol",
    "pt": "por",
    "ru": "rus",
    "sv": "swe",
    "sw": "swa",
    "tr": "tur",
    "zh": "zho",
}
_UNDETERMINED = "und"


@dataclass(frozen=True)
class Tags:
    """`title` and `voice` are whatever users wrote; `language` is ISO 639-1."""

    title: str
    voice: str
    language: str

    def fields(self) -> dict[str, str]:
        """By FFmpeg's names, which it turns into ID3 frames, MP4 atoms, Vorbis comments or RIFF's INFO."""
        named = {"title": _plain(self.title), "artist": _plain(self.voice)}
        return {**{name: text for name, text in named.items() if text}, "comment": COMMENT, "language": self.language}


def iso_639_2(language: str) -> str:
    """Three letters for the language, "und" for one that we do not know."""
    return _THREE_LETTERS.get(language, _UNDETERMINED)


def _plain(text: str) -> str:
    """On one line, without what cannot be printed (control characters, lone surrogates), and not endless."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_LONGEST].rstrip()
