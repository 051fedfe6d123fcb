"""What the tests share: a real Firestore emulator a session, a database of its own for each test."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import firebase_admin
import pytest
from google.cloud import firestore

from localcloud.emulators.firestore import FirestoreEmulator
from tests.unit.functions_world import FunctionsWorld
from tests.unit.loop_thread import LoopThread
from tests.webhook_receiver import Receiver, receiving


@pytest.fixture(scope="module", autouse=True)
def _no_default_app() -> None:
    """firebase_admin has one a process. Who imports functions/main.py makes it, and others have their own to make."""
    with contextlib.suppress(ValueError):
        firebase_admin.delete_app(firebase_admin.get_app())


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    """Where the local cloud's services run, while tests call them from outside with blocking clients."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def firestore_emulator(loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirestoreEmulator]:
    """Google's emulator, one for each process of pytest. It takes any project, so nobody has to clear it."""
    emulator = FirestoreEmulator("demo-tests", run_dir=tmp_path_factory.mktemp("firestore"))
    loop.run(emulator.start(), timeout=90)
    yield emulator
    loop.run(emulator.stop())


@pytest.fixture
def database(firestore_emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    """An empty database, by the real client: every test has a project of its own."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
    client = firestore.Client(project=f"demo-{uuid.uuid4().hex[:12]}")
    yield client
    client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def functions(database: firestore.Client, loop: LoopThread) -> Iterator[FunctionsWorld]:
    """The functions' services with every queue deployed, and one user's story and voice."""
    world = FunctionsWorld(database, loop)
    world.deploy_queues()
    world.story()
    world.voice()
    yield world
    world.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
