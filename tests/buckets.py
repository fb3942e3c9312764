"""An S3 of our own on this machine, for whatever talks to object stores: moto's server, started once."""

import logging
import os
import uuid
from functools import cache

__all__ = ["new_bucket"]


@cache
def _server() -> str:
    """Start the server for the rest of this run, and return its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def new_bucket() -> tuple[str, str, str]:
    """Make an empty bucket; return its name, the server's address and the query that a URL of it needs."""
    import boto3

    address, name = _server(), f"b-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=name)
    return name, address, f"?endpoint={address}&max_retries=0"
