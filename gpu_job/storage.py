"""Objects in an S3-compatible bucket (Cloudflare R2) by boto3, with errors of ours.

    botocore says                                we raise
    404 on the object                            NotFound
    404 on the bucket, 401, 403                  FailedPrecondition, naming the settings to check
    429, 5xx, timeouts, broken connections       Unavailable, after botocore's own few tries
    anything else                                Internal

R2's checksums differ from AWS's: with boto3's default (always send and check them) uploads fail, hence `when_required`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as TransportError,
)

from jobs.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, StoryvoiceError, Unavailable

SETTINGS = "R2_ENDPOINT, R2_BUCKET, R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY"
IMMUTABLE = "public, max-age=31536000, immutable"  # a key holds its job's id: what lies there never changes

_BLOCK = 1 << 16
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0  # between bytes, not for the whole object
_ATTEMPTS = 3

log = logging.getLogger(__name__)


class Bucket:
    """One bucket; threads may share it. `endpoint`: https://ACCOUNT.r2.cloudflarestorage.com, or the local cloud's."""

    def __init__(
        self, endpoint: str, name: str, access_key_id: str, secret_access_key: str, region: str = "auto"
    ) -> None:
        self._name = name
        try:
            # A session of its own: boto3's default one is not thread-safe.
            self._client: Any = boto3.session.Session().client(
                "s3",
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id=access_key_id,
                aws_secret_access_key=secret_access_key,
                config=Config(
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                    s3={"addressing_style": "path"},
                    signature_version="s3v4",  # the only one that R2 knows
                ),
            )
        except ValueError as error:  # not a URL
            raise FailedPrecondition(f"The object storage cannot be addressed. Check {SETTINGS}.") from error

    def download(self, key: str, path: Path, *, max_bytes: int) -> int:
        """Write the object to `path` and return its size. Raises InvalidArgument where it is larger than `max_bytes`.

        The size is bounded while reading, whatever the server announced. On any error nothing is left at `path`.
        """
        try:
            with path.open("wb") as file:
                return self._read(key, file, max_bytes)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def get_bytes(self, key: str, *, max_bytes: int) -> bytes:
        """Raises InvalidArgument where the object is larger than `max_bytes`."""
        collected = bytearray()
        for block in self._blocks(key, max_bytes):
            collected += block
        return bytes(collected)

    def upload(
        self,
        path: Path,
        key: str,
        content_type: str,
        *,
        cache_control: str = IMMUTABLE,
        only_if_absent: bool = False,
    ) -> bool:
        """Store the file. False where `only_if_absent` and something lay there already, which is left as it was."""
        with path.open("rb") as body:
            return self._put(key, body, content_type, cache_control, only_if_absent)

    def put_bytes(
        self,
        data: bytes,
        key: str,
        content_type: str,
        *,
        cache_control: str = IMMUTABLE,
        only_if_absent: bool = False,
    ) -> bool:
        """As `upload`."""
        return self._put(key, data, content_type, cache_control, only_if_absent)

    def exists(self, key: str) -> bool:
        try:
            with _ours():
                self._client.head_object(Bucket=self._name, Key=key)
        except NotFound:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Of the objects whose keys begin so, a page of a thousand at a time."""
        with _ours():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
                yield from (found["Key"] for found in page.get("Contents", []))

    def signed_url(self, key: str, *, seconds: int) -> str:
        """A URL that anybody who has it may read the object by, for so long. Nothing is sent anywhere."""
        with _ours():
            url: str = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._name, "Key": key}, ExpiresIn=seconds
            )
        return url

    def delete(self, key: str) -> None:
        """Also where nothing lies there."""
        with _ours():
            self._client.delete_object(Bucket=self._name, Key=key)

    def _read(self, key: str, file: IO[bytes], max_bytes: int) -> int:
        size = 0
        for block in self._blocks(key, max_bytes):
            size += file.write(block)
        return size

    def _blocks(self, key: str, max_bytes: int) -> Iterator[bytes]:
        size = 0
        with _ours():
            response = self._client.get_object(Bucket=self._name, Key=key)
            with contextlib.closing(response["Body"]) as body:
                if response["ContentLength"] > max_bytes:
                    raise _too_big(max_bytes)
                for block in body.iter_chunks(_BLOCK):
                    size += len(block)
                    if size > max_bytes:
                        raise _too_big(max_bytes)
                    yield block

    def _put(
        self, key: str, body: IO[bytes] | bytes, content_type: str, cache_control: str, only_if_absent: bool
    ) -> bool:
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        try:
            with _ours():
                self._client.put_object(
                    Bucket=self._name,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    CacheControl=cache_control,
                    **condition,
                )
        except _ObjectExists:
            return False
        return True


class _ObjectExists(Exception):
    """412: If-None-Match found something."""


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    """Turn botocore's errors into ours; the cause stays attached, and only its kind is logged."""
    try:
        yield
    except ClientError as error:
        raise _from_response(error) from error
    except BotoCoreError as error:
        log.warning("object storage failed", extra={"kind": type(error).__name__})
        raise _from_transport(error) from error


def _from_response(error: ClientError) -> StoryvoiceError | _ObjectExists:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    log.info("object storage answered", extra={"httpStatus": status, "code": code})
    if status == 412:
        return _ObjectExists()
    if code == "NoSuchBucket" or status in {401, 403}:
        return FailedPrecondition(f"The object storage refuses us. Check {SETTINGS}.")
    if status == 404:
        return NotFound("The file does not exist, or no longer.")
    if status == 429 or status >= 500:
        return Unavailable("The object storage is not answering as it should. Try again later.")
    return Internal("The object storage did not accept a request of ours.")


def _from_transport(error: BotoCoreError) -> StoryvoiceError:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return FailedPrecondition(f"The object storage has no credentials. Check {SETTINGS}.")
    if isinstance(
        error, TransportError | HTTPClientError | IncompleteReadError
    ):  # timeouts, refused and broken connections, cut bodies
        return Unavailable("The object storage cannot be reached. Try again later.")
    return Internal("A request to the object storage could not be made.")


def _too_big(max_bytes: int) -> InvalidArgument:
    return InvalidArgument(f"The file is larger than {max_bytes / 1_000_000:g} MB.")
