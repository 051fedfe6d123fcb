"""The Chatterbox engine: torch is in .venv-engine (`./dev test engine`); elsewhere none of these tests is collected."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = ["*"] if find_spec("torch") is None else []
