"""AWS as moto plays it, in this process: an empty bucket, an empty forecast table. conftest.py files import these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import boto3
import pytest
from moto import mock_aws

from candlecast.forecast import Forecast
from candlecast.forecast_table import ForecastTable
from candlecast.lake import Lake
from candlecast.registry import Registry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

REGION: Final = "eu-central-1"
BUCKET, TABLE = "candlecast-test", "candlecast-test-forecasts"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture
def s3(cloud: None) -> S3Client:
    client: S3Client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


@pytest.fixture
def lake(s3: S3Client) -> Lake:
    return Lake(s3, BUCKET, exchange="binance")


@pytest.fixture
def registry(s3: S3Client) -> Registry:
    return Registry(s3, BUCKET)


@pytest.fixture
def table(cloud: None) -> ForecastTable:
    client: DynamoDBClient = boto3.client("dynamodb")
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
