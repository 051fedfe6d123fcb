"""The functions' services on real protocols: Firestore's emulator, our Cloud Tasks over gRPC, our RunPod over HTTP.
Only Pub/Sub is a double, at the edge: what is published is kept in a list."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Any

import httpx
from google.cloud import firestore, tasks_v2

from backend.services import Lazy, Services
from jobs.model import Job
from jobs.store import Store
from jobs.transition import Policy
from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.runpod import RunPodServer
from localcloud.state import State as CloudState
from localcloud.tasks import TasksServer
from tests.unit.loop_thread import LoopThread
from tests.unit.story_time import JOB, StoryTime
from tests.unit.test_config import ENVIRONMENT


class Topic:
    """Takes the place of pubsub_v1.PublisherClient."""

    def __init__(self) -> None:
        self.down = False
        self.messages: list[tuple[dict[str, Any], dict[str, str]]] = []

    def publish(self, topic: str, data: bytes, **attributes: str) -> Future[str]:
        sent: Future[str] = Future()
        if self.down:
            sent.set_exception(RuntimeError("Pub/Sub is away"))
        else:
            assert topic.endswith("/topics/voice-job-events")
            self.messages.append((json.loads(data), attributes))
            sent.set_result("1")
        return sent

    def told(self) -> list[str]:
        return [f"{message['state']}.{message['attempt']}" for message, _ in self.messages]


class FunctionsWorld(StoryTime):
    def __init__(self, database: firestore.Client, loop: LoopThread) -> None:
        super().__init__(database)
        self.loop, self.faults, self.topic = loop, Faults(), Topic()
        clock = Clock()
        self.runpod: RunPodServer = loop.call(
            lambda: RunPodServer(CloudState(), clock, self.faults, ENVIRONMENT["RUNPOD_API_KEY"])
        )
        self.tasks: TasksServer = loop.call(lambda: TasksServer(CloudState(), clock, self.faults, _no_token))
        loop.run(self.runpod.start())
        loop.run(self.tasks.start())
        self.environ = {
            **ENVIRONMENT,
            "GOOGLE_CLOUD_PROJECT": database.project,
            "RUNPOD_API_BASE": f"http://127.0.0.1:{self.runpod.port}/v2",
            "TASKS_ENDPOINT": f"http://127.0.0.1:{self.tasks.port}",
            "DISPATCH_URL": "http://127.0.0.1:9/dispatchJob",
        }
        self.services = Services(self.environ)
        self.services.firestore = Lazy(lambda: database)
        self.services.store = Lazy(lambda: Store(database, Policy(), clock=lambda: self.now))
        self.services.outbox()._publisher = self.topic
        self.store = self.services.store()

    def close(self) -> None:
        self.queues()._client.transport.close()
        self.loop.run(self.runpod.stop())
        self.loop.run(self.tasks.stop())

    def deploy_queues(self) -> None:
        """The dispatch queue, paused: what is enqueued stays to be looked at."""
        path = self.services.settings().queue_path("dispatchJob")
        self.loop.call(self.tasks.create_queue, tasks_v2.Queue(name=path))
        self.queues()._client.pause_queue(name=path)

    def queues(self) -> Any:
        return self.services.queues()

    def enqueued(self) -> list[dict[str, Any]]:
        """The bodies of the tasks that wait."""
        parent = self.services.settings().queue_path("dispatchJob")
        request = {"parent": parent, "response_view": tasks_v2.Task.View.FULL}
        return [
            json.loads(task.http_request.body)["data"] for task in self.queues()._client.list_tasks(request=request)
        ]

    def fault(self, spec: str) -> None:
        self.loop.call(self.faults.set, spec)

    def take_gpu_job(self) -> None:
        """A worker takes the GPU job that waits, and is never heard of again."""
        environment = self.runpod.worker_environment(ENVIRONMENT["TTS_CB_ENDPOINT_ID"], "worker-1")
        url = environment["RUNPOD_WEBHOOK_GET_JOB"].replace("$ID", "worker-1")
        assert httpx.get(url, timeout=30).status_code == 200

    def job(self) -> Job:
        return self.store.find(JOB)


def _no_token(account: str, audience: str) -> str:
    raise AssertionError(f"nobody asked for a token of {account} for {audience}")
