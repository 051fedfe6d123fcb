"""When a webhook is called, again and no more: against a receiver that answers as it likes."""

from __future__ import annotations

import pytest

from backend import notifications, webhooks
from backend.services import Services
from jobs.errors import Unavailable
from jobs.model import Kind, State
from jobs.outbox import JobEvent
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB
from tests.webhook_receiver import Receiver

SECRETS = {"DAEZEND_API_SHARED_SECRET": "0123456789abcdef" * 4, "SECRET_KEY": "fedcba9876543210" * 4}


@pytest.fixture
def world(functions: FunctionsWorld, receiver: Receiver) -> FunctionsWorld:
    """A job that succeeded, with a webhook."""
    trusted = {"WEBHOOK_TRUSTED_HOSTS": "127.0.0.1"}
    settings = Services({**functions.environ, **SECRETS, **trusted})
    functions.services.settings, functions.services.api_settings = settings.settings, settings.api_settings
    functions.bring_to(State.SUCCEEDED)
    functions.patch(f"jobs/{JOB}", **{"input.webhookUrl": f"http://127.0.0.1:{receiver.server_port}/hook"})
    return functions


@pytest.mark.parametrize("status", [200, 204, 410])
def test_what_was_taken_is_over(world: FunctionsWorld, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    webhooks.deliver(world.services, JOB)
    assert receiver.asked == 1


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_what_was_not_taken_comes_again(world: FunctionsWorld, receiver: Receiver, status: int) -> None:
    receiver.answers = [status, 200]
    with pytest.raises(Unavailable):
        webhooks.deliver(world.services, JOB)
    webhooks.deliver(world.services, JOB)
    assert receiver.asked == 2


def test_a_receiver_that_is_away(world: FunctionsWorld, receiver: Receiver) -> None:
    world.patch(f"jobs/{JOB}", **{"input.webhookUrl": "http://127.0.0.1:9/"})
    with pytest.raises(Unavailable):
        webhooks.deliver(world.services, JOB)


def test_a_job_that_was_erased_meanwhile(world: FunctionsWorld, receiver: Receiver) -> None:
    world.delete(f"jobs/{JOB}")
    webhooks.deliver(world.services, JOB)
    assert receiver.asked == 0


def event(state: State, attempt: int = 1) -> JobEvent:
    return JobEvent(
        job_id=JOB,
        kind=Kind.NARRATE,
        request_path="audio_requests/r1",
        user_id="u1",
        state=state,
        attempt=attempt,
    )


def test_one_task_however_often_the_event_comes(world: FunctionsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[tuple[str, str, dict[str, object]]] = []
    monkeypatch.setattr(
        world.services.queues(), "_create", lambda name, url, body, _, **__: tasks.append((name, url, body))
    )
    for _ in range(2):
        notifications.handle(world.services, event(State.SUCCEEDED))

    (name, url, body), again = tasks
    assert again[0] == name, "Cloud Tasks takes one of each name"
    assert "/queues/deliverWebhook/tasks/" in name
    assert url.endswith("/deliverWebhook")
    assert body == {"data": {"jobId": JOB}}


def test_without_a_webhook_nobody_is_called(functions: FunctionsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    functions.bring_to(State.FAILED)
    monkeypatch.setattr(functions.services.queues(), "_create", lambda *_, **__: pytest.fail("a task"))
    notifications.handle(functions.services, event(State.FAILED))
