"""The Chatterbox engine: torch is in .venv-engine (`./dev test engine`); elsewhere none of these tests is collected."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import pytest

collect_ignore_glob = ["*"] if find_spec("torch") is None else []

if not collect_ignore_glob:
    with warnings.catch_warnings():  # resemble-perth imports pkg_resources, which warns at whoever is first
        warnings.simplefilter("ignore", UserWarning)
        import chatterbox  # noqa: F401

    import torch

    from tests.engines.small_t3 import small_t3

    # The models are small: on a busy machine threads wait for each other longer than they work.
    torch.set_num_threads(1)

    @pytest.fixture(scope="module")
    def llama() -> Any:
        return small_t3("chatterbox")

    @pytest.fixture(scope="module")
    def multilingual() -> Any:
        return small_t3("chatterbox-multilingual")

    @pytest.fixture(scope="module")
    def turbo() -> Any:
        return small_t3("chatterbox-turbo")
