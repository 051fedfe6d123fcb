"""Resemble AI's Perth: an inaudible mark by which software can tell that a machine spoke.

Its network works at 32 kHz, on magnitudes below 2 kHz, and comes with the package, weights and all. Without it nothing
is spoken: whoever cannot load it learns it when the worker starts.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from typing import Any

import numpy as np
import torch

from gpu_job.audio import Audio, Samples
from jobs.errors import FailedPrecondition

_RATE = 32_000  # Hz
_WINDOW = 2_048
_INAUDIBLE = 1e-5  # -100 dBFS: there is nothing to mark in digital silence
_MISSING = (
    "The watermark cannot be loaded, and nothing is spoken without it. "
    'Install it: pip install resemble-perth "setuptools<81".'
)


class PerthWatermark:
    """The Watermark of protocol.py. Thread-safe. Raises FailedPrecondition with what to install."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._perth = _loaded(self._device)
        self._turn = threading.Lock()

    def mark(self, audio: Audio) -> Audio:
        """The same sound with the mark on all of it, as long as before."""
        if not _is_heard(audio.samples):
            return audio
        samples = audio.at_rate(_RATE).samples
        # The network gives whole steps only: a window of silence after the sound has its last moment marked, too.
        with self._turn, torch.inference_mode():
            marked = self._perth.apply_watermark(np.pad(samples, (0, _WINDOW)), sample_rate=_RATE)
        result = Audio(_as_long(np.asarray(marked, np.float32), len(samples)), _RATE).at_rate(audio.rate)
        return Audio(_as_long(result.samples, len(audio.samples)), audio.rate)

    def presence(self, audio: Audio) -> float:
        """How sure it is that the mark is there, 0 to 1; 0 where there is nothing to be heard."""
        if not _is_heard(audio.samples):
            return 0.0
        samples = audio.at_rate(_RATE).samples
        with self._turn, torch.inference_mode():
            sure = self._perth.get_watermark(_at_least(samples, _WINDOW), sample_rate=_RATE, round=False)
        return float(np.nan_to_num(np.asarray(sure).reshape(-1)[0]))


def _loaded(device: torch.device) -> Any:
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", "pkg_resources is deprecated")
            import perth  # noqa: PLC0415  (it warns and prints)

            # Where an import of its own fails, the package puts None in the class's place and says nothing.
            if perth.PerthImplicitWatermarker is None:
                raise FailedPrecondition(_MISSING)
            return perth.PerthImplicitWatermarker(device=device)
    except (ImportError, OSError) as error:
        raise FailedPrecondition(_MISSING) from error


def _is_heard(samples: Samples) -> bool:
    return bool(len(samples)) and float(np.abs(samples).max()) > _INAUDIBLE


def _as_long(samples: Samples, length: int) -> Samples:
    return _at_least(samples[:length], length)


def _at_least(samples: Samples, length: int) -> Samples:
    return np.pad(samples, (0, max(0, length - len(samples))))
