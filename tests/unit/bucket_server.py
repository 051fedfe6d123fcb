"""A bucket on moto's S3 server, for tests of what is stored there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from gpu_job.storage import Bucket

KEYS = ("test", "secret-of-the-test")


@contextmanager
def served_bucket() -> Iterator[Bucket]:
    """An empty bucket, by our own client, over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint, name = f"http://{host}:{port}", f"bucket-{uuid.uuid4().hex[:8]}"
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
        )
        client.create_bucket(Bucket=name)
        yield Bucket(endpoint, name, *KEYS)
    finally:
        server.stop()
