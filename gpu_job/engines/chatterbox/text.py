"""What is to be said, as the tokens that the model reads: by upstream's own cleaning and its tokenizers.

Upstream's `generate` does these steps before it calls T3, each model's in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from chatterbox import mtl_tts, tts, tts_turbo
from torch import Tensor
from torch.nn import functional

from jobs.errors import FailedPrecondition

# Module and package that upstream's tokenizer reads a language with.
_READERS = {
    "zh": ("spacy_pkuseg", "spacy-pkuseg"),
    "ja": ("pykakasi", "pykakasi"),
    "he": ("dicta_onnx", "dicta-onnx"),
    "ru": ("russian_text_stresser", "russian-text-stresser"),
}
Encode = Callable[[str, str], Tensor]
"""Text and language (ISO 639-1) to tokens, shape (n,), int64."""


def english(tokenizer: Any, hp: Any) -> Encode:
    return lambda text, _: _marked(tokenizer.text_to_tokens(tts.punc_norm(text))[0], hp)


def multilingual(tokenizer: Any, hp: Any) -> Encode:
    """Raises FailedPrecondition for a language that needs a package which is not here."""

    def encode(text: str, language: str) -> Tensor:
        _require_reader(tokenizer, language)
        return _marked(tokenizer.text_to_tokens(mtl_tts.punc_norm(text), language_id=language)[0], hp)

    return encode


def turbo(tokenizer: Any, hp: Any) -> Encode:
    """A GPT-2 tokenizer; nothing stands around the text."""
    del hp
    return lambda text, _: torch.tensor(tokenizer(tts_turbo.punc_norm(text)).input_ids, dtype=torch.int64)


def _marked(tokens: Tensor, hp: Any) -> Tensor:
    marked = functional.pad(tokens.to(torch.int64), (1, 0), value=hp.start_text_token)
    return functional.pad(marked, (0, 1), value=hp.stop_text_token)


def _require_reader(tokenizer: Any, language: str) -> None:
    """Upstream warns and goes on without: what the model has never seen is then read as if it were not there."""
    package = _READERS.get(language)
    if package is not None and find_spec(package[0]) is None:
        raise FailedPrecondition(
            f"To speak {language}, chatterbox-multilingual needs {package[1]} to read it. Install it in the worker:"
            f" pip install {package[1]}."
        )
    if language == "zh" and not tokenizer.cangjie_converter.word2cj:
        raise FailedPrecondition(
            "To speak zh, chatterbox-multilingual needs Cangjie5_TC.json of its repository in the hub's cache."
        )
