"""The clock: nothing after it is served, by whomever it was set, and the open candle follows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.market.server import Client, Server

HOUR = 3_600_000
TEN = 1_772_359_200_000  # 2026-03-01T10:00Z
KLINES = "/binance/api/v3/klines"


def newest(server: Server, clock: str | None = None, limit: int = 2) -> Any:
    answer = server.get(KLINES, clock, symbol="BTCUSDT", interval="1h", limit=limit)
    return [[row[0], *map(float, row[1:6])] for row in answer.raise_for_status().json()]


def test_a_simulated_market_keeps_to_the_wall_clock_by_default(market: Server) -> None:
    now = datetime.now(UTC).timestamp() * 1000
    assert market.get("/binance/api/v3/time").json()["serverTime"] == pytest.approx(now, abs=5000)
    assert newest(market)[-1][0] in {now // HOUR * HOUR, (now + 5000) // HOUR * HOUR}


def test_a_replay_sets_the_clock_for_all_and_gives_it_back(market: Server) -> None:
    assert market.put("/_market/clock", {"now": "2026-03-01T10:20:00Z"}).json() == {"now": "2026-03-01T10:20:00Z"}
    assert newest(market)[-1][0] == TEN
    market.put("/_market/clock", {"now": None})
    assert newest(market)[-1][0] > TEN + 1000 * HOUR


def test_one_request_may_have_a_clock_of_its_own(market: Server) -> None:
    market.put("/_market/clock", {"now": "2026-03-01T10:20:00Z"})
    assert newest(market, "2025-03-01T12:30:00+02:00")[-1][0] == TEN - 365 * 24 * HOUR
    assert newest(market)[-1][0] == TEN


def test_on_the_hour_the_candle_before_has_just_closed_and_no_other_has_begun(market: Server) -> None:
    (only,) = newest(market, "2026-03-01T10:00:00Z", limit=1)
    assert only == market.truth("BTC-USDT", "2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z")[0]


def test_the_open_candle_grows_into_the_closed_one(market: Server) -> None:
    full = market.truth("BTC-USDT", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", clock="2026-03-01T11:00:00Z")[0]
    clocks = [f"2026-03-01T10:{minute:02d}:30Z" for minute in range(0, 60, 6)]
    seen = [newest(market, clock, limit=1)[0] for clock in clocks]
    assert all(row[0] == TEN and row[1] == full[1] for row in seen)
    for earlier, later in zip(seen, [*seen[1:], full], strict=True):
        assert earlier[2] <= later[2]
        assert earlier[3] >= later[3]
        assert earlier[5] < later[5]
    assert newest(market, "2026-03-01T10:30:00Z", limit=1) == newest(market, "2026-03-01T10:30:00Z", limit=1)
    assert newest(market, "2026-03-01T11:00:00Z", limit=1)[0] == full


def test_all_dialects_show_the_same_open_candle(market: Server, client: Client) -> None:
    shown = [
        client(market, name, "2026-03-01T10:42:00Z").fetch_ohlcv("ETH/USDT", "1h", since=TEN, limit=5)
        for name in ("binance", "bitstamp", "coinbase")
    ]
    assert len(shown[0]) == 1
    assert shown[0] == shown[1] == shown[2]


def test_truth_holds_closed_candles_only(market: Server) -> None:
    rows = market.truth("BTC-USDT", "2026-03-01T08:00:00Z", "2026-03-01T12:00:00Z", clock="2026-03-01T10:59:59Z")
    assert [row[0] for row in rows] == [TEN - 2 * HOUR, TEN - HOUR]


@pytest.mark.parametrize("clock", ["2026-03-01T10:00:00", "soon", ""])
def test_a_clock_without_a_zone_or_sense_is_refused(market: Server, clock: str) -> None:
    assert market.get(KLINES, clock, symbol="BTCUSDT", interval="1h").status_code == 400
    assert market.put("/_market/clock", {"now": clock}).status_code == 422
