"""The local bucket as its owner has it: by boto3, with the keys that the functions and the worker have."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from localcloud.bucket.signature import Credentials


def owner(endpoint: str, credentials: Credentials) -> Any:
    """A boto3 client; threads may share it."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="auto",
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
    )
