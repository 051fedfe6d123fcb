"""Speech tokens to sound: the decoded sentences of any voices, in batches of like length, each as it would be alone.

    text   ──── ▁▃▅▃▅▇▅▃ ─ ─┐ the last token: 40 ms of noise, cut off
             └┬┘
              └ 20 ms silent, cut off; 20 ms faded in: the reference's last sound, spilling over

A row's noise comes from a generator of its own, in upstream's order: with the seed that upstream would be given, a row
sounds as upstream makes it (to rounding), whatever else is in the batch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpu_job.audio import Samples
from gpu_job.engines.chatterbox.conditionals import Reference
from gpu_job.engines.chatterbox.memory import MemoryLimit
from gpu_job.engines.chatterbox.s3gen import flow, vocoder
from gpu_job.engines.chatterbox.s3gen.flow import FlowRow
from gpu_job.engines.chatterbox.s3gen.vocoder import SAMPLES_PER_FRAME, SourceNoise
from jobs.errors import Internal

log = logging.getLogger(__name__)
SAMPLE_RATE = 24_000
SPEECH_TOKENS = 6561
"""How many speech tokens there are; those of beginning and end come after."""
_SILENCE_TOKEN = 4299
_SILENCE_AFTER = 3  # tokens that the distilled models are given after the text, as upstream does
_MUTED = SAMPLE_RATE // 50
_NOISY_END = SAMPLE_RATE // 25
_FADE_OUT = SAMPLE_RATE // 100
# The longest row of a batch against its shortest. A CPU is busy with one row: there padding is nothing but work.
_MOST_PADDING, _MOST_PADDING_ON_CPU = 1.25, 1.0
# Bytes for a row, from its largest tensors: the conformer's attention scores grow with the square of its length, the
# vocoder's harmonics and channels with what is spoken.
_BYTES_PER_FRAME_SQUARED, _BYTES_PER_FRAME, _BYTES_PER_SPOKEN_FRAME = 200, 60_000, 500_000


@dataclass(frozen=True, eq=False)
class Utterance:
    """`tokens` (n,) int64 as the speech decoder gives them; n may be 0, and gives no sound."""

    tokens: Tensor
    reference: Reference
    seed: int


class SoundDecoder:
    """Upstream's S3Gen, loaded and on its device. One thread at a time."""

    def __init__(self, s3gen: Any, memory: MemoryLimit) -> None:
        self._s3gen = s3gen
        self._memory = memory
        self._most_padding = _MOST_PADDING_ON_CPU if s3gen.device.type == "cpu" else _MOST_PADDING
        vocoder.fold_weight_norm(s3gen.mel2wav)

    def decode(self, utterances: Sequence[Utterance]) -> list[Samples]:
        """Samples at 24 kHz of each, shape (m,), in the order given. Raises Internal where even one is too large."""
        sounds: list[Samples] = [np.zeros(0, np.float32)] * len(utterances)
        rows = [self._prepared(utterance) for utterance in utterances]
        waiting = [index for index, row in enumerate(rows) if len(row.tokens)]
        with torch.inference_mode():
            for batch in self._batches(waiting, rows):
                for index, wave in zip(batch, self._decoded(batch, rows, utterances), strict=True):
                    sounds[index] = wave
        return sounds

    def raw(self, rows: Sequence[FlowRow], noises: Sequence[SourceNoise]) -> list[Tensor]:
        """One batch, nothing cut off: shape (480 m,) each, on the device. Call it in inference mode."""
        return vocoder.sound(self._s3gen.mel2wav, flow.mel_frames(self._s3gen, rows), noises)

    def noise(self, seed: int, reference: Reference, spoken: int) -> tuple[Tensor, SourceNoise]:
        """What is random in a row of `spoken` tokens: the flow's, shape (80, frames), and the vocoder's."""
        generator = torch.Generator(self._s3gen.device).manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, device=self._s3gen.device, dtype=self._s3gen.dtype)

        frames = flow.FRAMES_PER_TOKEN * (len(reference.tokens) + spoken)
        beginning = normal(flow.MEL_BANDS, flow.FRAMES_PER_TOKEN * spoken) if self._s3gen.meanflow else None
        start = normal(flow.MEL_BANDS, frames)
        if beginning is not None:
            start[:, frames - beginning.shape[1] :] = beginning
        harmonics = self._s3gen.mel2wav.nb_harmonics + 1
        phases = torch.rand(harmonics, 1, generator=generator, device=self._s3gen.device) * 2 * math.pi - math.pi
        phases[0] = 0
        breath = normal(harmonics, (frames - len(reference.mel)) * SAMPLES_PER_FRAME)
        return start, SourceNoise(phases, breath)

    def _prepared(self, utterance: Utterance) -> FlowRow:
        """The row without its noise, which waits until its batch comes: it is 100 KB for a frame of mel."""
        tokens = utterance.tokens.to(self._s3gen.device)
        tokens = tokens[tokens < SPEECH_TOKENS]
        if len(tokens) and self._s3gen.meanflow:
            tokens = torch.cat([tokens, tokens.new_full((_SILENCE_AFTER,), _SILENCE_TOKEN)])
        return FlowRow(tokens, utterance.reference, tokens.new_empty(0))

    def _batches(self, waiting: list[int], rows: Sequence[FlowRow]) -> Iterator[list[int]]:
        """Rows of like length together, as many as there is memory for: the limit is read anew for each batch."""
        by_length = sorted(waiting, key=lambda index: rows[index].frames)
        while by_length:
            count = self._together([rows[index] for index in by_length])
            yield by_length[:count]
            del by_length[:count]

    def _together(self, rows: list[FlowRow]) -> int:
        """How many of the first fit, one at least; the rows come by length."""
        for count, row in enumerate(rows, 1):
            needed = count * row_bytes(row.frames, len(row.reference.mel))
            if needed > self._memory.bytes or row.frames > rows[0].frames * self._most_padding:
                return max(1, count - 1)
        return len(rows)

    def _decoded(self, batch: list[int], rows: Sequence[FlowRow], utterances: Sequence[Utterance]) -> list[Samples]:
        """One batch; in two halves, and smaller ones from then on, where the device's memory does not do for it."""
        try:
            return self._finished([rows[index] for index in batch], [utterances[index].seed for index in batch])
        except torch.OutOfMemoryError as error:
            if len(batch) == 1 or not self._memory.halve():
                raise Internal("The voice model ran out of memory. Please try again.") from error
            log.warning("out of memory with %d rows; batches are half as large from now on", len(batch))
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        return [
            *self._decoded(batch[:middle], rows, utterances),
            *self._decoded(batch[middle:], rows, utterances),
        ]

    def _finished(self, rows: Sequence[FlowRow], seeds: Sequence[int]) -> list[Samples]:
        drawn = [self.noise(seed, row.reference, len(row.tokens)) for row, seed in zip(rows, seeds, strict=True)]
        noisy = [FlowRow(row.tokens, row.reference, start) for row, (start, _) in zip(rows, drawn, strict=True)]
        waves = self.raw(noisy, [source for _, source in drawn])
        fade = self._s3gen.trim_fade
        finished = [trimmed(wave, fade) for wave in waves]
        together = torch.cat(finished).cpu().numpy()  # the one place where the host waits for the device
        ends = np.cumsum([len(wave) for wave in finished])[:-1]
        return [np.ascontiguousarray(wave, np.float32) for wave in np.split(together, ends)]


def trimmed(wave: Tensor, fade: Tensor) -> Tensor:
    """Without what is no speech at either end. `fade`: upstream's, 20 ms of zeros and 20 ms of a rising cosine."""
    wave = wave.clone()
    beginning = min(len(fade), len(wave))
    wave[:beginning] *= fade[:beginning]
    wave = wave[_MUTED : max(_MUTED, len(wave) - _NOISY_END)]
    ending = min(_FADE_OUT, len(wave))
    if ending:
        ramp = torch.linspace(0, math.pi, ending, device=wave.device, dtype=wave.dtype)
        wave[-ending:] *= (torch.cos(ramp) + 1) / 2
    return wave


def row_bytes(frames: int, reference_frames: int) -> int:
    """What a row takes at most while it is made: `frames` of mel, of which the first are the reference's."""
    return (
        _BYTES_PER_FRAME_SQUARED * frames * frames
        + _BYTES_PER_FRAME * frames
        + _BYTES_PER_SPOKEN_FRAME * (frames - reference_frames)
    )
