"""A webhook is called when its job is over, signed as internal services sign, and once more if it is not taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from google.cloud import tasks_v2

from backend.tasks import client_at
from localcloud.cloud import REGION
from tests.api.service import Fields, Service, clone_body
from tests.cloud import Family, TestCloud, until
from tests.webhook_receiver import Receiver, Told


def check(cloud: TestCloud, told: Told) -> Fields:
    """As the seed's own example would; what is said."""
    path, headers, body = told
    timestamp = headers["x-daezend-timestamp"]
    message = f"POST\n{path}\n{timestamp}\n".encode() + body
    expected = hmac.new(cloud.cloud.shared_secret.encode(), message, hashlib.sha256).hexdigest()
    assert headers["x-daezend-signature"] == expected
    assert abs(time.time() - int(timestamp) / 1000) < 60
    assert headers["content-type"] == "application/json"
    said: Fields = json.loads(body)
    assert headers["x-idempotency-key"] == f"webhook-{said['job_id']}"
    return said


def test_the_end_of_a_job_is_told_once(
    cloud: TestCloud, of_family: Service, family: Family, receiver: Receiver
) -> None:
    body = {"voice_id": family.voice_id, "text": "Good night.", "webhook_url": receiver.url}
    asked = of_family.post("/api/tts/generate", body)["metadata"]

    said = check(cloud, receiver.told.get(timeout=120))

    assert said == {
        "event": "job.ready",
        "job_id": asked["job_id"],
        "kind": "narrate",
        "status": "ready",
        "user_id": family.user_id,
        "audio_id": asked["audio_id"],
        "error": None,
    }
    cloud.quiet()
    assert receiver.told.empty()


def test_a_failure_is_told_with_its_reason(cloud: TestCloud, service: Service, receiver: Receiver) -> None:
    """The recording is none."""
    asked = service.post("/api/voices/clone", clone_body(audio_data="bm90aGluZw==", webhook_url=receiver.url))[
        "metadata"
    ]

    said = check(cloud, receiver.told.get(timeout=120))

    assert (said["event"], said["voice_id"]) == ("job.failed", asked["voice_id"])
    assert said["error"]["code"] == "invalid_argument"
    assert said["error"] == service.get(f"/jobs/{asked['job_id']}")["error"]


def test_what_was_not_taken_is_told_again(
    cloud: TestCloud, of_family: Service, family: Family, receiver: Receiver
) -> None:
    """Cloud Tasks would wait for ten seconds; here it is told to go on."""
    receiver.answers = [503, 204]
    body = {"voice_id": family.voice_id, "text": "Good night.", "webhook_url": receiver.url}
    asked = of_family.post("/api/tts/generate", body)["metadata"]
    said = check(cloud, receiver.told.get(timeout=120))
    tasks: Any = client_at(cloud.cloud.functions_environment()["TASKS_ENDPOINT"])
    queue = tasks.queue_path(cloud.endpoints.project, REGION, "deliverWebhook")

    def failed_once() -> list[tasks_v2.Task]:
        return [task for task in tasks.list_tasks(parent=queue) if task.response_count == 1]

    until(failed_once, "Cloud Tasks to hear of it")
    (task,) = failed_once()
    until_then: Any = task.schedule_time - task.last_attempt.response_time
    assert until_then.total_seconds() == pytest.approx(10, abs=1)
    tasks.run_task(name=task.name)

    assert check(cloud, receiver.told.get(timeout=60)) == said
    assert said["job_id"] == asked["job_id"]
    until(lambda: not list(tasks.list_tasks(parent=queue)), "the task to be over")
    tasks.transport.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "http://example.com/hook",
        "https://169.254.169.254/computeMetadata/v1/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:word@example.com/",
        "https://example.com/#part",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "/hook",
        "",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_a_url_that_is_not_called(cloud: TestCloud, service: Service, url: str) -> None:
    answer = service.call("POST", "/synthesize", {"text": "Hello.", "webhook_url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert answer.json()["detail"].startswith("`webhook_url` must ")
    assert cloud.of_user("jobs", service.user_id) == {}
