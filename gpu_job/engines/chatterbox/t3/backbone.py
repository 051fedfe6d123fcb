"""The transformer inside T3, layer by layer over packed positions: upstream's modules, without their caches.

Upstream runs transformers' LlamaModel or GPT2Model, whose cache is concatenated at every step and whose rows all have
to be equally long. Here the positions of many rows lie packed in one matrix, so that linear layers see all of them at
once and no padding, and attention, the only part where rows differ, is handed to the caller.

Shapes: n packed positions, h heads, d numbers per head.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb


class Attention(Protocol):
    """Keeps the keys and values of one layer, and attends to all that are kept."""

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """All (n, h, d); gives (n, h * d)."""
        ...


class Backbone(Protocol):
    layers: int
    heads: int
    head_size: int
    max_positions: int

    def __call__(self, inputs: Tensor, positions: Tensor, attend: Attention) -> Tensor:
        """`inputs` (n, dim) at `positions` (n,), int64; gives the last layer's normalised states, (n, dim)."""
        ...


class LlamaBackbone:
    """Of `chatterbox` and `chatterbox-multilingual`."""

    max_positions = 8192  # trained with far fewer; as far as the tables of angles reach

    def __init__(self, llama: Any) -> None:
        config = llama.config
        if config.num_key_value_heads != config.num_attention_heads:
            raise ValueError("Grouped keys are not supported: no Chatterbox model has them.")
        self._llama = llama
        self.layers = config.num_hidden_layers
        self.heads = config.num_attention_heads
        self.head_size = config.head_dim
        weight = llama.norm.weight
        every = torch.arange(self.max_positions, device=weight.device)[None]
        cos, sin = llama.rotary_emb(weight, every)
        self._cos, self._sin = cos[0], sin[0]  # (max_positions, d), in the model's dtype

    def __call__(self, inputs: Tensor, positions: Tensor, attend: Attention) -> Tensor:
        cos, sin = self._cos[positions], self._sin[positions]
        shape = (inputs.shape[0], self.heads, self.head_size)
        states = inputs
        for index, layer in enumerate(self._llama.layers):
            attention = layer.self_attn
            normal = layer.input_layernorm(states)
            queries, keys = apply_rotary_pos_emb(
                attention.q_proj(normal).view(shape), attention.k_proj(normal).view(shape), cos, sin
            )
            values = attention.v_proj(normal).view(shape)
            states = states + attention.o_proj(attend(index, queries, keys, values))
            states = states + layer.mlp(layer.post_attention_layernorm(states))
        return self._llama.norm(states)


class Gpt2Backbone:
    """Of `chatterbox-turbo` and `chatterbox-nano`."""

    def __init__(self, gpt: Any) -> None:
        config = gpt.config
        self._gpt = gpt
        self.layers = config.n_layer
        self.heads = config.n_head
        self.head_size = config.n_embd // config.n_head
        self.max_positions = config.n_positions

    def __call__(self, inputs: Tensor, positions: Tensor, attend: Attention) -> Tensor:
        shape = (inputs.shape[0], self.heads, self.head_size)
        states = inputs + self._gpt.wpe(positions)
        for index, layer in enumerate(self._gpt.h):
            together = layer.attn.c_attn(layer.ln_1(states))
            queries, keys, values = (part.reshape(shape) for part in together.chunk(3, dim=-1))
            states = states + layer.attn.c_proj(attend(index, queries, keys, values))
            states = states + layer.mlp(layer.ln_2(states))
        return self._gpt.ln_f(states)


def backbone_of(t3: Any) -> Backbone:
    """Of an upstream T3, which has one of two kinds."""
    return Gpt2Backbone(t3.tfmr) if t3.is_gpt else LlamaBackbone(t3.tfmr)
