"""What is to be said, as the tokens that the model reads: by upstream's own cleaning and its tokenizers.

Upstream's `generate` does these steps before it calls T3, each model's in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from chatterbox import mtl_tts, tts, tts_turbo
from torch import Tensor
from torch.nn import functional

Encode = Callable[[str, str], Tensor]
"""Text and language (ISO 639-1) to tokens, shape (n,), int64."""


def english(tokenizer: Any, hp: Any) -> Encode:
    return lambda text, _: _marked(tokenizer.text_to_tokens(tts.punc_norm(text))[0], hp)


def multilingual(tokenizer: Any, hp: Any) -> Encode:
    def encode(text: str, language: str) -> Tensor:
        return _marked(tokenizer.text_to_tokens(mtl_tts.punc_norm(text), language_id=language)[0], hp)

    return encode


def turbo(tokenizer: Any) -> Encode:
    """A GPT-2 tokenizer; nothing stands around the text."""
    return lambda text, _: torch.tensor(tokenizer(tts_turbo.punc_norm(text)).input_ids, dtype=torch.int64)


def _marked(tokens: Tensor, hp: Any) -> Tensor:
    marked = functional.pad(tokens.to(torch.int64), (1, 0), value=hp.start_text_token)
    return functional.pad(marked, (0, 1), value=hp.stop_text_token)
