"""What the platform hears of an error: come again, come again and slow down, or never mind."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from firebase_functions.https_fn import FunctionsErrorCode, HttpsError

from backend import dispatch
from jobs import errors

TASK: Any = SimpleNamespace(data={"jobId": "j1", "attempt": 1})


@pytest.fixture(scope="module")
def entry() -> ModuleType:
    from backend import entry  # noqa: PLC0415  (only here: it makes the process's default app)

    return entry


def raising(error: Exception) -> Any:
    def dispatch_badly(*_: object) -> None:
        raise error

    return dispatch_badly


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Busy("Slow down."), FunctionsErrorCode.UNAVAILABLE),
        (errors.Unavailable("Away."), FunctionsErrorCode.INTERNAL),
        (errors.Contention("Again."), FunctionsErrorCode.INTERNAL),
        (errors.Internal("A bug."), FunctionsErrorCode.INTERNAL),
        (RuntimeError("words of a library"), FunctionsErrorCode.INTERNAL),
    ],
)
def test_a_task_that_should_come_again(
    entry: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, code: FunctionsErrorCode
) -> None:
    """Cloud Tasks slows the whole queue down on 503 (UNAVAILABLE), so only a busy backend is told so."""
    monkeypatch.setattr(dispatch, "dispatch", raising(error))
    monkeypatch.setattr(entry, "services", lambda: None)
    with pytest.raises(HttpsError) as raised:
        entry.task_dispatched(TASK)
    assert raised.value.code is code
    assert "library" not in raised.value.message


@pytest.mark.parametrize("error", [errors.InvalidArgument("Bad."), errors.FailedPrecondition("Not set up.")])
def test_a_task_that_never_can_be_done_is_acknowledged(
    entry: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(dispatch, "dispatch", raising(error))
    monkeypatch.setattr(entry, "services", lambda: None)
    entry.task_dispatched(TASK)


def test_a_task_of_another_shape_is_acknowledged(entry: Any) -> None:
    entry.task_dispatched(SimpleNamespace(data={"jobId": "j1"}))
