"""`./dev values`: writes infra/values.json, what Terraform has to know of the code.

The code is where these values are written: queues' rates and retries in the decorators of functions/main.py; topics,
names, prefixes and secrets where they are declared. Terraform and infra/after_deploy.sh read the file; a test keeps it
up to date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from firebase_functions.private.serving import functions_as_yaml

import main
from backend import settings
from backend.gpu import RUN_DEADLINE_SECONDS
from backend.params import SECRETS
from gpu_job.settings import Settings as WorkerSettings
from jobs import outbox
from jobs.config import describe

FILE = Path(__file__).parents[1] / "infra" / "values.json"
Fields = dict[str, Any]


def values() -> Fields:
    """The content of the file. Durations are in seconds."""
    endpoints: dict[str, Fields] = yaml.safe_load(functions_as_yaml(_functions()))["endpoints"]
    by_name = {each["entryPoint"]: each for each in endpoints.values()}
    secrets = {secret["key"] for each in by_name.values() for secret in each.get("secretEnvironmentVariables") or []}
    defaults = {each.name: each.default for each in describe(settings.Settings)}
    return {
        "region": settings.REGION,
        "functionsAccount": settings.FUNCTIONS_ACCOUNT.removesuffix("@"),
        "functions": {name: _function(name, each) for name, each in sorted(by_name.items())},
        "taskQueues": {
            name: _queue(each["taskQueueTrigger"]) for name, each in sorted(by_name.items()) if _is_queue(each)
        },
        "gpuQueue": {"name": defaults["GPU_HTTP_QUEUE"], "deadlineSeconds": RUN_DEADLINE_SECONDS},
        "gpuExecutionSeconds": defaults["RUNPOD_EXECUTION_SECONDS"],
        "topics": {"jobEvents": outbox.TOPIC, "budget": settings.BUDGET_TOPIC},
        "secrets": {
            "functions": sorted(secrets | {each.name for each in SECRETS}),
            # On RunPod the account's key stands in a secret of RunPod's own; Cloud Run brings its account along.
            "worker": sorted(each.name for each in describe(WorkerSettings) if each.secret and each.name.isupper()),
        },
    }


def text() -> str:
    return json.dumps(values(), indent=2) + "\n"


def _functions() -> dict[str, Any]:
    return {name: value for name, value in vars(main).items() if hasattr(value, "__firebase_endpoint__")}


def _function(name: str, endpoint: Fields) -> Fields:
    trigger = next(key for key, value in endpoint.items() if key.endswith("Trigger") and value is not None)
    # A function's Cloud Run service is named so by the Firebase CLI.
    return {"trigger": trigger, "service": name.lower().replace("_", "-"), "timeoutSeconds": endpoint["timeoutSeconds"]}


def _is_queue(endpoint: Fields) -> bool:
    return endpoint.get("taskQueueTrigger") is not None


def _queue(trigger: Fields) -> Fields:
    return {
        key: value
        for part in ("rateLimits", "retryConfig")
        for key, value in trigger[part].items()
        if value is not None
    }


if __name__ == "__main__":
    FILE.write_text(text())
