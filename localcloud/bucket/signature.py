"""AWS Signature Version 4, verified by signing the request again.

A signature covers the method, the path, the query, the headers that it lists and (unless it says otherwise) a hash of
the body. So nothing of what it covers can be compared wrongly here: what arrives is signed with our secret, and either
the same signature comes out or it does not.

    PUT /bucket/key?X-Amz-Date=D&X-Amz-Expires=600&X-Amz-SignedHeaders=content-type%3Bhost&…
         D - 15 min          D                              D + 600 s
            │  not yet valid  │             valid            │  expired
            └─ accepted: a client's clock may run ahead ─────┘

Source: "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
"""

from __future__ import annotations

import datetime
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as BotocoreCredentials

from localcloud.bucket.operations import query_parameters
from localcloud.bucket.s3_errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_EXPIRY_SECONDS = 7 * 24 * 3600
CLOCK_SKEW_SECONDS = 15 * 60
PRESIGNED_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
REGIONS = frozenset({"auto", "us-east-1"})  # R2 takes the second for the first
_AUTHORIZATION = re.compile(
    rf"^{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})$"
)


@dataclass(frozen=True)
class Credentials:
    """What the code under test signs with."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"


@dataclass(frozen=True)
class SignedRequest:
    """A request as it arrived: path and query still percent-encoded, headers by lower-case name."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Claim:
    """What a request says about its signature."""

    access_key_id: str
    region: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    payload_hash: str
    expires: int | None  # seconds; None: header-signed

    @property
    def signed_at(self) -> float:
        try:
            return datetime.datetime.strptime(self.timestamp + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
        except ValueError as error:
            raise S3Error.access_denied("X-Amz-Date must be given as YYYYMMDDTHHMMSSZ.") from error


def verify(request: SignedRequest, credentials: Credentials, now: float) -> str | None:
    """The SHA-256 (hex) that the body must have, None if the signature leaves the body open.

    `now` is the Clock's time. Raises S3Error: AccessDenied (anonymous, expired, signed too little), InvalidAccessKeyId,
    SignatureDoesNotMatch, RequestTimeTooSkewed, AuthorizationQueryParametersError, NotImplemented.
    """
    claim = _read_claim(request)
    if claim.access_key_id != credentials.access_key_id:
        raise S3Error(403, "InvalidAccessKeyId", "The access key id is not one of this bucket's.")
    _check_time(claim, now)
    _check_coverage(claim, request)
    if not hmac.compare_digest(_expected_signature(claim, request, credentials), claim.signature):
        raise S3Error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your secret access "
            "key, and that method, path, query and signed headers are sent as they were signed.",
        )
    return None if claim.payload_hash == UNSIGNED_PAYLOAD else claim.payload_hash


def _read_claim(request: SignedRequest) -> _Claim:
    parameters = query_parameters(request.raw_query)
    if "authorization" in request.headers:
        if "X-Amz-Signature" in parameters:
            raise S3Error(400, "InvalidArgument", "Only one auth mechanism allowed: header or query, not both.")
        return _claim_of_header(request)
    if "X-Amz-Signature" in parameters:
        return _claim_of_query(request, parameters)
    raise S3Error.access_denied("The request is not signed; this bucket answers nobody anonymously.")


