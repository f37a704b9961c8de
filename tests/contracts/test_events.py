"""Events: what a producer publishes, a consumer parses back; anything else is refused by name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from candlecast.errors import BadEvent, NotDelivered
from candlecast.events import Bus, CandlesStored, ChampionPromoted, DriftDetected, Event, ForecastMade

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
TIME = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
SERIES: dict[str, Any] = {"symbol": "BTC-USDT", "timeframe": "1h", "hour": HOUR}

EVENTS = [
    CandlesStored(**SERIES, hours_stored=1, source="binance"),
    CandlesStored(**SERIES, hours_stored=0, source=None),
    ForecastMade(**SERIES, target_hour=TIME, model_version="7"),
    DriftDetected(**SERIES, reason="the error rose"),
    ChampionPromoted(**SERIES, version="8", previous_version="7", reason="better"),
]


class FakeEventBridge:
    """Keeps entries and hands them out as EventBridge would deliver them."""

    def __init__(self, failing: bool = False) -> None:
        self.entries: list[dict[str, Any]] = []
        self.failing = failing

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.entries += Entries
        return {"FailedEntryCount": int(self.failing), "Entries": [{"ErrorCode": "ThrottlingException"}]}

    def delivered(self) -> dict[str, Any]:
        entry = self.entries[-1]
        return {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "time": entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": json.loads(entry["Detail"]),
        }


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.detail_type)
def test_what_is_published_parses_back_with_the_events_own_time(event: Event) -> None:
    client = FakeEventBridge()
    Bus(client, "bus").publish(event, TIME)
    assert type(event).parse(client.delivered()) == (event, TIME)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.detail_type)
def test_every_event_names_symbol_timeframe_hour_and_schema_version(event: Event) -> None:
    detail = event.model_dump(mode="json")
    assert {k: detail[k] for k in ("schema_version", "symbol", "timeframe", "hour")} == {
        "schema_version": 1,
        "symbol": "BTC-USDT",
        "timeframe": "1h",
        "hour": "2026-11-20T14:00:00Z",
    }


def envelope(**changes: object) -> dict[str, Any]:
    detail = EVENTS[0].model_dump(mode="json") | changes.pop("detail", {})  # type: ignore[operator]  # a dict by use
    return {"detail-type": "CandlesStored", "time": "2026-11-20T15:01:00Z", "detail": detail, **changes}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        envelope(**{"detail-type": "Scheduled Event"}),
        envelope(detail={"schema_version": 2}),
        envelope(detail={"hour": "2026-11-20T14:00:00"}),
        envelope(detail={"colour": "red"}),
        envelope(detail={"symbol": None}),
        {"detail-type": "CandlesStored", "detail": EVENTS[0].model_dump(mode="json")},
        {"detail-type": "CandlesStored", "time": "2026-11-20T15:01:00Z"},
    ],
    ids=["empty", "other type", "other schema", "no zone", "unknown key", "no symbol", "no time", "no detail"],
)
def test_a_malformed_envelope_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="CandlesStored"):
        CandlesStored.parse(broken)


def test_an_event_the_bus_does_not_take_is_an_error_to_retry() -> None:
    with pytest.raises(NotDelivered, match="ThrottlingException"):
        Bus(FakeEventBridge(failing=True), "bus").publish(EVENTS[0], TIME)
