"""What can only be said once the Firebase CLI has made the functions: who may call them, and where messages go that
nobody takes.

    python infra/after_deploy.py PROJECT [REGION]         with the deployer's credentials, after `firebase deploy`

Saying it again changes nothing. Needs gcloud and nothing of ours but values.json, so that it runs where only gcloud is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

VALUES = Path(__file__).with_name("values.json")
TASKS_ACCOUNT = "storyvoice-tasks"
DEAD_LETTERS = "dead-letters"
DELIVERY_ATTEMPTS = 100  # Pub/Sub's most; with a backoff of up to ten minutes it is most of a day
Gcloud = Callable[[list[str]], str]


def callers(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(Cloud Run service, account that calls it). Callables and the API are public, and check for themselves."""
    account = {
        "taskQueueTrigger": TASKS_ACCOUNT,
        "eventTrigger": values["functionsAccount"],
        "scheduleTrigger": values["functionsAccount"],
    }
    for function in values["functions"].values():
        if function["trigger"] in account:
            yield function["service"], account[function["trigger"]]


def let_call(gcloud: Gcloud, project: str, region: str, values: dict[str, Any]) -> None:
    for service, account in callers(values):
        member = f"serviceAccount:{account}@{project}.iam.gserviceaccount.com"
        binding = ["--region", region, "--role", "roles/run.invoker", "--member", member]
        gcloud(["run", "services", "add-iam-policy-binding", service, *binding])


def keep_dead_letters(gcloud: Gcloud, project: str, region: str, values: dict[str, Any]) -> None:
    """Pub/Sub's own account takes a message out of a function's subscription when it moves it to the dead letters."""
    number = gcloud(["projects", "describe", project, "--format", "value(projectNumber)"]).strip()
    pubsub = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    dead_letters = f"projects/{project}/topics/{DEAD_LETTERS}"
    topics = {f"projects/{project}/topics/{topic}" for topic in values["topics"].values()}
    triggers = json.loads(gcloud(["eventarc", "triggers", "list", "--location", region, "--format", "json"]) or "[]")
    for transport in (trigger.get("transport", {}).get("pubsub", {}) for trigger in triggers):
        if transport.get("topic") not in topics:
            continue
        subscription = transport["subscription"]
        attempts = ["--max-delivery-attempts", str(DELIVERY_ATTEMPTS)]
        gcloud(["pubsub", "subscriptions", "update", subscription, "--dead-letter-topic", dead_letters, *attempts])
        role = ["--role", "roles/pubsub.subscriber", "--member", pubsub]
        gcloud(["pubsub", "subscriptions", "add-iam-policy-binding", subscription, *role])


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    values = json.loads(VALUES.read_text())
    project, region = sys.argv[1], (sys.argv[2:] or [values["region"]])[0]

    def gcloud(arguments: list[str]) -> str:
        command = ["gcloud", "--quiet", "--project", project, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    let_call(gcloud, project, region, values)
    keep_dead_letters(gcloud, project, region, values)


if __name__ == "__main__":
    main()
