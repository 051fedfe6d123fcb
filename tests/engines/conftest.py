"""The Chatterbox engine: torch is in .venv-engine (`./dev test engine`); elsewhere none of these tests is collected."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

collect_ignore_glob = ["*"] if find_spec("torch") is None else []

if not collect_ignore_glob:
    with warnings.catch_warnings():  # resemble-perth imports pkg_resources, which warns at whoever is first
        warnings.simplefilter("ignore", UserWarning)
        import chatterbox  # noqa: F401

    import torch

    torch.set_num_threads(
        1
    )  # the models are small: on a busy machine threads wait for each other longer than they work
