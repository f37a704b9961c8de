"""AWS as moto plays it, for a module's tests together: making clients is slow, so each test has a bucket of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.cloud import REGION

Clients = Callable[[str], Any]
numbers = count()


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Gives the client of a service."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        made: dict[str, Any] = {}
        yield lambda service: made.get(service) or made.setdefault(service, boto3.client(service))


@pytest.fixture
def name(clients: Clients) -> str:
    """A name for what a test makes, which is already that of an empty bucket."""
    name = f"candlecast-test-{next(numbers)}"
    clients("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
