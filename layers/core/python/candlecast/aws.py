"""Clients of AWS services: made once per process, with timeouts and bounded retries.

Credentials, region and endpoint come from boto3's usual chain; locally the endpoint is in AWS_ENDPOINT_URL.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_PATIENCE = Config(
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=16,
    retries={"mode": "standard", "total_max_attempts": 4},
)


@cache
def client(service: str) -> Any:
    """The process's client of one service; safe to share between threads."""
    return boto3.client(service, config=_PATIENCE)
