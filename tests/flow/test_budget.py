"""The kill switch from the budget's message on: Pub/Sub, the deployed function, Cloud Tasks."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from google.cloud import tasks_v2

from backend.tasks import client_at
from tests.cloud import TestCloud, until


def test_a_spent_budget_pauses_the_dispatcher(cloud: TestCloud) -> None:
    client: Any = client_at(cloud.cloud.functions_environment()["TASKS_ENDPOINT"])
    queue = f"projects/{cloud.endpoints.project}/locations/us-central1/queues/dispatchJob"

    def is_paused() -> bool:
        return bool(client.get_queue(name=queue).state == tasks_v2.Queue.State.PAUSED)

    assert not is_paused()
    try:
        tell(cloud, b"what is no budget's message")
        tell(cloud, json.dumps({"costAmount": 10.5, "budgetAmount": 10, "currencyCode": "EUR"}).encode())
        until(is_paused, "the queue to be paused", 30)
    finally:
        client.resume_queue(name=queue)
        client.transport.close()


def tell(cloud: TestCloud, data: bytes) -> None:
    """A message on the budget's topic, as Cloud Billing publishes it."""
    url = f"http://{cloud.cloud.pubsub_address}/v1/projects/{cloud.endpoints.project}/topics/budget-alerts:publish"
    body = {"messages": [{"data": base64.b64encode(data).decode()}]}
    httpx.post(url, json=body).raise_for_status()
