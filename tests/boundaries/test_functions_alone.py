"""functions/ is deployed alone: in an empty folder it imports, is discovered, and says what it must be given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

FUNCTIONS = Path(__file__).parents[2] / "functions"
REGION = "europe-west1"
DISCOVER = "from firebase_functions.private import serving as s; print(s.functions_as_yaml(s.get_functions()))"
SECRETS = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "RUNPOD_API_KEY"]
API_SECRETS = sorted([*SECRETS, "DAEZEND_API_SHARED_SECRET", "SECRET_KEY"])
WITH_API_SECRETS = {"api", "deliverWebhook"}  # the second signs what it delivers


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployed") / "functions"
    shutil.copytree(FUNCTIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def python(folder: Path, code: str, **environ: str) -> str:
    """What the code prints, run as the Firebase CLI runs it: in the folder, with nothing else on the path."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GCLOUD_PROJECT": "demo", **environ}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def manifest(alone: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(python(alone, DISCOVER, FUNCTIONS_REGION=REGION))
    return found


@pytest.fixture(scope="module")
def endpoints(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["endpoints"]
    return found


DOCUMENT_CREATED = "google.cloud.firestore.document.v1.created"
RUNTIME = {  # timeout, concurrency, instances at most
    "on_voice_profile_created": (120, 32, 20),
    "on_audio_request_created": (120, 32, 20),
    "dispatchJob": (60, 32, 20),
    "deliverWebhook": (60, 32, 5),
    "reconcile": (300, 1, 1),
    "on_job_event": (60, 32, 10),
    "on_budget_alert": (60, 1, 1),
    "createUpload": (30, 32, 20),
    "getAudioUrl": (30, 32, 20),
    "createVoiceProfile": (30, 32, 20),
    "requestStoryAudio": (30, 32, 20),
    "cancelRequest": (60, 32, 20),
    "deleteVoice": (120, 32, 20),
    "deleteAccount": (120, 32, 20),
    "api": (300, 32, 20),
}


def test_these_functions_and_no_others(endpoints: dict[str, Any]) -> None:
    assert {endpoint["entryPoint"] for endpoint in endpoints.values()} == set(RUNTIME)


@pytest.mark.parametrize("name", RUNTIME)
def test_what_each_runs_on(endpoints: dict[str, Any], name: str) -> None:
    (endpoint,) = [endpoint for endpoint in endpoints.values() if endpoint["entryPoint"] == name]
    timeout, concurrency, instances = RUNTIME[name]
    found = {key: endpoint[key] for key in ("platform", "region", "cpu", "availableMemoryMb")}
    memory = 1024 if name == "api" else 512
    assert found == {"platform": "gcfv2", "region": [REGION], "cpu": 1, "availableMemoryMb": memory}
    assert endpoint["timeoutSeconds"] == timeout
    assert endpoint["concurrency"] == concurrency
    assert endpoint["maxInstances"] == instances
    assert sorted(secret["key"] for secret in endpoint["secretEnvironmentVariables"]) == (
        API_SECRETS if name in WITH_API_SECRETS else SECRETS
    )


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("on_voice_profile_created", "voice_profiles/{voiceId}"),
        ("on_audio_request_created", "audio_requests/{requestId}"),
    ],
)
def test_document_triggers_are_retried(endpoints: dict[str, Any], name: str, document: str) -> None:
    (endpoint,) = [endpoint for endpoint in endpoints.values() if endpoint["entryPoint"] == name]
    trigger = endpoint["eventTrigger"]
    assert trigger["eventType"] == DOCUMENT_CREATED
    assert trigger["retry"] is True
    assert trigger["eventFilterPathPatterns"] == {"document": document}
    assert trigger["eventFilters"]["database"] == "(default)"


def test_the_other_triggers(endpoints: dict[str, Any]) -> None:
    by_name = {endpoint["entryPoint"]: endpoint for endpoint in endpoints.values()}
    topic = by_name["on_job_event"]["eventTrigger"]
    assert topic["eventType"] == "google.cloud.pubsub.topic.v1.messagePublished"
    assert topic["eventFilters"] == {"topic": "voice-job-events"}
    assert topic["retry"] is True
    assert by_name["reconcile"]["scheduleTrigger"]["schedule"] == "every 1 minutes"
    queue = by_name["dispatchJob"]["taskQueueTrigger"]
    assert queue["rateLimits"] == {"maxConcurrentDispatches": 100, "maxDispatchesPerSecond": 100}
    retry = {key: value for key, value in queue["retryConfig"].items() if value is not None}
    expected = {"maxAttempts": 20, "minBackoffSeconds": 2, "maxBackoffSeconds": 120, "maxDoublings": 5}
    assert retry == {**retry, **expected}
    webhooks = by_name["deliverWebhook"]["taskQueueTrigger"]["retryConfig"]
    assert (webhooks["minBackoffSeconds"], webhooks["maxBackoffSeconds"]) == (10, 3600)
    assert by_name["on_budget_alert"]["eventTrigger"]["eventFilters"] == {"topic": "budget-alerts"}
    others = {"on_job_event", "on_budget_alert", "reconcile", "dispatchJob", "deliverWebhook", "api"}
    others |= {"on_voice_profile_created", "on_audio_request_created"}
    assert by_name["api"]["httpsTrigger"]["invoker"] == ["public"]
    for callable_name in by_name.keys() - others:
        assert "callableTrigger" in by_name[callable_name]


def test_queue_names_are_ones_that_cloud_tasks_takes(endpoints: dict[str, Any]) -> None:
    """Letters, digits and hyphens; the CLI names a queue after its function."""
    for endpoint in endpoints.values():
        if "taskQueueTrigger" in endpoint:
            assert endpoint["entryPoint"].replace("-", "").isalnum()


def test_the_region_is_us_central_unless_it_is_set(alone: Path) -> None:
    found = yaml.safe_load(python(alone, DISCOVER))["endpoints"]
    assert {tuple(endpoint["region"]) for endpoint in found.values()} == {("us-central1",)}


def test_every_target_is_served_from_one_process(alone: Path) -> None:
    """The functions framework executes main.py once for each function that it serves."""
    code = (
        "import functions_framework\n"
        "names = ['createUpload', 'getAudioUrl', 'dispatchJob', 'reconcile']\n"
        "apps = {name: functions_framework.create_app(target=name, source='main.py') for name in names}\n"
        "print(len(apps))"
    )
    assert python(alone, code).strip().splitlines()[-1] == "4"


def test_the_framework_serves_with_as_many_threads_as_requests_are_sent(alone: Path) -> None:
    """By its own command, up to where gunicorn would begin."""
    code = (
        "from functions_framework._cli import _cli\n"
        "from functions_framework._http.gunicorn import GunicornApplication\n"
        "GunicornApplication.run = lambda server: print(server.cfg.threads)\n"
        "_cli(['--target', 'createUpload', '--source', 'main.py', '--port', '0'], standalone_mode=False)"
    )
    assert python(alone, code).split()[-1] == "32"


def test_main_may_be_imported_twice(alone: Path) -> None:
    code = "import main, importlib; importlib.reload(main); print('twice')"
    assert python(alone, code).strip() == "twice"
