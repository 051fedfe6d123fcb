"""What got stuck is found and moved on: each kind of loss, and one that cannot be mended beside one that can."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend import dispatch
from backend.gpu import BackendState
from backend.reconcile import reconcile
from jobs.errors import Unavailable
from jobs.model import State
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB, REQUEST, RESULT, USER, WORKER

NOTHING = {"pending": 0, "cancelled": 0, "lapsed": 0, "unpublished": 0, "erasures": 0}


def round_of(world: FunctionsWorld) -> dict[str, int]:
    """One run at the world's time; only what was found."""
    return {kind: count for kind, count in reconcile(world.services).items() if count}


def test_nothing_to_do(functions: FunctionsWorld) -> None:
    functions.bring_to(State.SUCCEEDED)
    functions.services.outbox().announce(functions.job())
    before = functions.everything()
    functions.wait(86400)
    assert reconcile(functions.services) == NOTHING
    assert functions.everything() == before


def test_a_dropped_event_is_made_good_after_two_minutes(functions: FunctionsWorld) -> None:
    functions.request()
    functions.wait(120)
    assert round_of(functions) == {}
    functions.wait(1)
    assert round_of(functions) == {"pending": 1}
    assert functions.get(REQUEST)["status"] == "queued"
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 1}]
    assert round_of(functions) == {}


