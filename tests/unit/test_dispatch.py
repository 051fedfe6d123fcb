"""A task brings one attempt to the GPU: twice, late, refused, with lost answers."""

from __future__ import annotations

import pytest

from backend import notifications
from backend.dispatch import dispatch
from backend.gpu import BackendState
from jobs.errors import Unavailable
from jobs.model import State
from jobs.outbox import JobEvent
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB, REQUEST, USER, WORKER


def test_an_attempt_is_leased_submitted_and_remembered(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch(functions.services, JOB, 1)
    job = functions.job()
    assert job.state is State.DISPATCHED
    assert job.backend is not None
    assert job.backend.attempt == 1
    assert functions.services.gpu().state(job.backend, job.kind) is BackendState.WAITING


def test_a_task_that_comes_twice_submits_once(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    dispatch(functions.services, JOB, 1)
    before = functions.everything()
    dispatch(functions.services, JOB, 1)
    assert functions.everything() == before
    assert functions.runpod.depth() == 1


def test_a_task_after_a_crash_before_the_submission_submits(functions: FunctionsWorld) -> None:
    functions.bring_to(State.DISPATCHED)
    dispatch(functions.services, JOB, 1)
    assert functions.runpod.depth() == 1
    assert functions.job().backend is not None


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_late_task_does_nothing(functions: FunctionsWorld, state: State) -> None:
    functions.bring_to(state)
    before = functions.everything()
    dispatch(functions.services, JOB, 1)
    assert functions.everything() == before
    assert functions.runpod.depth() == 0


def test_tasks_of_other_attempts_and_of_nothing_do_nothing(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED, attempt=2)
    before = functions.everything()
    for job_id, attempt in ((JOB, 1), (JOB, 3), ("nothing", 1)):
        dispatch(functions.services, job_id, attempt)
    assert functions.everything() == before
    assert functions.runpod.depth() == 0


@pytest.mark.parametrize("fault", ["runpod.run:503 x1", "runpod.run:429 x1"])
def test_a_busy_gpu_is_asked_again(functions: FunctionsWorld, fault: str) -> None:
    functions.bring_to(State.QUEUED)
    functions.fault(fault)
    with pytest.raises(Unavailable):
        dispatch(functions.services, JOB, 1)
    assert functions.job().state is State.DISPATCHED
    dispatch(functions.services, JOB, 1)
    assert functions.runpod.depth() == 1


def test_a_lost_answer_submits_twice_and_one_worker_gets_in(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    functions.fault("runpod.run:reset x1")
    with pytest.raises(Unavailable):
        dispatch(functions.services, JOB, 1)
    functions.store.claim(JOB, 1, WORKER)
    dispatch(functions.services, JOB, 1)
    assert functions.runpod.depth() == 1, "the first is running: no second was made"


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_fails_the_job_gives_everything_back_and_tells(functions: FunctionsWorld, status: int) -> None:
    functions.bring_to(State.QUEUED)
    functions.fault(f"runpod.run:{status}")
    dispatch(functions.services, JOB, 1)
    assert functions.job().state is State.FAILED
    request = functions.get(REQUEST)
    assert (request["status"], request["error"]["code"]) == ("failed", "failed_precondition")
    quota = functions.get(f"quotas/{USER}")
    assert (quota["characters"], quota["buckets"]["narrate"]["tokens"]) == (0, 5)
    assert functions.topic.told() == ["failed.1"]
    assert functions.job().unpublished == []


def test_an_event_that_cannot_be_sent_stays_in_the_outbox(functions: FunctionsWorld) -> None:
    functions.bring_to(State.QUEUED)
    functions.fault("runpod.run:401")
    functions.topic.down = True
    dispatch(functions.services, JOB, 1)
    assert functions.job().unpublished == ["failed.1"]


def test_the_event_of_a_retry_enqueues_the_next_attempt_not_before_its_time(functions: FunctionsWorld) -> None:
    functions.bring_to(State.RUNNING)
    job = functions.store.fail(JOB, 1, Unavailable("x"), WORKER)
    event = JobEvent.of(job, "queued.2")
    for _ in range(2):
        notifications.handle(functions.services, event)
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 2}]
    notifications.handle(functions.services, JobEvent.of(job, "queued.1"))
    notifications.handle(functions.services, JobEvent.of(job, "succeeded.2"))
    assert functions.enqueued() == [{"jobId": JOB, "attempt": 2}]