def _claim_of_header(request: SignedRequest) -> _Claim:
    match = _AUTHORIZATION.match(request.headers["authorization"].strip())
    if not match:
        raise S3Error(400, "AuthorizationHeaderMalformed", f"The Authorization header is not an {ALGORITHM} one.")
    payload_hash = request.headers.get("x-amz-content-sha256")
    if payload_hash is None:
        raise S3Error(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload_hash.startswith("STREAMING-"):
        raise S3Error.not_implemented(f"x-amz-content-sha256: {payload_hash}")
    return _claim(
        credential=match["credential"],
        timestamp=request.headers.get("x-amz-date", ""),
        signed_headers=match["headers"],
        signature=match["signature"],
        payload_hash=payload_hash,
        expires=None,
    )


def _claim_of_query(request: SignedRequest, parameters: Mapping[str, str]) -> _Claim:
    if request.method not in PRESIGNED_METHODS:
        raise S3Error.not_implemented(f"A presigned {request.method}")
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        raise _malformed_query(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    expires = parameters.get("X-Amz-Expires", "")
    if not (expires.isascii() and expires.isdigit() and 1 <= int(expires[:9]) <= MAX_EXPIRY_SECONDS):
        raise _malformed_query(f"X-Amz-Expires must be between 1 and {MAX_EXPIRY_SECONDS} seconds.")
    return _claim(
        credential=parameters.get("X-Amz-Credential", ""),
        timestamp=parameters.get("X-Amz-Date", ""),
        signed_headers=parameters.get("X-Amz-SignedHeaders", ""),
        signature=parameters["X-Amz-Signature"],
        payload_hash=UNSIGNED_PAYLOAD,
        expires=int(expires),
    )


def _claim(
    *, credential: str, timestamp: str, signed_headers: str, signature: str, payload_hash: str, expires: int | None
) -> _Claim:
    parts = credential.split("/")
    if len(parts) != 5 or parts[1] != timestamp[:8] or parts[3:] != ["s3", "aws4_request"] or parts[2] not in REGIONS:
        raise _malformed_query("The credential must read KEY/DATE/auto/s3/aws4_request, its date that of X-Amz-Date.")
    return _Claim(
        access_key_id=parts[0],
        region=parts[2],
        timestamp=timestamp,
        signed_headers=tuple(signed_headers.split(";")),
        signature=signature,
        payload_hash=payload_hash,
        expires=expires,
    )


def _malformed_query(message: str) -> S3Error:
    return S3Error(400, "AuthorizationQueryParametersError", message)


def _check_time(claim: _Claim, now: float) -> None:
    """A signed URL ages by the Clock. A header-signed request is made this moment by a process that lives in real time,
    which an advanced Clock must not lock out, so either time will do for that one."""
    signed_at = claim.signed_at
    if claim.expires is None:
        if min(abs(now - signed_at), abs(time.time() - signed_at)) > CLOCK_SKEW_SECONDS:
            raise S3Error(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
    elif now > signed_at + claim.expires:
        raise S3Error.access_denied("Request has expired")
    elif signed_at > max(now, time.time()) + CLOCK_SKEW_SECONDS:
        raise S3Error.access_denied("Request is not valid yet")


def _check_coverage(claim: _Claim, request: SignedRequest) -> None:
    """What could change the meaning of the request must be under the signature."""
    if "host" not in claim.signed_headers:
        raise S3Error.access_denied("The host header must be signed.")
    unsigned = sorted(
        name for name in request.headers if name.startswith("x-amz-") and name not in claim.signed_headers
    )
    if unsigned:
        raise S3Error.access_denied(f"There were headers present in the request which were not signed: {unsigned[0]}")


class _Recomputation(S3SigV4Auth):  # type: ignore[misc]  # botocore is untyped
    """Signs exactly the headers that the request lists, over the path and query in their one canonical encoding."""

    def __init__(self, claim: _Claim, request: SignedRequest, credentials: Credentials) -> None:
        signer = BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key)
        super().__init__(signer, "s3", claim.region)
        self._claim = claim
        self._received = request

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        del request
        headers = HTTPHeaders()
        for name in self._claim.signed_headers:
            headers[name] = self._received.headers.get(name, "")
        return headers

    def canonical_query_string(self, request: AWSRequest) -> str:
        del request
        pairs = sorted(
            (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
            for name, _, value in (part.partition("=") for part in self._received.raw_query.split("&") if part)
            if unquote(name) != "X-Amz-Signature"
        )
        return "&".join(f"{name}={value}" for name, value in pairs)


def _expected_signature(claim: _Claim, request: SignedRequest, credentials: Credentials) -> str:
    path = quote(unquote(request.raw_path, errors="surrogateescape"), safe="/-_.~", errors="surrogateescape")
    again = AWSRequest(method=request.method, url=f"http://recomputed{path}")
    again.context["timestamp"] = claim.timestamp
    again.headers["X-Amz-Content-SHA256"] = claim.payload_hash
    signer = _Recomputation(claim, request, credentials)
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))