def test_a_job_whose_task_was_lost_is_dispatched_at_once(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    functions.wait(119)
    assert round_of(functions) == {}
    functions.wait(2)
    assert round_of(functions) == {"lapsed": 1}
    assert (functions.job().state, functions.job().attempt) == (State.DISPATCHED, 1)
    assert functions.runpod.depth() == 1
    assert round_of(functions) == {}


def test_a_job_whose_task_only_waits_is_left_to_it(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    functions.queues().enqueue(functions.job())
    functions.wait(121)
    assert round_of(functions) == {"lapsed": 1}
    assert functions.job().state is State.QUEUED
    assert functions.runpod.depth() == 0
    assert round_of(functions) == {}, "with another lease"


def test_a_dispatched_job_is_kept_while_the_gpu_has_it(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    functions.wait(181)
    assert round_of(functions) == {"lapsed": 1}
    job = functions.job()
    assert (job.state, job.attempt) == (State.DISPATCHED, 1)
    assert job.lease_expires_at is not None
    assert job.lease_expires_at > functions.now
    assert round_of(functions) == {}


def test_a_gpu_job_that_died_gets_another_attempt(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    backend = functions.job().backend
    assert backend is not None
    functions.services.gpu().cancel(backend, functions.job().kind)
    functions.wait(181)
    round_of(functions)
    assert (functions.job().state, functions.job().attempt) == (State.QUEUED, 2)
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 2}]
    assert functions.topic.told() == ["queued.2"]


def test_a_job_leased_and_never_submitted_is_submitted(functions: FunctionsWorld) -> None:
    functions.bring_to(State.DISPATCHED)
    functions.wait(181)
    round_of(functions)
    assert functions.job().attempt == 1, "it was nobody's fault"
    assert functions.job().backend is not None
    assert functions.runpod.depth() == 1


def test_a_gpu_service_that_stays_away_costs_an_attempt_an_hour(functions: FunctionsWorld) -> None:
    functions.bring_to(State.DISPATCHED)
    functions.fault("runpod.run:503")
    for _ in range(3):
        functions.wait(181)
        assert round_of(functions) == {"lapsed": 1}
        assert (functions.job().state, functions.job().attempt) == (State.DISPATCHED, 1)
    functions.wait(3600)
    round_of(functions)
    assert (functions.job().state, functions.job().attempt) == (State.QUEUED, 2)


def test_a_job_that_a_worker_took_and_never_claimed_gets_another_attempt(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    functions.take_gpu_job()
    functions.wait(181)
    round_of(functions)
    assert (functions.job().state, functions.job().attempt) == (State.DISPATCHED, 1), "just taken, perhaps"
    functions.wait(181)
    round_of(functions)
    assert (functions.job().state, functions.job().attempt) == (State.QUEUED, 2)


def test_a_silent_worker_loses_its_job_and_its_gpu(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    functions.store.claim(JOB, 1, WORKER)
    backend = functions.job().backend
    assert backend is not None
    functions.wait(61)
    assert round_of(functions)["lapsed"] == 1
    assert (functions.job().state, functions.job().attempt) == (State.QUEUED, 2)
    assert functions.services.gpu().state(backend, functions.job().kind) is BackendState.OVER


def test_a_job_that_is_never_finished_fails_at_the_limit(functions: FunctionsWorld) -> None:
    functions.bring_to(State.DISPATCHED)
    for attempt in range(1, 5):
        assert functions.job().attempt == attempt
        functions.wait(4000)
        round_of(functions)
        if attempt < 4:
            functions.store.lease(JOB, attempt + 1)
    assert functions.job().state is State.FAILED
    assert functions.get(REQUEST)["error"]["code"] == "deadline_exceeded"
    assert functions.get(f"quotas/{USER}")["characters"] == 0
    assert functions.topic.told() == ["queued.2", "queued.3", "queued.4", "failed.4"]


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_request_stops_the_job_and_the_gpu(functions: FunctionsWorld, *, running: bool) -> None:
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    if running:
        functions.store.claim(JOB, 1, WORKER)
    backend = functions.job().backend
    assert backend is not None
    functions.patch(REQUEST, status="cancelled")
    assert round_of(functions)["cancelled"] == 1
    assert functions.job().state is State.CANCELLED
    assert functions.services.gpu().state(backend, functions.job().kind) is BackendState.OVER
    assert functions.topic.told() == ["cancelled.1"]
    assert round_of(functions) == {}


def test_what_could_not_be_published_is_published(functions: FunctionsWorld) -> None:
    functions.bring_to(State.RUNNING)
    functions.topic.down = True
    functions.services.outbox().announce(functions.store.succeed(JOB, 1, WORKER, RESULT))
    assert round_of(functions) == {"unpublished": 1}
    assert functions.job().unpublished == ["succeeded.1"]
    functions.topic.down = False
    round_of(functions)
    assert round_of(functions) == {}
    ((message, attributes),) = functions.topic.messages
    assert message == {
        "jobId": JOB,
        "kind": "narrate",
        "requestPath": REQUEST,
        "userId": USER,
        "state": "succeeded",
        "attempt": 1,
    }
    assert attributes == {"jobId": JOB, "state": "succeeded"}


def test_one_that_cannot_be_mended_does_not_stop_the_others(functions: FunctionsWorld) -> None:
    """A job of another shape, an event of no state, and a GPU that is away; beside them a dropped event."""
    functions.bring_to(State.QUEUED)
    dispatch.dispatch(functions.services, JOB, 1)
    lapsed = functions.now - timedelta(days=1)
    functions.write("jobs/broken", {"state": "melted", "leaseExpiresAt": lapsed, "unpublished": ["x"]})
    functions.write("jobs/odd", {**functions.get(f"jobs/{JOB}"), "unpublished": ["melted.1"], "leaseExpiresAt": lapsed})
    functions.request("audio_requests/r2")
    functions.wait(181)
    functions.fault("runpod.status:500")
    round_of(functions)
    assert functions.get("audio_requests/r2")["status"] == "queued"
    assert functions.job().state is State.DISPATCHED, "nobody knows whether it is alive: it is left alone"
    functions.fault("")
    round_of(functions)
    assert functions.job().lease_expires_at is not None


def test_a_queue_that_is_away_stops_nothing_else(functions: FunctionsWorld) -> None:
    functions.bring_to(State.RUNNING)
    functions.topic.down = True
    functions.store.fail(JOB, 1, Unavailable("x"), WORKER)
    functions.request("audio_requests/r2")
    functions.wait(122)
    functions.topic.down = False
    functions.loop.run(functions.tasks.stop())
    assert round_of(functions) == {"pending": 1, "unpublished": 1}
    assert functions.topic.told() == ["queued.2"]
