"""Speech tokens to mel frames: S3Gen's encoder and its flow matching decoder, for many rows at once.

    tokens 25/s ─▶ embedding ▸ conformer ▸ ×2 ▸ conformer ─▶ mu 50/s ─┐
    reference's mel, silence after it ────────────────── condition ───┼─▶ Euler steps from noise ─▶ mel 50/s
    reference's speaker embedding ────────────────────── speaker ─────┘        └ the part after the reference's

The layers are upstream's; what is ours is that rows of any length and any voice share a batch and come out as each
would alone. Upstream's own forward passes do nearly that, save where it is said below; besides, they wait for the
device in every block (a check of the mask), and compute masks and time embeddings anew at every step.

Shapes: R rows, N tokens (the reference's and the text's), M = 2N mel frames, all padded to the longest row's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gpu_job.engines.chatterbox.conditionals import Reference
from gpu_job.engines.chatterbox.s3gen.rows import Rows, padded, silenced

MEL_BANDS = 80
FRAMES_PER_TOKEN = 2


@dataclass(frozen=True, eq=False)
class FlowRow:
    """`tokens` (n,), `noise` (80, 2 * (reference's tokens + n)): what the flow starts from."""

    tokens: Tensor
    reference: Reference
    noise: Tensor

    @property
    def frames(self) -> int:
        """With the reference's."""
        return FRAMES_PER_TOKEN * (len(self.reference.tokens) + len(self.tokens))


def mel_frames(s3gen: Any, rows: Sequence[FlowRow]) -> list[Tensor]:
    """Each row's mel, shape (80, m), without the reference's part: m is 2n, or 2n - 1 after an odd reference.

    `s3gen` is upstream's S3Gen (or S3Token2Wav). Call it in inference mode, with everything on the model's device.
    """
    flow = s3gen.flow
    at_mel_rate = Rows(tuple(row.frames for row in rows), rows[0].tokens.device)
    mu = _encoded(flow, rows)  # (R, M, 80)
    speaker = flow.spk_embed_affine_layer(
        functional.normalize(torch.stack([row.reference.embedding for row in rows]), dim=1)
    )
    condition = padded([_condition(row) for row in rows])
    fixed = torch.cat([mu, speaker[:, None, :].expand_as(mu), condition], dim=2).transpose(1, 2)  # (R, 240, M)
    noise = padded([row.noise.T for row in rows]).transpose(1, 2)  # (R, 80, M)
    solve = _solve_distilled if s3gen.meanflow else _solve_guided
    mel = solve(flow.decoder, noise, fixed, at_mel_rate)
    return [row_mel[:, len(row.reference.mel) : row.frames] for row, row_mel in zip(rows, mel, strict=True)]


def _condition(row: FlowRow) -> Tensor:
    """(frames, 80): the reference's mel and nothing after it."""
    mel = row.reference.mel
    return functional.pad(mel, (0, 0, 0, row.frames - len(mel)))


def _encoded(flow: Any, rows: Sequence[FlowRow]) -> Tensor:
    """What each frame is to sound like by its token, shape (R, M, 80)."""
    tokens = padded([torch.cat([row.reference.tokens, row.tokens]) for row in rows])  # (R, N)
    lengths = Rows(tuple(row.frames // FRAMES_PER_TOKEN for row in rows), tokens.device)
    encoder = flow.encoder
    # Padding is token 0 here, not silence as upstream has it: nothing that is looked at attends to it.
    x, positions, _ = encoder.embed(flow.input_embedding(tokens), None)
    # The look-ahead reads three tokens beyond each: beyond a row's last one it must find zeros, as it does in a row
    # that is alone. (Upstream lets it find what the embedding makes of padding.)
    mask = lengths.mask()
    x = encoder.pre_lookahead_layer(x if mask is None else x * mask[:, :, None])
    x = _attended(encoder.encoders, x, positions, mask)
    x, _ = encoder.up_layer(x.transpose(1, 2), torch.empty(0))
    x, positions, _ = encoder.up_embed(x.transpose(1, 2), None)
    x = _attended(encoder.up_encoders, x, positions, lengths.scaled(FRAMES_PER_TOKEN).mask())
    mel: Tensor = flow.encoder_proj(encoder.after_norm(x))
    return mel


def _attended(layers: Any, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
    keys = (
        torch.ones((0, 0, 0), dtype=torch.bool) if mask is None else mask[:, None, :]
    )  # empty is upstream's "no mask"
    for layer in layers:
        x, *_ = layer(x, keys, positions)
    return x


# ── Euler steps ──────────────────────────────────────────────────────────────────────────────────────────────────────

GUIDED_STEPS, DISTILLED_STEPS = 10, 2


def _solve_guided(decoder: Any, x: Tensor, fixed: Tensor, rows: Rows) -> Tensor:
    """Ten steps along a cosine, each with guidance: every row twice, the second time without text and voice."""
    span = torch.linspace(0, 1, GUIDED_STEPS + 1, device=x.device, dtype=x.dtype)
    span = 1 - torch.cos(span * 0.5 * torch.pi)
    times = _embedded(decoder.estimator, span[:-1])
    twice = Rows(rows.lengths * 2, rows.device)
    mask = twice.mask()
    with_and_without = torch.cat([fixed, torch.zeros_like(fixed)])
    weight = decoder.inference_cfg_rate
    for step in range(GUIDED_STEPS):
        velocity = _velocity(decoder.estimator, torch.cat([x, x]), with_and_without, times[step : step + 1], mask)
        guided, free = velocity.chunk(2)
        x = x + (span[step + 1] - span[step]) * ((1.0 + weight) * guided - weight * free)
    return x


def _solve_distilled(decoder: Any, x: Tensor, fixed: Tensor, rows: Rows) -> Tensor:
    """Two straight steps, of a model that has learnt where ten guided ones lead."""
    estimator = decoder.estimator
    span = torch.linspace(0, 1, DISTILLED_STEPS + 1, device=x.device, dtype=x.dtype)
    begins_and_ends = torch.cat([_embedded(estimator, span[:-1]), _embedded(estimator, span[1:])], dim=1)
    times = estimator.time_embed_mixer(begins_and_ends)
    mask = rows.mask()
    for step in range(DISTILLED_STEPS):
        x = x + (span[step + 1] - span[step]) * _velocity(estimator, x, fixed, times[step : step + 1], mask)
    return x


def _embedded(estimator: Any, times: Tensor) -> Tensor:
    """(steps, 1024)"""
    embedded: Tensor = estimator.time_mlp(estimator.time_embeddings(times))
    return embedded


def _velocity(estimator: Any, x: Tensor, fixed: Tensor, time: Tensor, mask: Tensor | None) -> Tensor:
    """Where every frame is going, shape (rows, 80, M).

    `x`: (rows, 80, M), `fixed`: (rows, 240, M), `time`: (1, 1024), `mask`: (rows, M) or None. Convolutions are causal,
    so padding after a row reaches none of its frames by them; attention is masked.
    """
    ((resnet, blocks, convolution),) = estimator.down_blocks  # the whole family has one level
    ((last_resnet, last_blocks, last_convolution),) = estimator.up_blocks
    keep = x.new_ones(1, 1, 1) if mask is None else mask[:, None, :].to(x.dtype)
    keys = None if mask is None else mask[:, None, None, :]
    x = _transformed(blocks, resnet(torch.cat([x, fixed], dim=1), keep, time), keys)
    skipped = x
    x = convolution(x * keep)
    for resnet, blocks in estimator.mid_blocks:
        x = _transformed(blocks, resnet(x, keep, time), keys)
    x = _transformed(last_blocks, last_resnet(torch.cat([x, skipped], dim=1), keep, time), keys)
    x = estimator.final_block(last_convolution(x * keep), keep)
    return silenced(estimator.final_proj(x * keep), mask)


def _transformed(blocks: Any, x: Tensor, keys: Tensor | None) -> Tensor:
    """`x`: (rows, channels, M); `keys`: (rows, 1, 1, M), which frames may be looked at, or None."""
    x = x.transpose(1, 2).contiguous()
    for block in blocks:
        x = x + _self_attention(block.attn1, block.norm1(x), keys)
        x = x + block.ff(block.norm3(x))
    return x.transpose(1, 2).contiguous()


def _self_attention(attention: Any, x: Tensor, keys: Tensor | None) -> Tensor:
    query, key, value = (
        projection(x).unflatten(2, (attention.heads, -1)).transpose(1, 2)  # (rows, heads, M, 64)
        for projection in (attention.to_q, attention.to_k, attention.to_v)
    )
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
    projected: Tensor = attention.to_out[0](attended.transpose(1, 2).flatten(2))
    return projected
