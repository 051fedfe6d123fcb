"""The operator's tool on the shared local cloud: called as a person calls it, and read as a script reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import firebase_admin
import pytest

from backend.services import Services
from operations.__main__ import main
from tests.cloud import TestCloud, _running, cloud, family, phone

__all__ = ["_running", "cloud", "family", "phone"]


class Desk:
    """An operator with what `./dev up` prints in the environment."""

    def __init__(self, services: Services, read: Callable[[], str]) -> None:
        self.services = services
        self._read = read

    def answer(self, *arguments: str, status: int = 0) -> Any:
        assert main([*arguments, "--json"], self.services) == status
        return json.loads(self._read())

    def refused(self, *arguments: str) -> None:
        assert main(arguments, self.services) == 1

    def text(self, *arguments: str) -> str:
        assert main(arguments, self.services) == 0
        return self._read()


@pytest.fixture
def desk(cloud: TestCloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    environment = cloud.cloud.functions_environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    apps = set(firebase_admin._apps)
    yield Desk(Services(environment), lambda: capsys.readouterr().out)
    for name in set(firebase_admin._apps) - apps:  # one default app a process: other tests want their own
        firebase_admin.delete_app(firebase_admin.get_app(name))
