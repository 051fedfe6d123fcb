"""The bucket, against moto's S3 server over HTTP, and against a server that misbehaves."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from gpu_job import storage
from gpu_job.storage import IMMUTABLE, Bucket
from jobs.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, StoryvoiceError, Unavailable

KEYS = ("test", "secret-of-the-test")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str) -> Bucket:
    name = f"voices-{uuid.uuid4().hex[:8]}"
    boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
    ).create_bucket(Bucket=name)
    return Bucket(endpoint, name, *KEYS)


def test_what_is_stored_comes_back(bucket: Bucket, tmp_path: Path) -> None:
    source, target = tmp_path / "audio.mp3", tmp_path / "fetched.mp3"
    source.write_bytes(bytes(range(256)) * 1_000)
    assert bucket.upload(source, "stories/u/s/j/audio.mp3", "audio/mpeg")
    assert bucket.download("stories/u/s/j/audio.mp3", target, max_bytes=256_000) == 256_000
    assert target.read_bytes() == source.read_bytes()
    assert bucket.get_bytes("stories/u/s/j/audio.mp3", max_bytes=256_000) == source.read_bytes()


def test_the_type_and_the_caching_are_stored_too(bucket: Bucket, endpoint: str) -> None:
    bucket.put_bytes(b"{}", "timings.json", "application/json")
    head = bucket._client.head_object(Bucket=bucket._name, Key="timings.json")
    assert (head["ContentType"], head["CacheControl"]) == ("application/json", IMMUTABLE)


def test_only_if_absent_does_not_overwrite(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "second"
    path.write_bytes(b"second")
    assert bucket.put_bytes(b"first", "k", "text/plain", only_if_absent=True) is True
    assert bucket.put_bytes(b"second", "k", "text/plain", only_if_absent=True) is False
    assert bucket.upload(path, "k", "text/plain", only_if_absent=True) is False
    assert bucket.get_bytes("k", max_bytes=10) == b"first"
    assert bucket.put_bytes(b"third", "k", "text/plain") is True
    assert bucket.get_bytes("k", max_bytes=10) == b"third"


def test_exists_and_delete(bucket: Bucket) -> None:
    assert not bucket.exists("k")
    bucket.put_bytes(b"", "k", "text/plain")
    assert bucket.exists("k")
    bucket.delete("k")
    bucket.delete("k")
    assert not bucket.exists("k")


def test_what_is_not_there_is_not_found(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        bucket.get_bytes("nothing", max_bytes=10)
    with pytest.raises(NotFound):
        bucket.download("nothing", tmp_path / "f", max_bytes=10)
    assert not (tmp_path / "f").exists()


def test_too_large_is_refused_and_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put_bytes(bytes(101), "k", "text/plain")
    with pytest.raises(InvalidArgument, match="larger than"):
        bucket.download("k", tmp_path / "f", max_bytes=100)
    with pytest.raises(InvalidArgument, match="larger than"):
        bucket.get_bytes("k", max_bytes=100)
    assert not (tmp_path / "f").exists()


def test_a_wrong_bucket_names_the_settings(endpoint: str) -> None:
    with pytest.raises(FailedPrecondition, match="R2_BUCKET"):
        Bucket(endpoint, "no-such-bucket", *KEYS).get_bytes("k", max_bytes=10)


def test_an_endpoint_that_is_none_names_the_settings() -> None:
    with pytest.raises(FailedPrecondition, match="R2_ENDPOINT"):
        Bucket("not a url", "b", *KEYS)


@contextmanager
def answering(status: int, code: str = "", *, body: bytes | None = None, stated: int | None = None) -> Iterator[Bucket]:
    """A bucket whose server always gives this answer. `stated` is the Content-Length where it is to be a lie."""
    xml = f"<Error><Code>{code}</Code><Message>secret words of the library</Message></Error>".encode()
    payload = xml if body is None else body

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload) if stated is None else stated))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(payload)
            self.close_connection = True

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Bucket(f"http://127.0.0.1:{server.server_port}", "b", *KEYS)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retries by botocore: their backoff is real time."""
    monkeypatch.setattr(storage, "_ATTEMPTS", 1)


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (500, "InternalError", Unavailable),
        (503, "SlowDown", Unavailable),
        (429, "TooManyRequests", Unavailable),
        (403, "SignatureDoesNotMatch", FailedPrecondition),
        (401, "Unauthorized", FailedPrecondition),
        (404, "NoSuchBucket", FailedPrecondition),
        (404, "NoSuchKey", NotFound),
        (400, "InvalidRequest", Internal),
    ],
)
def test_answers_are_classified(status: int, code: str, expected: type[StoryvoiceError]) -> None:
    with answering(status, code) as bucket:
        for call in (
            lambda: bucket.get_bytes("k", max_bytes=10),
            lambda: bucket.put_bytes(b"x", "k", "text/plain"),
        ):
            with pytest.raises(expected) as raised:
                call()
            assert "secret" not in raised.value.message
            assert "127.0.0.1" not in raised.value.message


@pytest.mark.usefixtures("once")
def test_a_server_that_sends_less_than_it_says_is_unavailable(tmp_path: Path) -> None:
    with answering(200, body=b"half", stated=8) as bucket, pytest.raises(Unavailable):
        bucket.download("k", tmp_path / "f", max_bytes=100)
    assert not (tmp_path / "f").exists()


@pytest.mark.usefixtures("once")
def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        bucket = Bucket(f"http://127.0.0.1:{taken.getsockname()[1]}", "b", *KEYS)
        with pytest.raises(Unavailable):
            bucket.put_bytes(b"x", "k", "text/plain")


@pytest.mark.usefixtures("once")
def test_a_server_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_READ_SECONDS", 0.1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        bucket = Bucket(f"http://127.0.0.1:{mute.getsockname()[1]}", "b", *KEYS)
        with pytest.raises(Unavailable):
            bucket.get_bytes("k", max_bytes=10)


def test_keys_are_found_by_their_prefix(bucket: Bucket) -> None:
    for name in ("a/1", "a/2", "b/1"):
        bucket.put_bytes(b"x", name, "text/plain")
    assert list(bucket.keys("a/")) == ["a/1", "a/2"]
    assert list(bucket.keys("c/")) == []
    with pytest.raises(FailedPrecondition):
        list(Bucket(bucket._client.meta.endpoint_url, "no-such-bucket", *KEYS).keys(""))
