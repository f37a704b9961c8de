"""Coinbase's dialect, asked by ccxt's own class and by hand at its edges."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.market.server import Client, Server

HOUR = 3600
CLOCK = "2026-03-01T10:20:00Z"
OPEN_NOW = 1_772_359_200  # 2026-03-01T10:00Z
CANDLES = "/coinbase/api/v3/brokerage/market/products/BTC-USDT/candles"


def candles(server: Server, start: Any, end: Any, **query: object) -> Any:
    answer = server.get(CANDLES, CLOCK, start=start, end=end, granularity="ONE_HOUR", **query)
    return answer.raise_for_status().json()["candles"]


def opened(rows: list[dict[str, str]]) -> Any:
    return [int(row["start"]) for row in rows]


def test_ccxt_loads_the_markets_and_finds_them_tradable(market: Server, client: Client) -> None:
    exchange = client(market, "coinbase")
    markets = exchange.load_markets()
    assert set(markets) >= {"BTC/USDT", "ETH/USDT", "QQQ/USDT"}
    assert markets["BTC/USDT"]["active"]
    assert markets["BTC/USDT"]["spot"]
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01
    assert {"BTC", "USDT"} <= set(exchange.currencies)


def test_ccxt_reads_the_true_candles_since_an_hour(market: Server, client: Client) -> None:
    exchange = client(market, "coinbase", CLOCK)
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=(OPEN_NOW - 5 * HOUR) * 1000, limit=4)
    truth = market.truth("BTC-USDT", "2026-03-01T05:00:00Z", "2026-03-01T09:00:00Z")
    assert rows == truth


def test_ccxt_pages_through_history_without_gap_or_overlap(market: Server, client: Client) -> None:
    exchange = client(market, "coinbase", CLOCK)
    since, rows = (OPEN_NOW - 800 * HOUR) * 1000, []
    while page := exchange.fetch_ohlcv("ETH/USDT", "1h", since=since, limit=300):
        rows += page
        since = page[-1][0] + HOUR * 1000
    assert [row[0] // 1000 for row in rows] == list(range(OPEN_NOW - 800 * HOUR, OPEN_NOW + HOUR, HOUR))


def test_ccxt_reads_until_an_hour_and_that_one_too(market: Server, client: Client) -> None:
    exchange = client(market, "coinbase", CLOCK)
    until = (OPEN_NOW - 7 * HOUR) * 1000
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=until - 2 * HOUR * 1000, params={"until": until})
    assert [row[0] for row in rows] == [until - 2 * HOUR * 1000, until - HOUR * 1000, until]


def test_candles_come_newest_first_with_the_open_one_at_the_top(market: Server) -> None:
    rows = candles(market, OPEN_NOW - 2 * HOUR, OPEN_NOW + 5 * HOUR)
    assert opened(rows) == [OPEN_NOW, OPEN_NOW - HOUR, OPEN_NOW - 2 * HOUR]


def test_both_ends_of_the_window_are_inclusive(market: Server) -> None:
    start = OPEN_NOW - 10 * HOUR
    assert opened(candles(market, start, start)) == [start]
    assert opened(candles(market, start, start + HOUR - 1)) == [start]
    assert opened(candles(market, start + 1, start + HOUR)) == [start + HOUR]
    assert candles(market, start + 1, start + 2) == []


def test_a_window_holds_350_candles_and_not_one_more(market: Server) -> None:
    assert len(candles(market, OPEN_NOW - 349 * HOUR, OPEN_NOW)) == 350
    wide = {"start": OPEN_NOW - 350 * HOUR, "end": OPEN_NOW, "granularity": "ONE_HOUR"}
    answer = market.get(CANDLES, CLOCK, **wide)
    assert answer.status_code == 400
    assert answer.json()["error"] == "INVALID_ARGUMENT"


def test_a_limit_keeps_the_newest_of_the_window(market: Server) -> None:
    rows = candles(market, OPEN_NOW - 9 * HOUR, OPEN_NOW - HOUR, limit=2)
    assert opened(rows) == [OPEN_NOW - HOUR, OPEN_NOW - 2 * HOUR]


def test_the_future_is_empty(market: Server) -> None:
    assert candles(market, OPEN_NOW + HOUR, OPEN_NOW + 9 * HOUR) == []


def test_every_value_is_a_string(market: Server) -> None:
    (row,) = candles(market, OPEN_NOW - HOUR, OPEN_NOW - HOUR)
    assert set(row) == {"start", "low", "high", "open", "close", "volume"}
    assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize(
    "query",
    [
        {"start": "1", "end": "2", "granularity": "TWO_HOURS"},
        {"start": "1", "end": "2"},
        {"end": "2", "granularity": "ONE_HOUR"},
        {"start": "yesterday", "end": "2", "granularity": "ONE_HOUR"},
        {"start": "1", "granularity": "ONE_HOUR"},
    ],
)
def test_a_wrong_request_is_an_invalid_argument(market: Server, query: dict[str, Any]) -> None:
    answer = market.get(CANDLES, **query)
    assert answer.status_code == 400
    assert answer.json()["error"] == "INVALID_ARGUMENT"


def test_an_unknown_product_is_not_found(market: Server, client: Client) -> None:
    answer = market.get("/coinbase/api/v3/brokerage/market/products/NOPE-USDT")
    assert answer.status_code == 404
    assert answer.json()["error"] == "NOT_FOUND"
    exchange = client(market, "coinbase", CLOCK)
    exchange.load_markets()
    market.faults({"kind": "vanished", "symbols": ["BTC-USDT"]})
    with pytest.raises(ccxt.ExchangeError, match="NOT_FOUND"):
        exchange.fetch_ohlcv("BTC/USDT", "1h", since=OPEN_NOW * 1000)
    assert "BTC/USDT" not in exchange.load_markets(reload=True)


def test_both_clocks_tell_the_time(market: Server, client: Client) -> None:
    exchange = client(market, "coinbase", CLOCK)
    assert exchange.fetch_time() == (OPEN_NOW + 20 * 60) * 1000
    assert exchange.fetch_time({"method": "v3PublicGetBrokerageTime"}) == (OPEN_NOW + 20 * 60) * 1000


def test_no_futures_are_listed(market: Server) -> None:
    answer = market.get("/coinbase/api/v3/brokerage/market/products", product_type="FUTURE").json()
    assert answer["products"] == []
