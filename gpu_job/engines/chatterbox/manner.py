"""How each model of the family is listened to and spoken with: upstream's own figures, from its `generate` methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gpu_job.engines.chatterbox import text
from gpu_job.engines.chatterbox.t3.sentence import SamplingParameters
from gpu_job.engines.chatterbox.text import Encode


@dataclass(frozen=True)
class Manner:
    """`encoder` makes an Encode of the model's tokenizer and T3's configuration."""

    encoder: Callable[[Any, Any], Encode]
    sampling: SamplingParameters  # where the request does not say; the seed is another one each time
    prompt_seconds: float  # of the recording, that T3 sees
    most_prompt_tokens: int
    least_seconds: float  # a recording has to be longer
    is_levelled: bool  # the recording is brought to a loudness first


_LLAMA = Manner(
    encoder=text.english,
    sampling=SamplingParameters(seed=0),
    prompt_seconds=6.0,
    most_prompt_tokens=150,
    least_seconds=0.0,
    is_levelled=False,
)
_GPT2 = Manner(
    encoder=text.turbo,
    sampling=SamplingParameters(seed=0, cfg_weight=0.0, min_p=0.0, top_p=0.95),
    prompt_seconds=15.0,
    most_prompt_tokens=375,
    least_seconds=5.0,
    is_levelled=True,
)
MANNERS = {
    "chatterbox": _LLAMA,
    "chatterbox-multilingual": replace(
        _LLAMA, encoder=text.multilingual, sampling=SamplingParameters(seed=0, repetition_penalty=2.0)
    ),
    "chatterbox-turbo": _GPT2,
    "chatterbox-nano": _GPT2,
}
