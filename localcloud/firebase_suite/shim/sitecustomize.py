"""Read by every Python that firebase-tools starts for the functions, because PYTHONPATH names this folder.

It does what localcloud/functions/server.py does in the local cloud, by the same redirect.py: firebase_admin asks the
local App Check for its keys. firebase-tools has no App Check of its own, and firebase_functions verifies a callable's
token in an emulator as it does in production. It acts when firebase_admin.app_check is imported, and not before:
half a second is not spent by processes that never verify a token.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_REDIRECT = Path(__file__).parents[2] / "identity" / "redirect.py"  # by path: localcloud is not on this process's
_MODULE = "firebase_admin.app_check"


class _Redirecting(importlib.abc.MetaPathFinder):
    """Finds one module as the others would, and has its loader redirect it once it is there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(fullname)
        if found is not None and found.loader is not None:
            load = found.loader.exec_module

            def load_and_redirect(module: ModuleType) -> None:
                load(module)
                _install()

            found.loader.exec_module = load_and_redirect  # type: ignore[method-assign]
        return found


def _install() -> None:
    spec = importlib.util.spec_from_file_location("redirect", _REDIRECT)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_REDIRECT)
    redirect = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(redirect)
    redirect.install(os.environ)


sys.meta_path.insert(0, _Redirecting())
