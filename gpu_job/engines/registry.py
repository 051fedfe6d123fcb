"""Engines by name. An engine's libraries are imported when it is loaded, not before: an image holds only its own."""

from __future__ import annotations

import importlib
import re
from typing import cast

from gpu_job.engines.protocol import Engine
from jobs.errors import FailedPrecondition

_CHATTERBOX = "gpu_job.engines.chatterbox.engine"
ENGINES = {
    "piper": "gpu_job.engines.piper:PiperEngine",
    "chatterbox": f"{_CHATTERBOX}:Chatterbox",
    "chatterbox-turbo": f"{_CHATTERBOX}:ChatterboxTurbo",
    "chatterbox-nano": f"{_CHATTERBOX}:ChatterboxNano",
    "chatterbox-multilingual": f"{_CHATTERBOX}:ChatterboxMultilingual",
}
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def load_engine(name: str) -> Engine:
    """The engine `name`, or an instance of the class that "package.module:Class" names (benchmarks bring their own).

    The name is the operator's setting, never a client's field: a dotted path imports what it says. Raises
    FailedPrecondition with the right names, or with what to install.
    """
    path = ENGINES.get(name, name)
    if not _DOTTED.fullmatch(path):
        raise FailedPrecondition(
            f"There is no engine {name!r}: choose one of {', '.join(sorted(ENGINES))}, or module:Class."
        )
    module_name, class_name = path.split(":")
    try:
        engine_class = getattr(importlib.import_module(module_name), class_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise FailedPrecondition(
            f"The engine {name!r} cannot be loaded: {module_name} has no {class_name} here."
        ) from error
    return cast(Engine, engine_class())
