"""ccxt against the stand-in market, which speaks each exchange's own dialect and misbehaves when told to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from candlecast import candles, exchange, hours
from candlecast.errors import ExchangeRefused, ExchangeThrottled, ExchangeUnavailable
from candlecast.settings import ExchangeSettings
from tests.market.server import Server, started, stopped

SYMBOL = "BTC-USDT"
NOW = datetime(2026, 3, 20, 12, 30, tzinfo=UTC)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
DIALECTS: Any = ("binance", "bitstamp", "coinbase")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = started("--market", "simulated", "--seed", "7")
    yield server
    stopped(server)


@pytest.fixture
def market(running: Server) -> Iterator[Server]:
    running.reset()
    running.put("/_market/clock", {"now": hours.text(NOW)}).raise_for_status()
    yield running
    for clients in exchange._idle.values():
        for client in clients:
            client.session.close()
    exchange._idle.clear()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been slept between attempts; ccxt's own pacing, milliseconds, is left out."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) if seconds > 0.2 else None)
    return waited


def served(market: Server, dialect: Any, start: datetime, end: datetime, **given: float) -> pd.DataFrame:
    return exchange.fetch(dialect, SYMBOL, start, end, configured(market, **given)).candles


def configured(market: Server, timeout: float = 5, attempts: float = 3) -> ExchangeSettings:
    endpoints = {name: f"{market.url}/{name}" for name in DIALECTS}
    return ExchangeSettings.model_validate(
        {
            "order": DIALECTS,
            "endpoints": endpoints,
            "grace_seconds": 5,
            "timeout_seconds": timeout,
            "attempts": attempts,
        }
    )


def assert_is_the_truth(market: Server, table: pd.DataFrame, start: datetime, end: datetime) -> None:
    truth = market.truth(SYMBOL, hours.text(start), hours.text(end))
    assert list(table["open_time"]) == [pd.Timestamp(row[0], unit="ms", tz="UTC") for row in truth]
    assert table[list(candles.VALUES)].to_numpy().tolist() == [row[1:] for row in truth]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("count", [1, 299, 300, 301, 999, 1000, 1001, 2200])
def test_a_range_is_served_whole_whatever_the_exchange_calls_a_page(market: Server, dialect: str, count: int) -> None:
    start = NOON - count * hours.HOUR

    table = served(market, dialect, start, NOON)

    assert_is_the_truth(market, table, start, NOON)
    assert set(table["source"]) == {dialect}
    assert table.dtypes.equals(candles.empty().dtypes)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_hourly_fetch_is_one_request_without_a_list_of_markets(market: Server, dialect: str) -> None:
    market.delete("/_market/requests")

    served(market, dialect, NOON - hours.HOUR, NOON)

    counted = market.get("/_market/requests").json()
    assert sum(value for value in _numbers(counted)) == 1, counted


def _numbers(document: Any) -> Iterator[int]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _numbers(value)
    elif isinstance(document, int):
        yield document


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_candle_still_open_is_served_like_any_other_if_it_is_asked_for(market: Server, dialect: str) -> None:
    table = served(market, dialect, NOON - hours.HOUR, NOON + hours.HOUR)

    assert list(table["open_time"]) == [NOON - hours.HOUR, NOON]
    assert len(candles.closed(table, NOW, timedelta(seconds=5))) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hours_that_have_not_begun_are_no_error(market: Server, dialect: str) -> None:
    assert served(market, dialect, NOON + 5 * hours.HOUR, NOON + 9 * hours.HOUR).empty


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [500, 503])
def test_a_passing_fault_is_tried_again(market: Server, pauses: list[float], dialect: str, status: int) -> None:
    market.faults({"kind": "status", "status": status, "next": 2})
    start = NOON - 3 * hours.HOUR

    table = served(market, dialect, start, NOON)

    assert_is_the_truth(market, table, start, NOON)
    assert len(pauses) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"kind": "timeout", "seconds": 3}, {"kind": "status", "status": 500}]
)
def test_a_lasting_fault_is_told_as_unavailable(market: Server, pauses: list[float], dialect: str, fault: Any) -> None:
    market.faults(fault)

    with pytest.raises(ExchangeUnavailable, match="try again later"):
        served(market, dialect, NOON - hours.HOUR, NOON, timeout=0.3, attempts=2)

    assert len(pauses) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_retry_after_is_obeyed(market: Server, pauses: list[float], dialect: str) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": 7, "next": 1})

    table = served(market, dialect, NOON - hours.HOUR, NOON)

    assert len(table) == 1
    assert pauses == [7]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_exchange_that_asks_for_too_long_a_wait_is_left(market: Server, pauses: list[float], dialect: str) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": 3600})

    with pytest.raises(ExchangeThrottled):
        served(market, dialect, NOON - hours.HOUR, NOON)

    assert pauses == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 451}, {"kind": "status", "status": 403}, {"kind": "vanished"}]
)
def test_a_refusal_is_not_tried_again(market: Server, pauses: list[float], dialect: str, fault: Any) -> None:
    market.faults(fault)

    with pytest.raises(ExchangeRefused, match="put another exchange first"):
        served(market, dialect, NOON - hours.HOUR, NOON)

    assert pauses == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_page_that_ends_early_is_continued(market: Server, dialect: str) -> None:
    market.faults({"kind": "truncated", "rows": 3, "next": 2})
    start = NOON - 40 * hours.HOUR

    assert_is_the_truth(market, served(market, dialect, start, NOON), start, NOON)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["duplicated", "unordered"])
def test_rows_repeated_or_out_of_order_lose_no_hour(market: Server, dialect: str, kind: str) -> None:
    market.faults({"kind": kind})
    start = NOON - 700 * hours.HOUR

    fetched = served(market, dialect, start, NOON)

    valid, quarantined = candles.validate(fetched)
    assert quarantined.empty
    assert_is_the_truth(market, valid, start, NOON)
