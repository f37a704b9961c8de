"""The DynamoDB table of forecasts: one item per series and target hour.

Key: series = "BTC-USDT#1h", target_hour = "2026-11-20T15:00:00Z". Numbers are exact: the shortest decimal that gives
the same float back. A live forecast is written once; settling adds what happened and rewrites nothing. A backfilled one
may be made again, and gives way to a live one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from candlecast import hours
from candlecast.errors import BadRequest
from candlecast.forecast import Forecast, Settlement

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RESOLUTION = timedelta(seconds=1)  # of the sort key
_to_dynamo, _from_dynamo = TypeSerializer(), TypeDeserializer()


@dataclass(frozen=True)
class Page:
    """Some forecasts of a longer answer, and where the next page begins."""

    forecasts: tuple[Forecast, ...]
    cursor: str | None
    """Hand it to the next call; None on the last page."""


class ForecastTable:
    """Reads and writes forecasts. Times are aware; keys are made of whole UTC hours."""

    def __init__(self, client: DynamoDBClient, name: str, timeframe: str = "1h") -> None:
        self._client, self._name, self._timeframe = client, name, timeframe

    def put(self, forecast: Forecast) -> bool:
        """Writes a forecast unless its hour has a live one, which stands for ever; whether it was written."""
        return self._accepted(
            self._client.put_item,
            Item=self._key(forecast.symbol, forecast.target_hour) | _attributes(forecast.record()),
            ConditionExpression="attribute_not_exists(target_hour) OR #kind = :backfill",
            ExpressionAttributeNames={"#kind": "kind"},
            ExpressionAttributeValues={":backfill": {"S": "backfill"}},
        )

    def settle(self, symbol: str, target_hour: datetime, settlement: Settlement) -> bool:
        """Adds what really happened to an hour's forecast; False where it was settled already, or never made."""
        outcome = _attributes(asdict(settlement))
        return self._accepted(
            self._client.update_item,
            Key=self._key(symbol, target_hour),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in outcome),
            ConditionExpression="attribute_exists(target_hour) AND attribute_not_exists(actual_return)",
            ExpressionAttributeValues={f":{name}": value for name, value in outcome.items()},
        )

    def get(self, symbol: str, target_hour: datetime) -> Forecast | None:
        """The forecast of one target hour."""
        item = self._client.get_item(TableName=self._name, Key=self._key(symbol, target_hour)).get("Item")
        return _forecast(item) if item else None

    def newest(self, symbol: str) -> Forecast | None:
        """The forecast of the latest target hour."""
        answer = self._client.query(
            TableName=self._name,
            KeyConditionExpression="series = :series",
            ExpressionAttributeValues={":series": {"S": self._series(symbol)}},
            ScanIndexForward=False,
            Limit=1,
        )
        return _forecast(answer["Items"][0]) if answer["Items"] else None

    def range(
        self,
        symbol: str,
        start: datetime,
        end: datetime,
        *,
        limit: int = 500,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page:
        """At most *limit* forecasts of the target hours [start, end), by hour.

        *cursor* is that of the page before. Raises BadRequest where it is no cursor of this range.
        """
        if end <= start:
            return Page((), None)
        request: dict[str, Any] = {}
        if cursor is not None:
            after = hours.parse(cursor)
            if not start <= after < end:
                raise BadRequest(f"cursor {cursor!r} lies outside of the range; use the one of the page before.")
            request["ExclusiveStartKey"] = self._key(symbol, after)
        answer = self._client.query(
            TableName=self._name,
            KeyConditionExpression="series = :series AND target_hour BETWEEN :start AND :last",
            ExpressionAttributeValues={
                ":series": {"S": self._series(symbol)},
                ":start": {"S": hours.text(start)},
                ":last": {"S": hours.text(end - _RESOLUTION)},
            },
            ScanIndexForward=not descending,
            Limit=limit,
            **request,
        )
        last = answer.get("LastEvaluatedKey")
        return Page(tuple(map(_forecast, answer["Items"])), last["target_hour"]["S"] if last else None)

    def _series(self, symbol: str) -> str:
        return f"{symbol}#{self._timeframe}"

    def _key(self, symbol: str, target_hour: datetime) -> dict[str, Any]:
        return {"series": {"S": self._series(symbol)}, "target_hour": {"S": hours.text(target_hour)}}

    def _accepted(self, operation: Any, **request: Any) -> bool:
        try:
            operation(TableName=self._name, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """A flat record as DynamoDB attributes; what is unknown has no attribute."""
    return {name: _to_dynamo.serialize(_stored(value)) for name, value in record.items() if value is not None}


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return hours.text(value)
    return Decimal(repr(float(value))) if isinstance(value, float) else value


def _forecast(item: Mapping[str, Any]) -> Forecast:
    return Forecast.from_record({name: _from_dynamo.deserialize(value) for name, value in item.items()})
