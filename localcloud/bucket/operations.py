"""Which S3 operation a request is, and what R2 charges for it.

Sources: the S3 API reference for the shapes of requests; R2's "S3 API compatibility" for what it implements and its
pricing page for the classes (class A changes or lists, class B reads, deletes are free).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from localcloud.bucket.s3_errors import S3Error

CLASS_A = frozenset(
    {
        "ListBuckets", "ListObjects", "ListObjectsV2", "PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart",
        "UploadPartCopy", "CompleteMultipartUpload", "ListMultipartUploads", "ListParts",
    }
)  # fmt: skip
CLASS_B = frozenset({"HeadBucket", "HeadObject", "GetObject", "GetBucketLocation"})
MUTATIONS = frozenset(
    {
        "PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "CreateMultipartUpload", "UploadPart",
        "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload",
    }
)  # fmt: skip

# Query parameters that do not select another operation. Any other one does, and is looked up below or refused.
_PLAIN_PARAMETERS = frozenset(
    {
        "list-type", "prefix", "delimiter", "max-keys", "marker", "continuation-token", "start-after", "encoding-type",
        "fetch-owner", "x-id", "max-parts", "part-number-marker", "max-uploads", "key-marker", "upload-id-marker",
        "response-content-type", "response-content-language", "response-expires", "response-cache-control",
        "response-content-disposition", "response-content-encoding",
    }
)  # fmt: skip

# (method, level, sub-resources) → operation. Level: what the path names.
_OPERATIONS: dict[tuple[str, str, frozenset[str]], str] = {
    ("GET", "service", frozenset()): "ListBuckets",
    ("HEAD", "bucket", frozenset()): "HeadBucket",
    ("GET", "bucket", frozenset({"location"})): "GetBucketLocation",
    ("GET", "bucket", frozenset()): "ListObjects",
    ("GET", "bucket", frozenset({"uploads"})): "ListMultipartUploads",
    ("POST", "bucket", frozenset({"delete"})): "DeleteObjects",
    ("GET", "object", frozenset()): "GetObject",
    ("HEAD", "object", frozenset()): "HeadObject",
    ("PUT", "object", frozenset()): "PutObject",
    ("DELETE", "object", frozenset()): "DeleteObject",
    ("POST", "object", frozenset({"uploads"})): "CreateMultipartUpload",
    ("PUT", "object", frozenset({"partNumber", "uploadId"})): "UploadPart",
    ("POST", "object", frozenset({"uploadId"})): "CompleteMultipartUpload",
    ("DELETE", "object", frozenset({"uploadId"})): "AbortMultipartUpload",
    ("GET", "object", frozenset({"uploadId"})): "ListParts",
}


@dataclass(frozen=True)
class Operation:
    name: str
    bucket: str
    key: str


def split_path(raw_path: str) -> tuple[str, str]:
    """(bucket, key) of a path-style request, percent-decoded; either may be empty."""
    bucket, _, key = raw_path.removeprefix("/").partition("/")
    return unquote(bucket), unquote(key)


def query_parameters(raw_query: str) -> dict[str, str]:
    """The decoded parameters. `+` stands for itself, as S3 clients percent-encode spaces."""
    pairs = (part.partition("=") for part in raw_query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def classify(method: str, raw_path: str, raw_query: str, headers: Mapping[str, str]) -> Operation:
    """Which operation this is. S3Error 501 that names what it asks for, if the local bucket has no such operation."""
    bucket, key = split_path(raw_path)
    parameters = query_parameters(raw_query)
    selecting = frozenset(
        name for name in parameters if name not in _PLAIN_PARAMETERS and not name.lower().startswith("x-amz-")
    )
    if method == "POST" and headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise S3Error.not_implemented("POST-form upload (R2 has none: sign a PUT)")
    level = "object" if key else "bucket" if bucket else "service"
    name = _OPERATIONS.get((method, level, selecting))
    if name is None:
        wanted = f"?{'&'.join(sorted(selecting))}" if selecting else ""
        raise S3Error.not_implemented(f"{method} of an S3 {level}{wanted}")
    return Operation(_refined(name, parameters, headers), bucket, key)


def _refined(name: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if name == "ListObjects" and parameters.get("list-type") == "2":
        return "ListObjectsV2"
    if "x-amz-copy-source" in headers:
        return {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(name, name)
    return name
