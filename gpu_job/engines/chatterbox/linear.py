"""Linear layers on a CPU, computed by oneDNN.

torch hands them to MKL, which is slow on AMD processors with the few dozen rows of a decoding step: for 32 rows, all of
T3's layers take 0.43 s on two cores, and 0.25 s with oneDNN, which torch has for convolutions and for what compiling
makes. Weights stay as they are, where they are: mapped from their file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OneDnnLinear(nn.Linear):  # type: ignore[misc]  # torch is not here when types are checked
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return result


def through_onednn(module: nn.Module) -> None:
    """Its linear layers become OneDnnLinear where torch has oneDNN, and they are float32 on a CPU; no others do."""
    if not torch.backends.mkldnn.is_available():
        return
    for layer in module.modules():
        if type(layer) is nn.Linear and layer.weight.device.type == "cpu" and layer.weight.dtype == torch.float32:
            layer.__class__ = OneDnnLinear  # in place: other modules may hold the layer, too
