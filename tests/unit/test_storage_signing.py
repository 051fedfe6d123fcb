"""URLs signed by botocore's signer alone are those that boto3 would sign, and the bucket takes them and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import pytest
from botocore.config import Config

from backend.settings import Settings
from backend.storage import Signer
from gpu_job.storage import Bucket
from jobs.config import load
from localcloud.bucket.s3_errors import S3Error
from localcloud.bucket.signature import Credentials, SignedRequest, verify
from tests.unit.test_config import ENVIRONMENT

KEY = "recordings/u1/v1/x.wav"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CREDENTIALS = Credentials(ENVIRONMENT["R2_ACCESS_KEY_ID"], ENVIRONMENT["R2_SECRET_ACCESS_KEY"])


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> Signer:
    """Signs at NOW; so does boto3."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None))
    return Signer(load(Settings, ENVIRONMENT))


@pytest.fixture
def s3() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=ENVIRONMENT["R2_ENDPOINT"],
        region_name="auto",
        aws_access_key_id=CREDENTIALS.access_key_id,
        aws_secret_access_key=CREDENTIALS.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def accepts(url: str, method: str, headers: dict[str, str], after: float = 0) -> None:
    """Raises S3Error as R2 would."""
    parts = urlsplit(url)
    sent = {"host": parts.netloc, **headers}
    request = SignedRequest(method, parts.path, parts.query, sent)
    verify(request, CREDENTIALS, now=NOW.timestamp() + after)


def test_a_get_is_what_boto3_signs(signer: Signer, s3: Any) -> None:
    url, _ = signer.get(KEY, seconds=600)
    theirs = s3.generate_presigned_url("get_object", Params={"Bucket": "stories", "Key": KEY}, ExpiresIn=600)
    assert urlsplit(url)[:3] == urlsplit(theirs)[:3]
    assert parse_qs(urlsplit(url).query) == parse_qs(urlsplit(theirs).query)


def test_an_upload_is_what_boto3_signs(signer: Signer, s3: Any) -> None:
    url, _ = signer.put(KEY, content_type="audio/wav", size_bytes=1234, seconds=600)
    parameters = {"Bucket": "stories", "Key": KEY, "ContentType": "audio/wav", "ContentLength": 1234}
    theirs = s3.generate_presigned_url("put_object", Params=parameters, ExpiresIn=600)
    assert parse_qs(urlsplit(url).query) == parse_qs(urlsplit(theirs).query)
    assert parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]


UPLOAD = {"content-type": "audio/wav", "content-length": "1234"}


def test_the_bucket_takes_exactly_what_was_signed(signer: Signer) -> None:
    url, expires = signer.put(KEY, content_type="audio/wav", size_bytes=1234, seconds=600)
    accepts(url, "PUT", UPLOAD)
    accepts(url, "PUT", UPLOAD, after=599)
    assert abs(expires - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)
    assert ENVIRONMENT["R2_SECRET_ACCESS_KEY"] not in url


@pytest.mark.parametrize(
    ("method", "headers", "after", "path"),
    [
        ("PUT", {**UPLOAD, "content-length": "2000000000"}, 0, KEY),
        ("PUT", {**UPLOAD, "content-type": "video/mp4"}, 0, KEY),
        ("PUT", {"content-type": "audio/wav"}, 0, KEY),
        ("PUT", UPLOAD, 601, KEY),
        ("GET", UPLOAD, 0, KEY),
        ("DELETE", UPLOAD, 0, KEY),
        ("PUT", UPLOAD, 0, "recordings/u2/v1/x.wav"),
    ],
)
def test_the_bucket_takes_nothing_else(
    signer: Signer, method: str, headers: dict[str, str], after: float, path: str
) -> None:
    url, _ = signer.put(KEY, content_type="audio/wav", size_bytes=1234, seconds=600)
    with pytest.raises(S3Error):
        accepts(url.replace(KEY, path), method, headers, after)


def test_a_get_is_for_this_key_only(signer: Signer) -> None:
    url, _ = signer.get("stories/u1/s1/j/1/audio.mp3", seconds=60)
    accepts(url, "GET", {})
    with pytest.raises(S3Error):
        accepts(url.replace("/u1/", "/u2/"), "GET", {})


def test_the_worker_signs_as_the_functions_do(signer: Signer) -> None:
    ours, _ = signer.get(KEY, seconds=600)
    bucket = Bucket(
        ENVIRONMENT["R2_ENDPOINT"], ENVIRONMENT["R2_BUCKET"], CREDENTIALS.access_key_id, CREDENTIALS.secret_access_key
    )
    theirs = bucket.signed_url(KEY, seconds=600)
    assert urlsplit(theirs)[:3] == urlsplit(ours)[:3]
    assert parse_qs(urlsplit(theirs).query) == parse_qs(urlsplit(ours).query)
    accepts(theirs, "GET", {})
