from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud import cloud, s3
from tests.functions.ingest.world import World

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["cloud", "s3", "world"]


@pytest.fixture
def world(s3: S3Client) -> World:
    return World(s3)
