"""What ingest takes, and how it tells what it does not take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from candlecast.errors import BadEvent
from candlecast.settings import Settings
from lambdas.ingest.request import Request, Span
from tests.functions.ingest.world import local_settings

CLOCK = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
TIME = "2026-11-20T15:01:00Z"
SCHEDULED = {
    "version": "0",
    "id": "5e0f2b6c",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": TIME,
    "region": "eu-central-1",
    "resources": ["arn:aws:events:eu-central-1:123456789012:rule/candlecast-dev-ingest-0"],
    "detail": {},
}


def settings_of(*symbols: str, shard_size: int = 2) -> Settings:
    return local_settings().model_copy(update={"symbols": symbols, "shard_size": shard_size})


@pytest.mark.parametrize("event", [{"time": TIME, "shard": 0}, SCHEDULED, {"time": "2026-11-20T16:01:00+01:00"}])
def test_the_time_of_the_event_is_now(event: dict[str, Any]) -> None:
    request = Request.parse(event, CLOCK)

    assert request.now == CLOCK
    assert request.now.tzinfo == UTC
    assert request.span is None


def test_a_range_is_taken_in_utc() -> None:
    request = Request.parse({"time": TIME, "start": "2026-11-01T01:00:00+01:00", "end": "2026-11-02T00:00:00Z"}, CLOCK)

    assert request.span == Span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("event", "chosen"),
    [
        ({"time": TIME}, ("AA-USDT", "BB-USDT", "CC-USDT")),
        ({"time": TIME, "shard": 0}, ("AA-USDT", "BB-USDT")),
        ({"time": TIME, "shard": 1}, ("CC-USDT",)),
        ({"time": TIME, "symbols": ["CC-USDT", "AA-USDT", "CC-USDT"]}, ("CC-USDT", "AA-USDT")),
    ],
)
def test_a_shard_is_its_share_of_the_configured_symbols(event: dict[str, Any], chosen: tuple[str, ...]) -> None:
    assert Request.parse(event, CLOCK).chosen(settings_of("AA-USDT", "BB-USDT", "CC-USDT")) == chosen


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({}, "time: Field required"),
        ([], "valid dictionary"),
        ({"time": "yesterday"}, "time:"),
        ({"time": "2026-11-20T15:01:00"}, "timezone"),
        ({"time": TIME, "symbol": "BTC-USDT"}, "symbol: Extra inputs"),
        ({"time": TIME, "symbols": ["BTC/USDT"]}, "symbols.0"),
        ({"time": TIME, "symbols": []}, "symbols"),
        ({"time": TIME, "shard": -1}, "shard"),
        ({"time": TIME, "shard": 0, "symbols": ["BTC-USDT"]}, "not both"),
        ({"time": TIME, "retry": True}, "an hour of one symbol"),
        ({"time": TIME, "symbols": ["BTC-USDT", "ETH-USDT"], "retry": True}, "an hour of one symbol"),
        ({"time": TIME, "start": "2026-11-01T00:00:00Z"}, "a start and an end"),
        ({"time": TIME, "start": "2026-11-01T00:30:00Z", "end": "2026-11-02T00:00:00Z"}, "full hours"),
        ({"time": TIME, "start": "2026-11-02T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, "before its end"),
        ({"time": TIME, "start": "2026-11-21T00:00:00Z", "end": "2026-11-22T00:00:00Z"}, "in the past"),
        ({"time": "2026-11-20T15:10:00Z"}, "lies in the future"),
    ],
)
def test_a_malformed_event_is_refused_with_the_reason(event: Any, says: str) -> None:
    with pytest.raises(BadEvent, match=says):
        Request.parse(event, CLOCK)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"time": TIME, "symbols": ["BTC-USDT", "XX-USDT"]}, r"XX-USDT: not configured.*settings\.yaml"),
        ({"time": TIME, "shard": 7}, "shard 7 is empty: 1 symbols make 1 shards"),
    ],
)
def test_symbols_that_are_not_configured_are_refused(event: dict[str, Any], says: str) -> None:
    with pytest.raises(BadEvent, match=says):
        Request.parse(event, CLOCK).chosen(settings_of("BTC-USDT"))


def test_each_symbol_is_asked_for_alone_with_the_time_of_the_event() -> None:
    event = Request.parse({"time": "2026-11-20T16:01:00+01:00", "shard": 0}, CLOCK).alone("BTC-USDT")

    again = Request.parse(event, CLOCK)
    assert (again.now, again.symbols, again.retry, again.scheduled) == (CLOCK, ("BTC-USDT",), True, False)


def test_a_span_is_cut_where_months_begin() -> None:
    span = Span(datetime(2026, 10, 31, 22, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

    assert [(part.start, part.end) for part in span.by_month()] == [
        (span.start, datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 1, tzinfo=UTC), span.end),
    ]
