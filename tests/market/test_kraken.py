"""Kraken's dialect, asked by ccxt's own class and by hand at its edges."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.market.server import Client, Server

HOUR = 3600
CLOCK = "2026-03-01T10:20:00Z"
OPEN_NOW = 1_772_359_200  # 2026-03-01T10:00Z
OHLC = "/kraken/0/public/OHLC"


def answered(server: Server, clock: str = CLOCK, **query: object) -> Any:
    body = server.get(OHLC, clock, **query).raise_for_status().json()
    return body["error"] or body["result"]


def opened(server: Server, clock: str = CLOCK, **query: object) -> list[int]:
    return [row[0] for row in answered(server, clock, pair="XBTUSDT", interval=60, **query)["XBTUSDT"]]


def test_ccxt_loads_the_markets_under_the_names_that_everyone_else_uses(market: Server, client: Client) -> None:
    exchange = client(market, "kraken")
    markets = exchange.load_markets()
    assert set(markets) >= {"BTC/USDT", "ETH/USDT", "DOGE/USDT", "QQQ/USDT"}
    assert (markets["BTC/USDT"]["id"], markets["DOGE/USDT"]["id"]) == ("XBTUSDT", "XDGUSDT")
    assert markets["BTC/USDT"]["active"]
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01


def test_ccxt_reads_the_true_candles_since_an_hour(market: Server, client: Client) -> None:
    exchange = client(market, "kraken", CLOCK)
    rows = exchange.fetch_ohlcv("DOGE/USDT", "1h", since=(OPEN_NOW - 5 * HOUR) * 1000, limit=5)
    assert rows == market.truth("DOGE-USDT", "2026-03-01T05:00:00Z", "2026-03-01T10:00:00Z")


def test_the_page_is_the_newest_720_with_the_open_one_last_whatever_since_says(market: Server) -> None:
    newest = list(range(OPEN_NOW - 719 * HOUR, OPEN_NOW + HOUR, HOUR))
    assert opened(market) == newest
    assert opened(market, since=OPEN_NOW - 5000 * HOUR) == newest


def test_since_is_exclusive(market: Server) -> None:
    assert opened(market, since=OPEN_NOW - 3 * HOUR) == [OPEN_NOW - 2 * HOUR, OPEN_NOW - HOUR, OPEN_NOW]
    assert opened(market, since=OPEN_NOW - 3 * HOUR - 1)[0] == OPEN_NOW - 3 * HOUR


@pytest.mark.parametrize("since", [OPEN_NOW, OPEN_NOW + 9 * HOUR])
def test_the_newest_candle_is_always_there(market: Server, since: int) -> None:
    assert opened(market, since=since) == [OPEN_NOW]
    assert opened(market, clock="2026-03-01T10:00:00Z", since=since) == [OPEN_NOW - HOUR], "no hour has just begun"


def test_last_asks_for_what_is_not_yet_complete(market: Server) -> None:
    last = answered(market, pair="XBTUSDT", interval=60)["last"]
    assert opened(market, since=last) == [OPEN_NOW]


def test_values_but_the_time_and_the_count_are_strings(market: Server) -> None:
    (row, *_) = answered(market, pair="XBTUSDT", interval=60)["XBTUSDT"]
    assert [type(value) for value in row] == [int, *[str] * 6, int]
    assert float(row[3]) <= float(row[5]) <= float(row[2]), "the average lies between low and high"


def test_a_pair_of_an_old_coin_and_a_fiat_currency_is_answered_under_its_long_name(market: Server) -> None:
    for asked in ("XBTUSD", "XXBTZUSD"):
        assert set(answered(market, pair=asked, interval=60)) == {"XXBTZUSD", "last"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({}, "EGeneral:Invalid arguments"),
        ({"pair": "NOPEUSDT"}, "EQuery:Unknown asset pair"),
        ({"pair": "BTCUSDT"}, "EQuery:Unknown asset pair"),
        ({"pair": "XBTUSDT", "interval": 61}, "EGeneral:Invalid arguments:interval"),
        ({"pair": "XBTUSDT"}, "EGeneral:Invalid arguments:interval (the market holds hourly candles only: 60)"),
        ({"pair": "XBTUSDT", "interval": 60, "since": "x"}, "EGeneral:Invalid arguments:since"),
    ],
)
def test_a_wrong_request_is_answered_with_an_error_and_status_200(
    market: Server, query: dict[str, Any], problem: str
) -> None:
    assert answered(market, **query) == [problem]


def test_a_vanished_symbol_is_unknown(market: Server, client: Client) -> None:
    exchange = client(market, "kraken", CLOCK)
    exchange.load_markets()
    market.faults({"kind": "vanished", "symbols": ["BTC-USDT"]})
    with pytest.raises(ccxt.ExchangeError, match="Unknown asset pair"):
        exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1)


def test_time_status_and_ticker_follow_the_clock(market: Server, client: Client) -> None:
    exchange = client(market, "kraken", CLOCK)
    assert exchange.fetch_time() == (OPEN_NOW + 20 * 60) * 1000
    assert exchange.fetch_status()["status"] == "ok"
    ticker = exchange.fetch_ticker("BTC/USDT")
    assert ticker["last"] == exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1)[-1][4]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
