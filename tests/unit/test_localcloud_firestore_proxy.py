"""The proxy between Google's own client and Google's own emulator."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1 import types

from localcloud.clock import Clock
from localcloud.emulators.firestore import FirestoreEmulator
from localcloud.faults import Faults
from localcloud.firestore_proxy import FirestoreProxy
from tests.unit.loop_thread import LoopThread

PROJECT = "proxy-test"
COMMIT = "/google.firestore.v1.Firestore/Commit"
RULES = """
rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /mine/{id} { allow read: if request.auth.uid == resource.data.userId; }
  }
}
"""


class PhoneClient(firestore.Client):
    """The client with a user's ID token in place of the `owner` that it says to emulators: rules are enforced."""

    def __init__(self, project: str, id_token: str) -> None:
        super().__init__(project=project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        self._id_token = id_token

    @property
    def _rpc_metadata(self) -> list[tuple[str, str]]:
        owner = super()._rpc_metadata
        return [pair for pair in owner if pair[0] != "authorization"] + [("authorization", f"Bearer {self._id_token}")]


class Firestore:
    """A client that speaks through a proxy of its own."""

    def __init__(self, loop: LoopThread, emulator: FirestoreEmulator) -> None:
        self.loop = loop
        self.clock = Clock()
        self.faults = Faults()
        self.proxy = FirestoreProxy(emulator.address, self.clock, self.faults)
        loop.run(self.proxy.start())
        os.environ["FIRESTORE_EMULATOR_HOST"] = self.proxy.host
        self.client: Any = firestore.Client(project=PROJECT)

    def reset(self) -> None:
        self.loop.call(self.proxy.reset_counts)

    def fault(self, spec: str) -> None:
        self.loop.call(self.faults.set, spec)

    @property
    def billed(self) -> tuple[int, int, int]:
        counts = self.proxy.counts
        return counts["document_reads"], counts["document_writes"], counts["document_deletes"]


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="module")
def emulator(loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirestoreEmulator]:
    folder: Path = tmp_path_factory.mktemp("firestore")
    rules = folder / "firestore.rules"
    rules.write_text(RULES)
    emulator = loop.call(lambda: FirestoreEmulator(PROJECT, run_dir=folder, rules=rules))
    loop.run(emulator.start())
    yield emulator
    loop.run(emulator.stop())


@pytest.fixture
def db(loop: LoopThread, emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firestore]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "")  # restored afterwards
    loop.run(emulator.clear())
    db = Firestore(loop, emulator)
    yield db
    db.client.close()
    loop.run(db.proxy.stop())


