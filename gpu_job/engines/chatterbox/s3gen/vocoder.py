"""Mel frames to sound: S3Gen's HiFT vocoder, for many rows at once.

    mel 50/s ─▶ pitch ▸ harmonics and noise 24,000/s ▸ short spectra 6,000/s ─┐
             ─▶ ×8 ─────── + ▸ ×5 ─────── + ▸ ×3 ─────── + ─▶ magnitude, phase ▸ inverse ─▶ sound 24,000/s

The layers are upstream's. Its convolutions look to both sides, so padding after a row would be heard at its end: here
every convolution finds zeros there, as it does at the end of a row that is alone. Noise is given for each row.

Shapes: R rows, M mel frames of the longest, 480 M samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parametrize

from gpu_job.engines.chatterbox.s3gen.rows import Rows, padded, silenced

SAMPLES_PER_FRAME = 480
_REFLECTED = 8  # samples on either side that a short spectrum at the edge looks at: half of its window of 16
_HOP = 4


@dataclass(frozen=True, eq=False)
class SourceNoise:
    """What is random in a row's source: `phases` (9, 1) of the harmonics in radians, `breath` (9, 480 m) normal."""

    phases: Tensor
    breath: Tensor


def fold_weight_norm(vocoder: torch.nn.Module) -> None:
    """Multiply out the weights once, where upstream does it in every call. The sound stays the same to the last bit."""
    for module in list(vocoder.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def sound(vocoder: Any, mels: Sequence[Tensor], noises: Sequence[SourceNoise]) -> list[Tensor]:
    """Each row's samples, shape (480 m,) at 24 kHz within [-0.99, 0.99], of its mel frames, shape (80, m).

    `vocoder` is upstream's HiFTGenerator. Call it in inference mode. The last 8 samples of a row depend on what shares
    its batch; the last 40 ms are no speech anyhow (decoder.py).
    """
    frames = Rows(tuple(mel.shape[1] for mel in mels), mels[0].device)
    mel = padded([row.T for row in mels]).transpose(1, 2)  # (R, 80, M)
    source = _source(vocoder, _pitch(vocoder.f0_predictor, mel, frames), noises)
    waves = _filtered(vocoder, mel, source, frames)
    return [wave[: length * SAMPLES_PER_FRAME] for wave, length in zip(waves, frames.lengths, strict=True)]


def _pitch(predictor: Any, mel: Tensor, frames: Rows) -> Tensor:
    """In Hz, shape (R, M)."""
    mask = frames.mask()
    x = mel
    for layer in predictor.condnet:
        x = layer(silenced(x, mask)) if _is_convolution(layer) else layer(x)
    return torch.abs(predictor.classifier(x.transpose(1, 2)).squeeze(-1))


def _is_convolution(layer: object) -> bool:
    return isinstance(layer, torch.nn.Conv1d)


def _source(vocoder: Any, pitch: Tensor, noises: Sequence[SourceNoise]) -> Tensor:
    """The voice before the mouth has formed it, shape (R, 480 M): harmonics where there is pitch, breath elsewhere."""
    generator = vocoder.m_source.l_sin_gen
    pitch = pitch[:, None, :].repeat_interleave(SAMPLES_PER_FRAME, dim=2)  # (R, 1, 480 M)
    harmonics = torch.arange(1, generator.harmonic_num + 2, device=pitch.device, dtype=pitch.dtype)[None, :, None]
    turns = torch.cumsum(pitch * harmonics / generator.sampling_rate, dim=2) % 1
    phases = torch.stack([noise.phases for noise in noises])
    breath = padded([noise.breath.T for noise in noises]).transpose(1, 2)
    voiced = (pitch > generator.voiced_threshold).to(pitch.dtype)
    loudness = voiced * generator.noise_std + (1 - voiced) * generator.sine_amp / 3
    waves = generator.sine_amp * torch.sin(2 * math.pi * turns + phases) * voiced + loudness * breath  # (R, 9, 480 M)
    mixed: Tensor = vocoder.m_source.l_tanh(vocoder.m_source.l_linear(waves.transpose(1, 2)))
    return mixed.squeeze(2)


def _filtered(vocoder: Any, mel: Tensor, source: Tensor, frames: Rows) -> Tensor:
    """(R, 480 M)"""
    spectra = _spectra(vocoder, source, frames)
    x = vocoder.conv_pre(silenced(mel, frames.mask()))
    rate = 1
    for level, up in enumerate(vocoder.ups):
        rate *= up.stride[0]
        is_last = level == vocoder.num_upsamples - 1
        x = up(silenced(functional.leaky_relu(x, vocoder.lrelu_slope), frames.scaled(rate // up.stride[0]).mask()))
        if is_last:
            x = vocoder.reflection_pad(x)  # one more in front, as many as there are short spectra
        mask = frames.scaled(rate, 1 if is_last else 0).mask()
        x = x + _resonated(vocoder.source_resblocks[level], vocoder.source_downs[level](spectra), mask)
        kernels = vocoder.num_kernels
        x = sum(_resonated(block, x, mask) for block in vocoder.resblocks[level * kernels : (level + 1) * kernels])
        x = x / kernels
    x = vocoder.conv_post(silenced(functional.leaky_relu(x), mask))
    magnitude, phase = x.split(vocoder.istft_params["n_fft"] // 2 + 1, dim=1)
    waves: Tensor = vocoder._istft(torch.exp(magnitude), torch.sin(phase))
    return waves.clamp(-vocoder.audio_limit, vocoder.audio_limit)


def _spectra(vocoder: Any, source: Tensor, frames: Rows) -> Tensor:
    """Short spectra of the source, shape (R, 18, 120 M + 1), zeros after a row's own.

    Those at the end of a row that is alone see it mirrored; so each row's mirror image is put after it here.
    """
    samples = frames.scaled(SAMPLES_PER_FRAME)
    for row, length in enumerate(samples.lengths):
        if length < samples.longest:
            source[row, length : length + _REFLECTED] = source[row, length - 1 - _REFLECTED : length - 1].flip(0)
    real, imaginary = vocoder._stft(source)
    return silenced(torch.cat([real, imaginary], dim=1), frames.scaled(SAMPLES_PER_FRAME // _HOP, 1).mask())


def _resonated(block: Any, x: Tensor, mask: Tensor | None) -> Tensor:
    """Upstream's ResBlock, each of whose convolutions finds zeros after the row."""
    layers = zip(block.activations1, block.convs1, block.activations2, block.convs2, strict=True)
    for activation, convolution, second_activation, second_convolution in layers:
        inner = convolution(silenced(activation(x), mask))
        x = x + second_convolution(silenced(second_activation(inner), mask))
    return x
