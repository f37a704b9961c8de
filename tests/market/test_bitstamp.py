"""Bitstamp's dialect, asked by ccxt's own class and by hand at its edges."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.market.server import Client, Server

HOUR = 3600
CLOCK = "2026-03-01T10:20:00Z"
OPEN_NOW = 1_772_359_200  # 2026-03-01T10:00Z
OHLC = "/bitstamp/api/v2/ohlc/btcusdt/"


def ohlc(server: Server, **query: object) -> Any:
    answer = server.get(OHLC, CLOCK, **{"step": HOUR, "limit": 1000, **query})
    return answer.raise_for_status().json()["data"]["ohlc"]


def opened(rows: list[dict[str, str]]) -> Any:
    return [int(row["timestamp"]) for row in rows]


def test_ccxt_loads_the_markets_and_finds_them_tradable(market: Server, client: Client) -> None:
    exchange = client(market, "bitstamp")
    markets = exchange.load_markets()
    assert set(markets) >= {"BTC/USDT", "ETH/USDT", "QQQ/USDT"}
    assert markets["BTC/USDT"]["active"]
    assert markets["BTC/USDT"]["spot"]
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01


def test_ccxt_reads_the_true_candles_since_an_hour(market: Server, client: Client) -> None:
    exchange = client(market, "bitstamp", CLOCK)
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=(OPEN_NOW - 5 * HOUR) * 1000, limit=4)
    truth = market.truth("BTC-USDT", "2026-03-01T05:00:00Z", "2026-03-01T09:00:00Z")
    assert rows == truth


def test_ccxt_pages_through_history_without_gap_or_overlap(market: Server, client: Client) -> None:
    exchange = client(market, "bitstamp", CLOCK)
    since, rows = (OPEN_NOW - 2500 * HOUR) * 1000, []
    while page := exchange.fetch_ohlcv("ETH/USDT", "1h", since=since, limit=1000):
        rows += page
        since = page[-1][0] + HOUR * 1000
    assert [row[0] // 1000 for row in rows] == list(range(OPEN_NOW - 2500 * HOUR, OPEN_NOW + HOUR, HOUR))


def test_rows_come_oldest_first_with_the_open_one_last(market: Server) -> None:
    assert opened(ohlc(market, limit=3)) == [OPEN_NOW - 2 * HOUR, OPEN_NOW - HOUR, OPEN_NOW]


def test_the_open_candle_can_be_left_out(market: Server) -> None:
    rows = ohlc(market, limit=3, exclude_current_candle="true")
    assert opened(rows) == [OPEN_NOW - 2 * HOUR, OPEN_NOW - HOUR]


def test_both_ends_are_inclusive(market: Server) -> None:
    start = OPEN_NOW - 10 * HOUR
    assert opened(ohlc(market, start=start, end=start)) == [start]
    assert opened(ohlc(market, start=start + 1, end=start + 2 * HOUR)) == [start + HOUR, start + 2 * HOUR]


def test_the_end_counts_before_the_start_when_a_page_cannot_hold_all(market: Server) -> None:
    start, end = OPEN_NOW - 10 * HOUR, OPEN_NOW - 5 * HOUR
    assert opened(ohlc(market, start=start, end=end, limit=2)) == [end - HOUR, end]
    assert opened(ohlc(market, start=start, limit=2)) == [start, start + HOUR]
    assert opened(ohlc(market, end=end, limit=2)) == [end - HOUR, end]


def test_the_future_is_empty(market: Server) -> None:
    assert ohlc(market, start=OPEN_NOW + HOUR, end=OPEN_NOW + 5 * HOUR) == []


def test_every_value_is_a_string_and_the_pair_is_named(market: Server) -> None:
    body = market.get(OHLC, CLOCK, step=HOUR, limit=1).json()["data"]
    assert body["pair"] == "BTC/USDT"
    assert set(body["ohlc"][0]) == {"timestamp", "open", "high", "low", "close", "volume"}
    assert all(isinstance(value, str) for value in body["ohlc"][0].values())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 10}, "step"),
        ({"step": 3600}, "limit"),
        ({"step": 3600, "limit": 1001}, "limit"),
        ({"step": 3600, "limit": 0}, "limit"),
        ({"step": 1234, "limit": 10}, "step"),
        ({"step": 60, "limit": 10}, "step"),
        ({"step": 3600, "limit": 10, "start": "x"}, "start"),
    ],
)
def test_a_wrong_request_names_the_field(market: Server, query: dict[str, Any], field: str) -> None:
    answer = market.get(OHLC, **query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_an_unknown_pair_is_a_page_not_found(market: Server, client: Client) -> None:
    assert market.get("/bitstamp/api/v2/ohlc/nopeusdt/", step=HOUR, limit=1).status_code == 404
    exchange = client(market, "bitstamp", CLOCK)
    exchange.load_markets()
    market.faults({"kind": "vanished", "symbols": ["BTC-USDT"]})
    with pytest.raises(ccxt.ExchangeNotAvailable, match="404"):
        exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1)


def test_a_ticker_sums_up_the_last_day(market: Server, client: Client) -> None:
    exchange = client(market, "bitstamp", CLOCK)
    ticker = exchange.fetch_ticker("BTC/USDT")
    assert ticker["last"] == exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1)[-1][4]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
