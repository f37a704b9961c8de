"""AWS as moto plays it, in this process: an empty bucket, an empty forecast table. conftest.py files import these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from moto import mock_aws
from moto.core.models import MockAWS

from candlecast.forecast import Forecast
from candlecast.forecast_table import ForecastTable
from candlecast.lake import Lake
from candlecast.registry import Registry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

REGION: Final = "eu-central-1"
BUCKET, TABLE = "candlecast-test", "candlecast-test-forecasts"


class Cloud:
    """The clients of a test module. Making one is slow, emptying what it talks to is not."""

    def __init__(self, mock: MockAWS) -> None:
        self._mock = mock
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(service)
        return self._clients[service]

    def empty(self) -> None:
        self._mock.reset()


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch, mock_aws() as mock:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield Cloud(mock)


@pytest.fixture
def s3(cloud: Cloud) -> S3Client:
    cloud.empty()
    client: S3Client = cloud.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


@pytest.fixture
def lake(s3: S3Client) -> Lake:
    return Lake(s3, BUCKET, exchange="binance")


@pytest.fixture
def registry(s3: S3Client) -> Registry:
    return Registry(s3, BUCKET)


@pytest.fixture
def table(cloud: Cloud, s3: S3Client) -> ForecastTable:
    """Beside the bucket, which is emptied first."""
    client: DynamoDBClient = cloud.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "series", "KeyType": "HASH"},
            {"AttributeName": "target_hour", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "series", "AttributeType": "S"},
            {"AttributeName": "target_hour", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return ForecastTable(client, TABLE)


MakeForecast = Callable[..., Forecast]


@pytest.fixture
def make_forecast() -> MakeForecast:
    """Makes the forecast of a target hour; what a test cares about can be set by name."""

    def make(target_hour: datetime, **changes: object) -> Forecast:
        values: dict[str, object] = {
            "symbol": "BTC-USDT",
            "timeframe": "1h",
            "target_hour": target_hour,
            "origin": target_hour,
            "made_at": target_hour,
            "kind": "live",
            "model_version": "7",
            "reference_close": 64000.1,
            "predicted_return": 0.1 + 0.2,
            "predicted_delta": 1 / 3,
            "lower_return": -0.004,
            "upper_return": 0.005,
            "lower_delta": -256.0,
            "upper_delta": 320.0,
            "probability_up": 0.53,
            "coverage": 0.8,
        }
        return Forecast(**(values | changes))  # type: ignore[arg-type]  # a test may set any field

    return make
