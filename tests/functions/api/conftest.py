"""A world for the API's tests: moto's AWS, and the application over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from mangum import Mangum
from moto import mock_aws

from candlecast.forecast_table import ForecastTable
from candlecast.registry import Registry
from lambdas.api.app import create_app
from lambdas.api.platform import Platform
from lambdas.api.predict_function import PredictFunction
from tests.functions.api.scene import PredictStandIn, World, configured

numbers = count()


@pytest.fixture(scope="module", autouse=True)
def clients() -> Iterator[dict[str, Any]]:
    """AWS in this process, and nothing of the developer's own; a test has a bucket and a table to itself."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield {name: boto3.client(name) for name in ("s3", "dynamodb")}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop that Mangum runs on."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def make_world(clients: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Callable[..., World]:
    """Makes the API with some settings changed, over an empty table and bucket."""

    def make(**changes: Any) -> World:
        name = f"candlecast-test-{next(numbers)}"
        clients["s3"].create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        keys = {"series": "HASH", "target_hour": "RANGE"}
        clients["dynamodb"].create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        table, registry = ForecastTable(clients["dynamodb"], name), Registry(clients["s3"], name)
        stand_in = PredictStandIn(table)
        predict = PredictFunction(stand_in, "candlecast-test-predict")  # type: ignore[arg-type]  # the one call made
        platform = Platform(configured(**changes), name, clients["s3"], table, registry, predict)
        texts = ["application/json", "application/problem+json"]
        application = Mangum(create_app(platform), "off", api_gateway_base_path="v1", text_mime_types=texts)
        return World(name, platform, table, registry, clients, stand_in, application)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The API over an empty table and bucket."""
    return make_world()
