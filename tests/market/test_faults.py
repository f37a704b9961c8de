"""Declared misbehaviour: seen by ccxt as the real thing, and only where and as often as it was declared."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import Any

import ccxt
import pytest

from tests.market.server import Client, Server

HOUR = 3_600_000
CLOCK = "2026-03-01T10:20:00Z"
TEN = 1_772_359_200_000  # 2026-03-01T10:00Z
SINCE = TEN - 9 * HOUR
DIALECTS = ["binance", "bitstamp", "coinbase", "kraken"]


def fetched(exchange: Any, symbol: str = "BTC/USDT") -> list[list[float]]:
    rows: list[list[float]] = exchange.fetch_ohlcv(symbol, "1h", since=SINCE, limit=10)
    return rows


@pytest.fixture(params=DIALECTS)
def exchange(request: pytest.FixtureRequest, market: Server, client: Client) -> Any:
    made = client(market, request.param, CLOCK)
    made.load_markets()
    return made


def test_without_faults_the_page_is_whole(exchange: Any, market: Server) -> None:
    rows = fetched(exchange)
    assert [row[0] for row in rows] == list(range(SINCE, TEN + HOUR, HOUR))
    assert rows[:-1] == market.truth("BTC-USDT", "2026-03-01T01:00:00Z", "2026-03-01T10:00:00Z")


def test_a_late_answer_is_a_timeout(exchange: Any, market: Server) -> None:
    market.faults({"kind": "timeout", "seconds": 0.6, "next": 1})
    exchange.timeout = 150
    with pytest.raises(ccxt.RequestTimeout):
        fetched(exchange)
    exchange.timeout = 5000
    assert len(fetched(exchange)) == 10


def test_a_reset_connection_is_a_network_error(exchange: Any, market: Server) -> None:
    market.faults({"kind": "reset", "next": 1})
    with pytest.raises(ccxt.NetworkError, match=r"candles|ohlc|klines|OHLC"):
        fetched(exchange)
    assert len(fetched(exchange)) == 10


@pytest.mark.parametrize("wait", [None, 7])
def test_too_many_requests_may_come_with_a_time_to_wait(exchange: Any, market: Server, wait: int | None) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": wait, "next": 1})
    with pytest.raises((ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
        fetched(exchange)
    headers = {name.lower(): value for name, value in exchange.last_response_headers.items()}
    assert headers.get("retry-after") == (None if wait is None else "7")
    assert len(fetched(exchange)) == 10


def test_the_time_to_wait_may_be_an_instant(exchange: Any, market: Server) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": 90, "retry_after_form": "date"})
    with pytest.raises(ccxt.BaseError):
        fetched(exchange)
    instant = parsedate_to_datetime(exchange.last_response_headers["Retry-After"])
    assert 80 <= instant.timestamp() - time.time() <= 91


def test_a_page_for_people_may_come_instead_of_the_answer(market: Server) -> None:
    market.faults({"kind": "garbled"})
    answer = market.get("/bitstamp/api/v2/ohlc/btcusdt/", step=3600, limit=1)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("status", [403, 451, 500, 502, 503, 504])
def test_a_refusal_is_never_taken_for_an_answer(exchange: Any, market: Server, status: int) -> None:
    market.faults({"kind": "status", "status": status})
    with pytest.raises(ccxt.BaseError):
        fetched(exchange)


@pytest.mark.parametrize("status", [502, 503])
def test_a_fault_of_the_gateway_says_that_the_exchange_is_not_available(
    exchange: Any, market: Server, status: int
) -> None:
    market.faults({"kind": "status", "status": status})
    with pytest.raises(ccxt.ExchangeNotAvailable):
        fetched(exchange)


def test_an_empty_and_a_truncated_page(exchange: Any, market: Server) -> None:
    market.faults({"kind": "empty", "next": 1}, {"kind": "truncated", "rows": 4})
    assert fetched(exchange) == []
    assert [row[0] for row in fetched(exchange)] == [SINCE + n * HOUR for n in range(4)]


def test_rows_twice(exchange: Any, market: Server) -> None:
    whole = fetched(exchange)
    market.faults({"kind": "duplicated"})
    doubled = fetched(exchange)
    assert doubled == [row for row in whole for _ in range(2)][: len(doubled)]
    assert len(doubled) >= 10


def test_rows_out_of_order_leave_the_wire_that_way(market: Server) -> None:
    query = {"symbol": "BTCUSDT", "interval": "1h", "limit": 10}
    whole = market.get("/binance/api/v3/klines", CLOCK, **query).json()
    market.faults({"kind": "unordered"})
    mixed = market.get("/binance/api/v3/klines", CLOCK, **query).json()
    assert mixed != whole
    assert sorted(mixed) == whole


def test_a_negative_price_a_missing_number_and_a_wick(exchange: Any, market: Server) -> None:
    whole = fetched(exchange)
    market.faults({"kind": "negative", "next": 1}, {"kind": "nan", "next": 1}, {"kind": "wick", "rows": 2, "next": 1})
    rows = fetched(exchange)  # all three at once: they strike the newest closed candles
    assert rows[-1] == whole[-1]
    assert rows[-2][3] == -whole[-2][3]
    assert math.isnan(rows[-2][4])
    assert [row[2] for row in rows[-3:-1]] == pytest.approx([100 * row[2] for row in whole[-3:-1]])
    assert rows[:-3] == whole[:-3]
    assert fetched(exchange) == whole


def test_a_bad_candle_stays_bad_when_its_hour_is_named(exchange: Any, market: Server) -> None:
    whole = fetched(exchange)
    market.faults({"kind": "wick", "hours": ["2026-03-01T04:00:00Z"]})
    for _ in range(2):
        rows = fetched(exchange)
        assert [place for place in range(10) if rows[place] != whole[place]] == [3]


def test_conflicting_rows_for_one_hour(exchange: Any, market: Server) -> None:
    market.faults({"kind": "conflicting"})
    rows = [row for row in exchange.fetch_ohlcv("BTC/USDT", "1h", since=SINCE, limit=20) if row[0] == TEN - HOUR]
    assert len(rows) == 2
    assert rows[0][4] != rows[1][4]


def test_a_provisional_candle_is_sound_and_later_another(exchange: Any, market: Server) -> None:
    whole = fetched(exchange)
    market.faults({"kind": "provisional", "rows": 2, "next": 1})
    early = fetched(exchange)
    assert [place for place in range(10) if early[place] != whole[place]] == [7, 8]
    _, opened, high, low, close, volume = early[8]
    assert low <= min(opened, close) <= max(opened, close) <= high
    assert 0 < volume < whole[8][5]
    assert fetched(exchange) == whole


def test_open_times_may_come_in_microseconds(market: Server) -> None:
    market.faults({"kind": "microseconds"})
    query = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1, "startTime": SINCE}
    (row,) = market.get("/binance/api/v3/klines", CLOCK, **query).json()
    assert (row[0], row[6]) == (SINCE * 1000, (SINCE + HOUR) * 1000 - 1)


def test_an_exchange_that_lags_has_only_old_candles_all_closed(exchange: Any, market: Server) -> None:
    whole = fetched(exchange)
    market.faults({"kind": "lag", "hours": 3})
    assert fetched(exchange) == whole[:-4]


def test_a_skewed_clock_moves_what_is_open(market: Server, client: Client) -> None:
    exchange = client(market, "binance", CLOCK)
    exchange.load_markets()
    market.faults({"kind": "skew", "seconds": -1800})
    assert fetched(exchange)[-1][0] == TEN - HOUR
    assert exchange.fetch_time() == TEN - 10 * 60_000
    market.faults({"kind": "skew", "seconds": 3000})
    assert exchange.fetch_time() == TEN + 70 * 60_000


def test_a_fault_may_name_its_dialects_and_symbols(market: Server, client: Client) -> None:
    market.faults({"kind": "empty", "dialects": ["binance"], "symbols": ["ETH-USDT"]})
    binance, bitstamp = client(market, "binance", CLOCK), client(market, "bitstamp", CLOCK)
    assert fetched(binance, "ETH/USDT") == []
    assert len(fetched(binance, "BTC/USDT")) == 10
    assert len(fetched(bitstamp, "ETH/USDT")) == 10


def test_only_candle_requests_are_struck_unless_any_is_said(market: Server) -> None:
    market.faults({"kind": "status", "status": 500})
    assert market.get("/binance/api/v3/time").status_code == 200
    market.faults({"kind": "status", "status": 500, "on": "any"})
    assert market.get("/binance/api/v3/time").status_code == 500
    assert market.get("/_market/health").status_code == 200


def struck(market: Server, requests: int) -> list[bool]:
    query = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1}
    return [market.get("/binance/api/v3/klines", CLOCK, **query).status_code == 500 for _ in range(requests)]


def test_a_share_of_requests_is_struck_alike_on_every_run(market: Server) -> None:
    fault: dict[str, object] = {"kind": "status", "status": 500, "probability": 0.3, "seed": 5}
    market.faults(fault)
    first = struck(market, 40)
    market.faults(fault)
    assert struck(market, 40) == first
    assert 4 <= sum(first) <= 20


def test_faults_tell_how_often_they_struck_and_end_when_deleted(market: Server) -> None:
    market.faults({"kind": "status", "status": 500, "next": 2})
    assert struck(market, 3) == [True, True, False]
    (report,) = market.get("/_market/faults").json()["faults"]
    assert (report["kind"], report["struck"], report["left"]) == ("status", 2, 0)
    market.faults({"kind": "status", "status": 500})
    assert market.delete("/_market/faults").json() == {"faults": []}
    assert struck(market, 1) == [False]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"faults": [{"kind": "flood"}]}, "'flood'"),
        ({"faults": [{"kind": "status", "status": 200}]}, "faults.0.status.status"),
        ({"faults": [{"kind": "empty", "nxt": 1}]}, "faults.0.empty.nxt: Extra inputs are not permitted"),
        ({"faults": [{"kind": "empty", "probability": 2}]}, "probability"),
        ({"fault": []}, "fault: Extra inputs"),
        ([], "body: "),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(market: Server, body: object, complaint: str) -> None:
    answer = market.put("/_market/faults", body)
    assert answer.status_code == 422
    assert complaint in answer.text
