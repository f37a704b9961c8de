"""A world for the API's tests: moto's AWS, and the application over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mangum import Mangum

from candlecast.forecast_table import ForecastTable
from candlecast.gaps import GapStore
from candlecast.registry import Registry
from lambdas.api.app import create_app
from lambdas.api.platform import Platform
from lambdas.api.predict_function import PredictFunction
from tests.functions.api.scene import PredictStandIn, World, configured
from tests.functions.clients import Clients, clients, name

__all__ = ["clients", "name"]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop that Mangum runs on."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def make_world(clients: Clients, name: str, loop: asyncio.AbstractEventLoop) -> Callable[..., World]:
    """Makes the API with some settings changed, over an empty table and bucket."""

    def make(**changes: Any) -> World:
        keys = {"series": "HASH", "target_hour": "RANGE"}
        clients("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        table, registry = ForecastTable(clients("dynamodb"), name), Registry(clients("s3"), name)
        gaps = GapStore(clients("s3"), name)
        stand_in = PredictStandIn(table)
        predict = PredictFunction(stand_in, "candlecast-test-predict")  # type: ignore[arg-type]  # the one call made
        platform = Platform(configured(**changes), name, clients("s3"), table, registry, gaps, predict)
        texts = ["application/json", "application/problem+json"]
        application = Mangum(create_app(platform), "off", api_gateway_base_path="v1", text_mime_types=texts)
        return World(name, platform, table, registry, clients, stand_in, application)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The API over an empty table and bucket."""
    return make_world()
