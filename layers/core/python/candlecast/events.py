"""Events on the platform's bus: one class each, with the schema that producers and rules share.

An event's `time` is the instant it tells of (a replay sends past ones), never the wall clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from candlecast import hours
from candlecast.errors import BadEvent, NotDelivered

SOURCE = "candlecast"


class Event(BaseModel):
    """What every event carries. `hour` is the open time of the newest closed candle the event speaks of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    detail_type: ClassVar[str]

    schema_version: Literal[1] = 1
    symbol: str
    timeframe: str
    hour: AwareDatetime

    @classmethod
    def parse(cls, envelope: Mapping[str, Any]) -> tuple[Self, datetime]:
        """The event in an EventBridge envelope and its time, UTC. Raises BadEvent."""
        if envelope.get("detail-type") != cls.detail_type:
            raise BadEvent(f"expected a {cls.detail_type} event, got {envelope.get('detail-type')!r}.")
        try:
            event = cls.model_validate(envelope.get("detail"))
            return event, hours.parse(envelope["time"])
        except (ValidationError, KeyError) as error:
            raise BadEvent(f"malformed {cls.detail_type} event: {error}") from None


class CandlesStored(Event):
    """ingest: it is done with `hour`. Candles and features are stored, or no exchange has that candle yet."""

    detail_type = "CandlesStored"
    hours_stored: int
    source: str | None
    """The exchange that gave the candle of `hour`; None where that candle is missing."""


class ForecastMade(Event):
    """predict: the hour after `hour` has a forecast."""

    detail_type = "ForecastMade"
    target_hour: AwareDatetime
    model_version: str


class DriftDetected(Event):
    """drift: the rule says retrain."""

    detail_type = "DriftDetected"
    reason: str
    execution_arn: str | None = None


class ChampionPromoted(Event):
    """retraining: another model version serves from now on."""

    detail_type = "ChampionPromoted"
    version: str
    previous_version: str | None
    reason: str


class EventsClient(Protocol):
    """The part of boto3's EventBridge client that is used here."""

    def put_events(self, *, Entries: list[dict[str, Any]]) -> Any: ...  # noqa: N803 (boto3's name)


class Bus:
    """The platform's event bus."""

    def __init__(self, client: EventsClient, name: str) -> None:
        self._client, self._name = client, name

    def publish(self, event: Event, time: datetime) -> None:
        """Puts one event on the bus. Raises NotDelivered when EventBridge does not take it."""
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": event.detail_type,
                    "Time": time,
                    "Detail": json.dumps(event.model_dump(mode="json")),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise NotDelivered(f"{event.detail_type} was not taken by the bus: {answer['Entries'][0]}")