def eventually(condition: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def put(db: Firestore, number: int) -> None:
    batch = db.client.batch()
    for index in range(number):
        batch.set(db.client.document(f"stories/{index}"), {"index": index})
    batch.commit()
    db.reset()


def test_documents_are_counted_as_they_are_billed(db: Firestore) -> None:
    client = db.client
    batch = client.batch()
    for index in range(3):
        batch.set(client.document(f"stories/{index}"), {"index": index})
    batch.delete(client.document("stories/none"))
    batch.commit()
    assert db.billed == (0, 3, 1)
    assert db.proxy.counts["Commit.document_writes"] == 3
    db.reset()
    assert client.document("stories/1").get().to_dict() == {"index": 1}
    assert not client.document("stories/none").get().exists
    assert db.billed == (2, 0, 0)  # a document that is not there is read too
    assert db.proxy.counts["BatchGetDocuments"] == 2


def test_queries(db: Firestore) -> None:
    put(db, 5)
    stories = db.client.collection("stories")
    assert len(list(stories.where(filter=firestore.FieldFilter("index", ">", 2)).stream())) == 2
    assert db.proxy.counts["RunQuery.document_reads"] == 2
    assert list(stories.where(filter=firestore.FieldFilter("index", ">", 9)).stream()) == []
    assert db.proxy.counts["RunQuery.document_reads"] == 3  # an empty result costs one
    assert len(list(stories.order_by("index").offset(3).stream())) == 2
    assert db.proxy.counts["RunQuery.document_reads"] == 8  # what an offset skips is read
    assert stories.count().get()[0][0].value == 5
    assert db.proxy.counts["RunAggregationQuery.document_reads"] == 1


def test_transactions(db: Firestore) -> None:
    put(db, 1)
    story = db.client.document("stories/0")

    @firestore.transactional
    def increment(transaction: firestore.Transaction) -> int:
        value = int(story.get(transaction=transaction).get("index")) + 1
        transaction.update(story, {"index": value})
        return value

    assert increment(db.client.transaction()) == 1
    assert db.billed == (1, 1, 0)
    threads = [threading.Thread(target=lambda: increment(db.client.transaction(max_attempts=50))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert story.get().get("index") == 3
    assert db.proxy.counts["Commit.document_writes"] == 3  # those that were aborted wrote nothing


def test_a_listener(db: Firestore) -> None:
    seen: list[Any] = []
    story = db.client.document("stories/0")
    watch = story.on_snapshot(lambda documents, changes, when: seen.append([doc.to_dict() for doc in documents]))
    eventually(lambda: seen == [[]])
    story.set({"index": 1})
    eventually(lambda: seen[-1] == [{"index": 1}])
    story.update({"index": 2})
    eventually(lambda: seen[-1] == [{"index": 2}])
    assert db.proxy.counts["Listen.document_reads"] == 2
    watch.unsubscribe()


def test_a_phone_is_under_the_rules(db: Firestore) -> None:
    db.client.document("mine/a").set({"userId": "ann"})

    def phone(uid: str) -> PhoneClient:
        claims = {"sub": uid, "user_id": uid, "aud": PROJECT, "iss": f"https://securetoken.google.com/{PROJECT}",
                  "iat": int(time.time()), "exp": int(time.time()) + 3600}  # fmt: skip
        return PhoneClient(PROJECT, jwt.encode(claims, "", algorithm="none"))

    assert phone("ann").document("mine/a").get().exists
    with pytest.raises(exceptions.PermissionDenied):
        phone("bob").document("mine/a").get()
    with pytest.raises(exceptions.PermissionDenied):
        phone("ann").document("mine/b").create({"userId": "ann"})
    assert db.client.document("mine/a").get().exists


def test_errors_pass_with_code_and_words(db: Firestore) -> None:
    story = db.client.document("stories/0")
    story.create({})
    db.reset()
    with pytest.raises(exceptions.AlreadyExists, match="already exists"):
        story.create({})
    with pytest.raises(exceptions.NotFound):
        db.client.document("stories/none").update({"a": 1})
    assert db.billed == (0, 0, 0)


def test_a_large_batch_passes(db: Firestore) -> None:
    text = "x" * 900_000
    batch = db.client.batch()
    for index in range(4):  # the emulator itself takes no message above 4 MB
        batch.set(db.client.document(f"stories/{index}"), {"text": text})
    batch.commit()
    assert sum(len(doc.get("text")) for doc in db.client.collection("stories").stream()) == 4 * len(text)


# ---- faults, seen by plain gRPC: the client library would hide some of them by trying again


def commit(db: Firestore, timeout: float = 5.0) -> Any:
    database = f"projects/{PROJECT}/databases/(default)"
    request = types.CommitRequest(
        database=database, writes=[types.Write(update=types.Document(name=f"{database}/documents/stories/new"))]
    )
    with grpc.insecure_channel(db.proxy.host) as channel:
        call = channel.unary_unary(COMMIT, types.CommitRequest.serialize, types.CommitResponse.deserialize)
        return call(request, timeout=timeout, metadata=(("authorization", "Bearer owner"),))


def code_of(db: Firestore, timeout: float = 5.0) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        commit(db, timeout)
    code: grpc.StatusCode = caught.value.code()
    return code


def stored(db: Firestore) -> bool:
    return bool(db.client.document("stories/new").get().exists)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, grpc.StatusCode.ABORTED),
        (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (503, grpc.StatusCode.UNAVAILABLE),
        (504, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_injected_statuses(db: Firestore, status: int, code: grpc.StatusCode) -> None:
    db.fault(f"firestore.Commit:{status} x1")
    assert code_of(db) is code
    assert not stored(db)
    assert db.proxy.counts["Commit"] == 0
    assert commit(db).commit_time
    assert stored(db)


def test_a_reset_commit_is_applied_though_nobody_hears_of_it(db: Firestore) -> None:
    db.fault("firestore.Commit:reset x1")
    assert code_of(db) is grpc.StatusCode.UNAVAILABLE
    assert stored(db)
    assert db.proxy.counts["Commit.document_writes"] == 1


def test_a_dropped_commit_is_not_applied(db: Firestore) -> None:
    db.fault("firestore.Commit:drop x1, firestore.Commit:duplicate x1")
    assert code_of(db) is grpc.StatusCode.UNAVAILABLE
    assert code_of(db) is grpc.StatusCode.UNIMPLEMENTED
    assert not stored(db)


def test_a_hanging_call_ends_with_its_deadline(db: Firestore) -> None:
    db.fault("firestore.Commit:hang x1")
    assert code_of(db, timeout=0.2) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not stored(db)


def test_a_delayed_call_waits_for_the_clock(db: Firestore) -> None:
    db.fault("firestore.Commit:delay=3600 x1")
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(commit(db)))
    thread.start()
    eventually(lambda: db.faults.counts["firestore.Commit:delay"])
    assert not stored(db)
    db.loop.call(db.clock.advance, 3600)
    thread.join()
    assert answers
    assert stored(db)


def test_a_cut_listener_connects_again(db: Firestore) -> None:
    db.fault("firestore.Listen:reset x1")
    seen: list[Any] = []
    watch = db.client.document("stories/0").on_snapshot(lambda documents, changes, when: seen.append(documents))
    eventually(lambda: seen)
    assert db.faults.counts["firestore.Listen:reset"] == 1
    watch.unsubscribe()


def test_the_client_library_retries_a_contended_transaction(db: Firestore) -> None:
    db.fault("firestore.Commit:409 x2")

    @firestore.transactional
    def write(transaction: firestore.Transaction) -> None:
        transaction.set(db.client.document("stories/new"), {})

    write(db.client.transaction())
    assert stored(db)
    assert db.faults.counts["firestore.Commit:409"] == 2
