"""The functions' services with a bucket behind the local cloud's own gate: what has to be deleted can be seen to go."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from firebase_admin import auth
from google.cloud import firestore
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from backend.services import Lazy
from backend.settings import Settings
from backend.storage import Eraser
from jobs.config import load
from localcloud.bucket.gate import BucketGate
from localcloud.bucket.owner import owner
from localcloud.bucket.signature import Credentials
from localcloud.clock import Clock
from tests.unit.functions_world import FunctionsWorld
from tests.unit.loop_thread import LoopThread
from tests.unit.test_config import ENVIRONMENT


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class ErasableWorld(FunctionsWorld):
    """`deleted_users`: whose sign-in was deleted. Firebase Auth itself takes part in tests/flow."""

    def __init__(self, database: firestore.Client, loop: LoopThread, moto: str) -> None:
        super().__init__(database, loop)
        self.deleted_users: list[str] = []
        self.bucket = f"stories-{uuid.uuid4().hex[:8]}"
        credentials = Credentials(ENVIRONMENT["R2_ACCESS_KEY_ID"], ENVIRONMENT["R2_SECRET_ACCESS_KEY"])
        self.gate: BucketGate = loop.call(lambda: BucketGate(moto, self.bucket, credentials, Clock(), self.faults))
        loop.run(self.gate.start())
        self.environ |= {"R2_ENDPOINT": self.gate.url, "R2_BUCKET": self.bucket}
        self.services.eraser = Lazy(lambda: Eraser(load(Settings, self.environ)))
        self.s3: Any = owner(self.gate.url, credentials)

    def close(self) -> None:
        self.s3.close()
        self.loop.run(self.gate.stop())
        super().close()

    def put(self, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"sound")

    def keys(self) -> set[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {each["Key"] for each in found}

    def ids(self, collection: str) -> set[str]:
        return {snapshot.id for snapshot in self.database.collection(collection).stream()}


@pytest.fixture
def world(
    database: firestore.Client, loop: LoopThread, moto: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ErasableWorld]:
    world = ErasableWorld(database, loop, moto)
    monkeypatch.setattr(auth, "delete_user", world.deleted_users.append)
    world.deploy_queues()
    world.story()
    world.voice()
    yield world
    world.close()
