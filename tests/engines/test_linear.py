"""Linear layers through oneDNN: the same numbers to rounding, and T3's the same tokens."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gpu_job.engines.chatterbox.linear import OneDnnLinear, through_onednn
from gpu_job.engines.chatterbox.t3.decoder import SpeechDecoder
from tests.engines.small_t3 import sentence, upstream_tokens, voice

WIDTH = 96


def inputs(shape: str) -> Tensor:
    drawn = torch.randn(4, 6, WIDTH, generator=torch.Generator().manual_seed(0))
    return {
        "one row": drawn[0, :1],
        "rows": drawn[0],
        "batch": drawn,
        "transposed": drawn.transpose(1, 2).contiguous().transpose(1, 2),
        "every other": drawn[:, ::2],
        "repeated": drawn[:, :1].expand(4, 6, WIDTH),
        "no rows": drawn[0, :0],
    }[shape]


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("shape", ["one row", "rows", "batch", "transposed", "every other", "repeated", "no rows"])
def test_it_computes_what_linear_does(shape: str, *, has_bias: bool) -> None:
    plain = nn.Linear(WIDTH, 40, bias=has_bias)
    quick = copy.deepcopy(plain)
    through_onednn(quick)
    assert type(quick) is OneDnnLinear
    with torch.inference_mode():
        torch.testing.assert_close(quick(inputs(shape)), plain(inputs(shape)), rtol=1e-5, atol=1e-5)


def test_weights_stay_where_they_are_and_layers_are_found_at_any_depth() -> None:
    inner = nn.Linear(4, 4)
    module = nn.Sequential(nn.Sequential(inner, nn.ReLU()), nn.LayerNorm(4))
    where = inner.weight.data_ptr()
    through_onednn(module)
    assert type(inner) is OneDnnLinear
    assert inner.weight.data_ptr() == where


@pytest.mark.parametrize("layer", [nn.Linear(4, 4, dtype=torch.bfloat16), nn.Bilinear(4, 4, 4)])
def test_other_layers_are_left_alone(layer: nn.Module) -> None:
    before = type(layer)
    through_onednn(layer)
    assert type(layer) is before


def test_nothing_changes_where_torch_has_no_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    layer = nn.Linear(4, 4)
    through_onednn(layer)
    assert type(layer) is nn.Linear


def test_eight_sentences_say_what_upstream_says_with_layers_of_its_own(llama: Any) -> None:
    quick = copy.deepcopy(llama)
    through_onednn(quick)
    sentences = [sentence(number, 5 + 9 * number, voice(number % 2)) for number in range(8)]
    said = {each.key: each.speech_tokens.tolist() for each in SpeechDecoder(quick).decode(sentences)}
    assert said == {each.key: upstream_tokens(llama, each) for each in sentences}
