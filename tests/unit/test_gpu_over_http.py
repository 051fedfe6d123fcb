"""The GPU service behind plain HTTP: a Cloud Tasks queue holds its jobs, over gRPC against our Cloud Tasks."""

from __future__ import annotations

import json

from google.cloud import tasks_v2

from backend.gpu import BackendState
from backend.services import Services
from jobs.model import Kind, State
from tests.unit.functions_world import FunctionsWorld
from tests.unit.story_time import JOB

URL = "https://gpu.example/run"
ACCOUNT = "tasks@example.iam.gserviceaccount.com"


def test_a_job_waits_in_a_queue_of_its_own_until_it_is_cancelled(functions: FunctionsWorld) -> None:
    settings = {"GPU_BACKEND": "http", "GPU_HTTP_URL": URL, "TASKS_SERVICE_ACCOUNT": ACCOUNT}
    services = Services({**functions.environ, **settings})
    queue = services.settings().queue_path("gpu-jobs")
    functions.loop.call(functions.tasks.create_queue, tasks_v2.Queue(name=queue))
    client = functions.queues()._client
    client.pause_queue(name=queue)
    functions.bring_to(State.DISPATCHED)
    job = functions.job()

    backend = services.gpu().submit(job)
    assert services.gpu().submit(job) == backend, "one attempt is one task"

    (task,) = client.list_tasks(request={"parent": queue, "response_view": tasks_v2.Task.View.FULL})
    assert (task.name, backend.name, backend.attempt) == (backend.id, "http", 1)
    assert json.loads(task.http_request.body) == {"input": {"job_id": JOB, "attempt": 1}}
    assert (task.http_request.url, task.http_request.oidc_token.audience) == (URL, URL)
    assert task.http_request.oidc_token.service_account_email == ACCOUNT
    assert task.dispatch_deadline.total_seconds() == 1800

    assert services.gpu().state(backend, Kind.NARRATE) is BackendState.WAITING
    services.gpu().cancel(backend, Kind.NARRATE)
    assert services.gpu().state(backend, Kind.NARRATE) is BackendState.OVER
    services.gpu().cancel(backend, Kind.NARRATE)  # over already
    services.queues()._client.transport.close()  # type: ignore[no-untyped-call]
