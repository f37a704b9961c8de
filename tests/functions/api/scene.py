"""The API as API Gateway asks it, over a real table and bucket (moto), with a stand-in for the predict function."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from mangum import Mangum

from candlecast import hours, settings
from candlecast.forecast import Forecast
from candlecast.forecast_table import ForecastTable
from candlecast.registry import Registry
from lambdas.api.platform import Platform
from tests.functions.clients import Clients

NOW = datetime(2026, 11, 20, 15, 20, tzinfo=UTC)


def rest_event(path: str, query: str = "", *, method: str = "GET", now: datetime = NOW) -> dict[str, Any]:
    """What API Gateway's REST proxy sends for one request."""
    several = parse_qs(query, keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Host": "abc123.execute-api.eu-central-1.amazonaws.com", "X-Forwarded-Proto": "https"},
        "multiValueHeaders": {"Host": ["abc123.execute-api.eu-central-1.amazonaws.com"]},
        "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "stage": "v1",
            "path": f"/v1{path}",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


class Context:
    """Lambda's context, as far as it is read."""

    function_name = "candlecast-test-api"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:candlecast-test-api"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"


def answer_of(response: Mapping[str, Any]) -> Answer:
    """What the function returned to API Gateway."""
    assert not response["isBase64Encoded"]
    body = response["body"]
    return Answer(response["statusCode"], response["headers"], json.loads(body) if body else None, body)


class PredictStandIn:
    """The Lambda client's invoke: a predict function that makes (or fails to make) the forecast asked for."""

    def __init__(self, table: ForecastTable) -> None:
        self.table = table
        self.requests: list[dict[str, Any]] = []
        self.failure: str | None = None
        self.knows = True

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        """Answers one invocation."""
        request = json.loads(Payload)
        self.requests.append({"function": FunctionName, **request})
        if self.failure:
            document = json.dumps({"errorType": self.failure, "errorMessage": "told by the test"})
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(document.encode())}
        if self.knows:
            self.table.put(a_forecast(hours.parse(request["start"]), kind="backfill"))
        return {"Payload": io.BytesIO(json.dumps({"forecasts": int(self.knows)}).encode())}


@dataclass(frozen=True)
class World:
    """The API and everything behind it. *name* is that of its bucket and of its table."""

    name: str
    platform: Platform
    forecasts: ForecastTable
    registry: Registry
    clients: Clients
    predict: PredictStandIn
    application: Mangum

    def get(self, path: str, query: str = "", *, now: datetime = NOW, method: str = "GET") -> Answer:
        """Asks the API."""
        return answer_of(self.application(rest_event(path, query, method=method, now=now), Context()))  # type: ignore[arg-type]  # what is read of it

    def put_json(self, key: str, document: Any) -> None:
        """Writes a JSON object to the bucket."""
        self.clients("s3").put_object(Bucket=self.name, Key=key, Body=json.dumps(document))


def a_forecast(target: datetime, symbol: str = "BTC-USDT", **changes: Any) -> Forecast:
    """A forecast of a rise by 12.345678901234567 from 67 000."""
    values: dict[str, Any] = {
        "symbol": symbol,
        "timeframe": "1h",
        "target_hour": target,
        "origin": target,
        "made_at": target.replace(minute=1),
        "kind": "live",
        "model_version": "7",
        "reference_close": 67000.0,
        "predicted_return": 12.345678901234567 / 67000.0,
        "predicted_delta": 12.345678901234567,
        "lower_return": -0.005,
        "upper_return": 0.006,
        "lower_delta": -335.0,
        "upper_delta": 402.0,
        "probability_up": 0.53,
        "coverage": 0.8,
    }
    return Forecast(**values | changes)


def configured(**changes: Any) -> settings.Settings:
    """The project's settings, serving BTC-USDT and ETH-USDT."""
    root = Path(__file__).parents[3] / "settings.yaml"
    found = settings.resolve(settings.read(root), "local")
    return found.model_copy(update={"symbols": ("BTC-USDT", "ETH-USDT"), **changes})
