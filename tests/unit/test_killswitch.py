"""A spent budget pauses the queues that lead to a GPU, over gRPC against our Cloud Tasks."""

from __future__ import annotations

import json

import msgspec
import pytest
from google.cloud import tasks_v2
from hypothesis import given
from hypothesis import strategies as st

from backend.killswitch import BudgetNotice, handle
from backend.services import Services
from jobs.errors import FailedPrecondition
from tests.unit.functions_world import FunctionsWorld

# As Cloud Billing documents it, with what is not read.
MESSAGE = {
    "budgetDisplayName": "storyvoice production",
    "alertThresholdExceeded": 1.0,
    "costAmount": 500.01,
    "costIntervalStart": "2026-11-01T00:00:00Z",
    "budgetAmount": 500.0,
    "budgetAmountType": "SPECIFIED_AMOUNT",
    "currencyCode": "EUR",
}


def notice(**changes: object) -> BudgetNotice:
    return BudgetNotice.decode(json.dumps({**MESSAGE, **changes}).encode())


def test_a_spent_budget_pauses_the_dispatcher_and_once_more_changes_nothing(functions: FunctionsWorld) -> None:
    queues = functions.queues()
    queues.resume("dispatchJob")

    handle(functions.services, notice(costAmount=499.99))
    assert not queues.is_paused("dispatchJob")

    handle(functions.services, notice())
    assert queues.is_paused("dispatchJob")
    handle(functions.services, notice())
    assert queues.is_paused("dispatchJob")


def test_it_pauses_the_gpu_services_queue_too_where_there_is_one(functions: FunctionsWorld) -> None:
    services = Services({**functions.environ, "GPU_BACKEND": "http", "GPU_HTTP_URL": "https://gpu.example/run"})
    path = services.settings().queue_path("gpu-jobs")
    functions.loop.call(functions.tasks.create_queue, tasks_v2.Queue(name=path))

    handle(services, notice())

    assert services.queues().is_paused("gpu-jobs")
    services.queues()._client.transport.close()  # type: ignore[no-untyped-call]


def test_a_queue_that_is_not_there_is_said(functions: FunctionsWorld) -> None:
    services = Services({**functions.environ, "DISPATCH_QUEUE": "nothing"})
    with pytest.raises(FailedPrecondition):
        handle(services, notice())
    services.queues()._client.transport.close()  # type: ignore[no-untyped-call]


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_what_is_no_budgets_message_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        BudgetNotice.decode(data)


@pytest.mark.parametrize("changes", [{"budgetAmount": 0}, {"costAmount": -1}, {"costAmount": "1"}])
def test_amounts_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    """A budget of nothing would be spent by everything."""
    with pytest.raises(msgspec.ValidationError):
        notice(**changes)
