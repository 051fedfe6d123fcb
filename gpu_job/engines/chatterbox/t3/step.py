"""One step of the decoder: a new position for every row, to the logits of what comes next.

On a CPU the rows in use are computed, eagerly. On a GPU a step is thousands of small kernels that Python launches more
slowly than they run, so it is captured as a CUDA graph and replayed, always for all rows of the cache: the same shapes
mean the same kernels, and then what a row gets does not depend, not by a bit, on how many others there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from gpu_job.engines.chatterbox.t3.attention import StepAttention, WindowAttention
from gpu_job.engines.chatterbox.t3.backbone import Backbone
from gpu_job.engines.chatterbox.t3.cache import KeyValueCache, in_blocks


class Step(Protocol):
    def __call__(self, inputs: Tensor, rows: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Embeddings (n, dim) for n rows of the cache that hold `lengths` columns, which become one more; gives logits
        (n, tokens), good until the next call."""
        ...


class EagerStep:
    def __init__(self, backbone: Backbone, head: Any, cache: KeyValueCache) -> None:
        self._backbone = backbone
        self._head = head
        self._cache = cache

    def __call__(self, inputs: Tensor, rows: Sequence[int], lengths: Sequence[int]) -> Tensor:
        positions = torch.tensor(lengths, device=inputs.device)
        logits: Tensor = self._head(self._backbone(inputs, positions, StepAttention(self._cache, rows, lengths)))
        return logits


class WindowStep:
    """For all rows of the cache, over a window that grows in blocks; each window's step is captured once on a GPU.

    Rows that nobody uses compute too, with a length of 0: they read and write their own first column only.
    """

    def __init__(self, backbone: Backbone, head: Any, cache: KeyValueCache) -> None:
        self._backbone = backbone
        self._head = head
        self._cache = cache
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._generation = -1  # of the cache, when the graphs were captured
        self._inputs = torch.empty(0)
        self._lengths = torch.empty(0)

    def __call__(self, inputs: Tensor, rows: Sequence[int], lengths: Sequence[int]) -> Tensor:
        if self._generation != self._cache.generation:
            self._start_over(inputs)
        chosen = torch.tensor(rows, device=inputs.device)
        self._inputs[chosen] = inputs
        self._lengths.zero_()
        self._lengths[chosen] = torch.tensor(lengths, device=inputs.device)
        window = in_blocks(max(lengths) + 1)
        return self._run(window)[chosen]

    def _start_over(self, inputs: Tensor) -> None:
        self._graphs.clear()
        self._generation = self._cache.generation
        self._inputs = inputs.new_zeros(self._cache.rows, inputs.shape[1])
        self._lengths = torch.zeros(self._cache.rows, dtype=torch.long, device=inputs.device)

    def _run(self, window: int) -> Tensor:
        if self._inputs.device.type != "cuda":
            return self._compute(window)
        if window not in self._graphs:
            self._graphs[window] = self._capture(window)
        graph, logits = self._graphs[window]
        graph.replay()
        return logits

    def _capture(self, window: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Running it beforehand is harmless: it writes the same keys and values as the replay will."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries allocate their workspaces at the first call, which no graph may hold
            self._compute(window)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # One pool: graphs of several windows never run at the same time.
        pool = next(iter(self._graphs.values()))[0].pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool):
            logits = self._compute(window)
        return graph, logits

    def _compute(self, window: int) -> Tensor:
        attention = WindowAttention(self._cache, self._lengths, window)
        logits: Tensor = self._head(self._backbone(self._inputs, self._lengths, attention))
        return logits
