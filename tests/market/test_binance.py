"""Binance's dialect, asked by ccxt's own class and by hand at its edges."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.market.server import Client, Server

HOUR = 3_600_000
CLOCK = "2026-03-01T10:20:00Z"
OPEN_NOW = 1_772_359_200_000  # 2026-03-01T10:00Z
KLINES = "/binance/api/v3/klines"


def klines(server: Server, **query: object) -> Any:
    answer = server.get(KLINES, CLOCK, symbol="BTCUSDT", interval="1h", **query)
    return answer.raise_for_status().json()


def opened(rows: list[list[float]]) -> Any:
    return [row[0] for row in rows]


def test_ccxt_loads_the_markets_and_finds_them_tradable(market: Server, client: Client) -> None:
    exchange = client(market, "binance")
    markets = exchange.load_markets()
    assert set(markets) >= {"BTC/USDT", "ETH/USDT", "QQQ/USDT"}
    assert markets["BTC/USDT"]["active"]
    assert markets["BTC/USDT"]["spot"]
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01


def test_ccxt_reads_the_true_candles_since_an_hour(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=OPEN_NOW - 5 * HOUR, limit=4)
    truth = market.truth("BTC-USDT", "2026-03-01T05:00:00Z", "2026-03-01T09:00:00Z")
    assert rows == truth


def test_ccxt_pages_through_history_without_gap_or_overlap(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    since, rows = OPEN_NOW - 2500 * HOUR, []
    while page := exchange.fetch_ohlcv("ETH/USDT", "1h", since=since, limit=1000):
        rows += page
        since = page[-1][0] + HOUR
    assert opened(rows) == list(range(OPEN_NOW - 2500 * HOUR, OPEN_NOW + HOUR, HOUR))


def test_ccxt_reads_until_an_hour_and_that_one_too(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    until = OPEN_NOW - 7 * HOUR
    rows = exchange.fetch_ohlcv("BTC/USDT", "1h", since=until - 2 * HOUR, params={"until": until})
    assert opened(rows) == [until - 2 * HOUR, until - HOUR, until]


def test_without_a_start_a_page_holds_the_newest_rows_oldest_first_with_the_open_one_last(market: Server) -> None:
    rows = klines(market, limit=3)
    assert opened(rows) == [OPEN_NOW - 2 * HOUR, OPEN_NOW - HOUR, OPEN_NOW]
    assert len(klines(market)) == 500


def test_with_only_an_end_the_newest_rows_up_to_it_are_served(market: Server) -> None:
    assert opened(klines(market, endTime=OPEN_NOW - 5 * HOUR, limit=2)) == [OPEN_NOW - 6 * HOUR, OPEN_NOW - 5 * HOUR]
    assert opened(klines(market, endTime=OPEN_NOW - 5 * HOUR - 1, limit=1)) == [OPEN_NOW - 6 * HOUR]


@pytest.mark.parametrize(("offset", "first"), [(0, 0), (1, HOUR), (-1, 0)])
def test_a_start_counts_from_its_own_millisecond_on(market: Server, offset: int, first: int) -> None:
    start = OPEN_NOW - 10 * HOUR
    assert klines(market, startTime=start + offset, limit=1)[0][0] == start + first


def test_start_and_end_leave_nothing_out_and_nothing_over(market: Server) -> None:
    start = OPEN_NOW - 10 * HOUR
    assert opened(klines(market, startTime=start, endTime=start)) == [start]
    assert opened(klines(market, startTime=start, endTime=start + 2 * HOUR - 1)) == [start, start + HOUR]
    assert klines(market, startTime=start + HOUR, endTime=start) == []


def test_the_largest_page_has_a_thousand_rows(market: Server) -> None:
    assert len(klines(market, limit=1000)) == 1000
    assert len(klines(market, limit=5000)) == 1000


def test_the_future_is_empty(market: Server) -> None:
    assert klines(market, startTime=OPEN_NOW + HOUR) == []
    assert opened(klines(market, startTime=OPEN_NOW, endTime=OPEN_NOW + 99 * HOUR)) == [OPEN_NOW]


def test_a_row_has_the_twelve_fields_of_the_real_one(market: Server) -> None:
    row = klines(market, startTime=OPEN_NOW - HOUR, limit=1)[0]
    assert len(row) == 12
    assert row[6] == row[0] + HOUR - 1
    assert all(isinstance(row[field], str) and len(row[field].partition(".")[2]) == 8 for field in (1, 2, 3, 4, 5, 7))
    assert isinstance(row[8], int)
    assert float(row[9]) <= float(row[5])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOPEUSDT", "interval": "1h"}, -1121),
        ({"symbol": "btc/usdt", "interval": "1h"}, -1100),
        ({"interval": "1h"}, -1102),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "7h"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1h", "startTime": "-1"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "endTime": "2026-03-01"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "interval": "1h", "since": 1}, -1104),
    ],
)
def test_a_wrong_request_is_refused_in_binance_codes(market: Server, query: dict[str, Any], code: int) -> None:
    answer = market.get(KLINES, **query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_ccxt_calls_an_unknown_symbol_by_its_name(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    exchange.load_markets()
    market.faults({"kind": "vanished", "symbols": ["BTC-USDT"]})
    with pytest.raises(ccxt.BadSymbol):
        exchange.fetch_ohlcv("BTC/USDT", "1h")
    assert "BTC/USDT" not in exchange.load_markets(reload=True)
    with pytest.raises(ccxt.BadSymbol):
        exchange.fetch_ohlcv("BTC/USDT", "1h")


def test_time_ping_and_prices(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    assert exchange.fetch_time() == OPEN_NOW + 20 * 60_000
    assert market.get("/binance/api/v3/ping").json() == {}
    prices = exchange.fetch_last_prices(["BTC/USDT"])
    newest = exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1)[-1]
    assert prices["BTC/USDT"]["price"] == newest[4]


def test_used_weight_is_told_in_the_headers(market: Server) -> None:
    used = [int(market.get("/binance/api/v3/time").headers["x-mbx-used-weight-1m"]) for _ in range(2)]
    assert used[1] == used[0] + 1 or used[1] == 1  # a new minute may have begun


def test_exchange_info_can_be_asked_for_one_symbol(market: Server) -> None:
    answer = market.get("/binance/api/v3/exchangeInfo", symbol="ETHUSDT").json()
    assert [each["symbol"] for each in answer["symbols"]] == ["ETHUSDT"]
    assert market.get("/binance/api/v3/exchangeInfo", symbol="NOPE").json()["code"] == -1121
