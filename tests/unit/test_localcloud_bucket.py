"""The bucket, through boto3 with the settings that production uses for R2, and through plain signed URLs."""

from __future__ import annotations

import datetime
import hashlib
import http.client
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import botocore.exceptions
import pytest
import requests
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Signer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.bucket.gate import BucketGate
from localcloud.bucket.moto_process import moto_server_argv
from localcloud.bucket.s3_errors import S3Error
from localcloud.bucket.signature import Credentials, SignedRequest, verify
from localcloud.bucket.upstream import UpstreamError
from localcloud.clock import Clock
from localcloud.faults import Faults
from tests.unit.loop_thread import LoopThread

KEY_ID, SECRET = "local-access-key", "local-secret-key"
CREDENTIALS = Credentials(KEY_ID, SECRET)
KEY = "recordings/user1/voice 1/ä.wav"


class Bucket:
    """A gate with a bucket of its own, and the means to disturb it."""

    def __init__(self, loop: LoopThread, upstream_url: str, name: str) -> None:
        self.loop = loop
        self.name = name
        self.clock = Clock()
        self.faults = Faults()
        self.gate = loop.call(self._make_gate, upstream_url)
        loop.run(self.gate.start())
        self.s3 = self.client()

    def _make_gate(self, upstream_url: str) -> BucketGate:
        return BucketGate(
            upstream_url, self.name, CREDENTIALS, self.clock, self.faults, public_prefixes=("stories/", "samples/")
        )

    def client(self, secret: str = SECRET, key_id: str = KEY_ID, **config: Any) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.gate.url,
            region_name="auto",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(
                **{
                    "request_checksum_calculation": "when_required",
                    "response_checksum_validation": "when_required",
                    "retries": {"max_attempts": 0},
                    "signature_version": "s3v4",
                    "read_timeout": 5,
                    **config,
                }
            ),
        )

    def put(self, key: str = KEY, body: bytes = b"sound", **more: Any) -> Any:
        return self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def get(self, key: str = KEY, **more: Any) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key, **more)["Body"].read()
        return body

    def url(self, key: str = KEY) -> str:
        return f"{self.gate.url}/{self.name}/{quote(key)}"

    def presign(self, operation: str, expires: int = 600, key: str = KEY, **parameters: Any) -> str:
        signed: str = self.s3.generate_presigned_url(
            operation, Params={"Bucket": self.name, "Key": key, **parameters}, ExpiresIn=expires
        )
        return signed

    def sign_upload(self, content_type: str, content_length: int, expires: int = 600) -> str:
        """As production does it: without a client, type and length under the signature."""
        request = AWSRequest(
            method="PUT",
            url=self.url(),
            headers={"content-type": content_type, "content-length": str(content_length)},
        )
        S3SigV4QueryAuth(Signer(KEY_ID, SECRET), "s3", "auto", expires).add_auth(request)
        return str(request.url)

    def fault(self, spec: str) -> None:
        self.loop.call(self.faults.set, spec)

    def advance(self, seconds: float) -> None:
        self.loop.call(self.clock.advance, seconds)

    def exists(self, key: str = KEY) -> bool:
        return key in [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])]


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(moto_server_argv(port), cwd="/", env={})
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def bucket(loop: LoopThread, upstream: str, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    name = "b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    bucket = Bucket(loop, upstream, name)
    yield bucket
    loop.run(bucket.gate.stop())


def code_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.text.partition("<Code>")[2].partition("</Code>")[0]


def refused(function: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        function(*args, **kwargs)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


# ---- through boto3


def test_objects_keep_their_bytes_type_and_metadata(bucket: Bucket) -> None:
    bucket.put(body=b"sound", ContentType="audio/wav", Metadata={"job-id": "j1"}, CacheControl="max-age=60")
    head = bucket.s3.head_object(Bucket=bucket.name, Key=KEY)
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == (
        "audio/wav",
        {"job-id": "j1"},
        "max-age=60",
    )
    assert head["ContentLength"] == 5
    assert bucket.get() == b"sound"
    bucket.s3.delete_object(Bucket=bucket.name, Key=KEY)
    assert refused(bucket.s3.head_object, Bucket=bucket.name, Key=KEY) == (404, "404")
    assert refused(bucket.get) == (404, "NoSuchKey")


def test_an_empty_object(bucket: Bucket) -> None:
    bucket.put(body=b"")
    assert bucket.get() == b""


def test_ranges(bucket: Bucket) -> None:
    bucket.put(body=bytes(range(100)))
    part = bucket.s3.get_object(Bucket=bucket.name, Key=KEY, Range="bytes=10-19")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["ContentRange"] == "bytes 10-19/100"
    assert part["Body"].read() == bytes(range(10, 20))


def test_multipart_copy_and_bulk_delete(bucket: Bucket) -> None:
    parts = [b"a" * (5 << 20), b"b" * 1000]
    upload = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key="big")["UploadId"]
    done = [
        {
            "PartNumber": number,
            "ETag": bucket.s3.upload_part(Bucket=bucket.name, Key="big", UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
        }
        for number, part in enumerate(parts, 1)
    ]
    bucket.s3.complete_multipart_upload(Bucket=bucket.name, Key="big", UploadId=upload, MultipartUpload={"Parts": done})
    bucket.s3.copy_object(Bucket=bucket.name, Key="copy", CopySource={"Bucket": bucket.name, "Key": "big"})
    assert bucket.get("copy") == b"".join(parts)
    bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": "big"}, {"Key": "copy"}]})
    assert not bucket.exists("big")
    assert bucket.gate.counts == {
        "CreateMultipartUpload": 1, "UploadPart": 2, "CompleteMultipartUpload": 1, "CopyObject": 1, "GetObject": 1,
        "DeleteObjects": 1, "ListObjectsV2": 1,
    }  # fmt: skip
    assert (bucket.gate.class_a, bucket.gate.class_b) == (6, 1)


def test_a_conditional_put_loses_to_what_is_there(bucket: Bucket) -> None:
    bucket.put(body=b"first", IfNoneMatch="*")
    assert refused(bucket.put, body=b"second", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert bucket.get() == b"first"


def test_of_many_conditional_puts_at_once_one_wins(bucket: Bucket) -> None:
    def attempt(number: int) -> bool:
        try:
            bucket.put(body=b"%d" % number * 1000, IfNoneMatch="*")
        except botocore.exceptions.ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_a_large_body_is_not_held_in_memory(bucket: Bucket, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"0123456789abcdef" * (50 << 16))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with large.open("rb") as file:
        bucket.put("large", file)  # type: ignore[arg-type]
    received = 0
    for chunk in bucket.s3.get_object(Bucket=bucket.name, Key="large")["Body"].iter_chunks(1 << 16):
        received += len(chunk)
    assert received == 50 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10  # KiB


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    # What HTTP and XML can carry: clients resolve `.` and `..`, moto takes no key that starts or ends with a slash.
    key=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40).filter(
        lambda key: not (key.startswith("/") or key.endswith("/") or {".", ".."} & set(key.split("/")))
    )
)
def test_any_key_signs_and_comes_back(bucket: Bucket, key: str) -> None:
    bucket.put(key, key.encode())
    assert bucket.get(key) == key.encode()
    assert requests.get(bucket.presign("get_object", key=key), timeout=5).content == key.encode()


# ---- signatures: header


def test_wrong_secret_and_wrong_key_id(bucket: Bucket) -> None:
    stranger = bucket.client(secret="another")
    assert refused(stranger.list_objects_v2, Bucket=bucket.name) == (403, "SignatureDoesNotMatch")
    stranger = bucket.client(key_id="another")
    assert refused(stranger.list_objects_v2, Bucket=bucket.name) == (403, "InvalidAccessKeyId")
    assert not bucket.gate.counts


def test_nobody_is_let_in_anonymously(bucket: Bucket) -> None:
    bucket.put()
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert requests.request(method, bucket.url(), timeout=5).status_code == 403
    assert code_of(requests.get(bucket.url(), timeout=5)) == (403, "AccessDenied")
    assert bucket.get() == b"sound"


def _header_signed_put(bucket: Bucket, signed: bytes) -> dict[str, str]:
    request = AWSRequest(method="PUT", url=bucket.url(), data=signed)
    S3SigV4Auth(Signer(KEY_ID, SECRET), "s3", "auto").add_auth(request)
    return dict(request.headers.items())


def test_a_body_other_than_the_signed_one_is_not_stored(bucket: Bucket) -> None:
    headers = _header_signed_put(bucket, b"signed")
    answer = requests.put(bucket.url(), data=b"forged", headers=headers, timeout=5)
    assert code_of(answer) == (400, "XAmzContentSHA256Mismatch")
    assert not bucket.exists()
    answer = requests.put(bucket.url(), data=b"", headers=headers, timeout=5)
    assert code_of(answer) == (400, "XAmzContentSHA256Mismatch")
    assert not bucket.exists()
    assert requests.put(bucket.url(), data=b"signed", headers=headers, timeout=5).status_code == 200


def test_a_damaged_body_is_not_stored(bucket: Bucket) -> None:
    assert refused(bucket.put, body=b"sound", ContentMD5="rL0Y20zC+Fzt72VPzMSk2A==") == (400, "BadDigest")
    assert refused(bucket.put, body=b"sound", ContentMD5="not base64") == (400, "InvalidDigest")
    assert not bucket.exists()


def test_an_upload_that_breaks_off_is_not_stored(bucket: Bucket) -> None:
    signed = bucket.sign_upload("audio/wav", 1000).removeprefix(bucket.gate.url)
    connection = http.client.HTTPConnection("127.0.0.1", bucket.gate.port)
    connection.putrequest("PUT", signed)
    connection.putheader("content-type", "audio/wav")
    connection.putheader("content-length", "1000")
    connection.endheaders(b"half of it")
    time.sleep(0.05)
    connection.close()
    assert not bucket.exists()


def test_what_is_not_signed_may_not_matter(bucket: Bucket) -> None:
    headers = _header_signed_put(bucket, b"x") | {"x-amz-meta-job-id": "forged"}
    assert code_of(requests.put(bucket.url(), data=b"x", headers=headers, timeout=5)) == (403, "AccessDenied")


def test_an_old_header_signature_is_refused(bucket: Bucket) -> None:
    def verified_at(now: float) -> None:
        verify(request, CREDENTIALS, now)

    signed = AWSRequest(method="GET", url="http://127.0.0.1:1/b/k")
    signer = S3SigV4Auth(Signer(KEY_ID, SECRET), "s3", "auto")
    signed.context["timestamp"] = "20240101T000000Z"
    signed.headers["X-Amz-Date"] = "20240101T000000Z"
    signed.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    signer._inject_signature_to_request(
        signed, signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
    )
    headers = {name.lower(): value for name, value in signed.headers.items()} | {"host": "127.0.0.1:1"}
    request = SignedRequest("GET", "/b/k", "", headers)
    then = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp()
    verified_at(then + 899)
    with pytest.raises(S3Error, match="too large"):
        verified_at(then + 901)


# ---- signatures: query


def test_presigned_by_boto3(bucket: Bucket) -> None:
    put = bucket.presign("put_object", ContentType="audio/wav")
    assert requests.put(put, data=b"sound", headers={"Content-Type": "audio/wav"}, timeout=5).status_code == 200
    answer = requests.get(bucket.presign("get_object"), headers={"Range": "bytes=1-2"}, timeout=5)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (206, b"ou", "audio/wav")
    assert requests.head(bucket.presign("head_object"), timeout=5).headers["Content-Length"] == "5"


def test_presigned_upload_binds_type_and_length(bucket: Bucket) -> None:
    url = bucket.sign_upload("audio/wav", 5)

    def put(body: bytes = b"sound", content_type: str = "audio/wav", url: str = url) -> tuple[int, str]:
        return code_of(requests.put(url, data=body, headers={"Content-Type": content_type}, timeout=5))

    wrong = (403, "SignatureDoesNotMatch")
    assert put(content_type="text/html") == wrong
    assert put(body=b"longer than signed") == wrong
    assert put(body=b"shor") == wrong
    assert put(url=url.replace("user1", "user2")) == wrong
    assert put(url=url + "&x-id=PutObject") == wrong
    assert put(url=url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000")) == wrong
    assert put(url=url.replace("content-type%3B", "")) == wrong
    assert code_of(requests.get(url, headers={"Content-Type": "audio/wav", "Content-Length": "5"}, timeout=5)) == wrong
    assert not bucket.exists()
    assert put() == (200, "")
    assert bucket.get() == b"sound"


def test_a_chunked_upload_cannot_evade_a_signed_length(bucket: Bucket) -> None:
    answer = requests.put(
        bucket.sign_upload("audio/wav", 5), data=iter([b"a" * 100]), headers={"Content-Type": "audio/wav"}, timeout=5
    )
    assert code_of(answer) == (403, "SignatureDoesNotMatch")
    answer = requests.put(bucket.presign("put_object"), data=iter([b"a" * 100]), timeout=5)
    assert code_of(answer) == (411, "MissingContentLength")


def test_a_signed_url_is_for_one_method(bucket: Bucket) -> None:
    bucket.put()
    get = bucket.presign("get_object")
    assert code_of(requests.delete(get, timeout=5)) == (403, "SignatureDoesNotMatch")
    assert code_of(requests.post(get, timeout=5))[0] == 501
    assert bucket.exists()


def test_signed_urls_expire_by_the_clock(bucket: Bucket) -> None:
    bucket.put()
    url = bucket.presign("get_object", expires=600)
    assert requests.get(url, timeout=5).status_code == 200
    bucket.advance(590)
    assert requests.get(url, timeout=5).status_code == 200
    bucket.advance(20)
    assert code_of(requests.get(url, timeout=5)) == (403, "AccessDenied")
    assert bucket.get() == b"sound"  # the servers, which live in real time, go on


@pytest.mark.parametrize("expires", [7 * 24 * 3600 + 1, 0])
def test_a_signed_url_lives_at_most_seven_days(bucket: Bucket, expires: int) -> None:
    assert code_of(requests.get(bucket.presign("get_object", expires=expires), timeout=5)) == (
        400,
        "AuthorizationQueryParametersError",
    )


@given(
    method=st.sampled_from(["GET", "PUT", "POST"]),
    path=st.text(max_size=20),
    query=st.dictionaries(
        st.sampled_from(["X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Credential", "X-Amz-Algorithm"]),
        st.one_of(st.text(max_size=20), st.sampled_from(["AWS4-HMAC-SHA256", "20240101T000000Z", "60"])),
    ),
    headers=st.dictionaries(
        st.sampled_from(["authorization", "x-amz-date", "x-amz-content-sha256", "host"]), st.text(max_size=60)
    ),
)
def test_nothing_wild_gets_in(method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
    raw_query = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    with pytest.raises(S3Error):
        verify(SignedRequest(method, "/" + quote(path), raw_query, headers), CREDENTIALS, time.time())


# ---- what R2 has not


def test_what_r2_refuses_is_refused_by_name(bucket: Bucket) -> None:
    form = requests.post(f"{bucket.gate.url}/{bucket.name}", files={"file": b"x"}, timeout=5)
    assert code_of(form) == (501, "NotImplemented")
    assert "POST-form" in form.text
    assert refused(bucket.s3.get_object_acl, Bucket=bucket.name, Key=KEY) == (501, "NotImplemented")
    assert refused(bucket.s3.create_bucket, Bucket="another") == (501, "NotImplemented")
    assert refused(bucket.s3.list_objects_v2, Bucket="another") == (404, "NoSuchBucket")
    # boto3 without the settings for R2 must fail here, as it does there.
    assert refused(bucket.client(request_checksum_calculation="when_supported").put_object,
                   Bucket=bucket.name, Key=KEY, Body=b"x") == (501, "NotImplemented")  # fmt: skip
    assert not bucket.exists()


def test_a_browser_may_use_signed_urls(bucket: Bucket) -> None:
    url = bucket.sign_upload("audio/wav", 5)
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT",
             "Access-Control-Request-Headers": "content-type"}  # fmt: skip
    preflight = requests.options(url, headers=asked, timeout=5)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"
    headers = {"Origin": "https://app.example", "Content-Type": "audio/wav"}
    for body, status in ((b"sound", 200), (b"longer", 403)):
        answer = requests.put(url, data=body, headers=headers, timeout=5)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "https://app.example")


def test_the_public_domain_shows_what_it_may(bucket: Bucket) -> None:
    bucket.put("stories/u/s/j/audio mix.mp3", b"story", ContentType="audio/mpeg")
    bucket.put("recordings/u/v/r.wav", b"secret")
    public = requests.get(f"{bucket.gate.public_url}/stories/u/s/j/audio%20mix.mp3", timeout=5)
    assert (public.content, public.headers["Content-Type"]) == (b"story", "audio/mpeg")
    for hidden in ("recordings/u/v/r.wav", "stories/../recordings/u/v/r.wav", "stories/none"):
        connection = http.client.HTTPConnection("127.0.0.1", bucket.gate.port)  # sends `..` as it is
        connection.request("GET", f"/public/{hidden}")
        assert connection.getresponse().status == 404
        connection.close()
    assert requests.delete(f"{bucket.gate.public_url}/stories/u/s/j/audio%20mix.mp3", timeout=5).status_code == 404


# ---- faults


def test_injected_errors_look_like_s3(bucket: Bucket) -> None:
    bucket.put()
    bucket.fault("r2.PutObject:500 x1, r2.GetObject:503 x1, r2.*:429 x1")
    assert refused(bucket.put, body=b"new") == (500, "InternalError")
    assert refused(bucket.get) == (503, "SlowDown")
    assert refused(bucket.s3.delete_object, Bucket=bucket.name, Key=KEY) == (429, "TooManyRequests")
    assert bucket.get() == b"sound"
    assert bucket.faults.counts["r2.PutObject:500"] == 1


def test_boto3_retries_past_an_injected_error(bucket: Bucket) -> None:
    bucket.fault("r2.PutObject:500 x1")
    bucket.client(retries={"max_attempts": 2, "mode": "standard"}).put_object(
        Bucket=bucket.name, Key=KEY, Body=b"sound"
    )
    assert bucket.get() == b"sound"


def test_a_reset_put_is_stored_though_nobody_hears_of_it(bucket: Bucket) -> None:
    bucket.fault("r2.PutObject:reset x1")
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        bucket.put(IfNoneMatch="*")
    assert bucket.get() == b"sound"
    assert refused(bucket.put, IfNoneMatch="*") == (412, "PreconditionFailed")


def test_a_reset_get_is_cut(bucket: Bucket) -> None:
    bucket.put()
    bucket.fault("r2.GetObject:reset x1")
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        bucket.get()
    assert bucket.get() == b"sound"


def test_hang_lasts_until_the_client_gives_up_and_delay_until_it_is_over(bucket: Bucket) -> None:
    bucket.fault("r2.HeadObject:hang x1, r2.PutObject:delay=3600 x1")
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        bucket.client(read_timeout=0.2).head_object(Bucket=bucket.name, Key=KEY)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(bucket.put)
        while not bucket.faults.counts["r2.PutObject:delay"]:
            time.sleep(0.01)
        assert not bucket.exists()
        bucket.advance(3600)
        late.result(5)
    assert bucket.exists()


# ---- keeping


def test_save_and_load(bucket: Bucket, loop: LoopThread, upstream: str, tmp_path: Path) -> None:
    strange = "stories/ü/../a b+c%20&d=\u2028.txt"
    bucket.put(
        "voices/1", b"\0" * 100_000, ContentType="audio/mpeg", Metadata={"job_id": "j1"}, CacheControl="no-store"
    )
    bucket.put(strange, b"", ContentType="text/plain")
    folder = tmp_path / "bucket"
    assert loop.run(bucket.gate.save(folder)) == 2
    bucket.s3.delete_object(Bucket=bucket.name, Key=strange)
    assert loop.run(bucket.gate.save(tmp_path / "less")) == 1
    other = Bucket(loop, upstream, bucket.name + "-2")
    assert loop.run(other.gate.load(folder)) == 2
    assert loop.run(other.gate.load(tmp_path / "absent")) == 0
    restored = other.s3.get_object(Bucket=other.name, Key="voices/1")
    assert (restored["ContentType"], restored["Metadata"], restored["CacheControl"]) == (
        "audio/mpeg",
        {"job_id": "j1"},
        "no-store",
    )
    assert restored["Body"].read() == b"\0" * 100_000
    assert other.get(strange) == b""
    assert loop.run(other.gate.save(folder)) == 2  # in place of what was there
    loop.run(other.gate.stop())


def test_a_missing_server_is_said_so(loop: LoopThread) -> None:
    async def start() -> None:
        await BucketGate("http://127.0.0.1:9", "b", CREDENTIALS, Clock(), Faults()).start(patience_seconds=0.1)

    with pytest.raises(UpstreamError, match="not ready"):
        loop.run(start())
