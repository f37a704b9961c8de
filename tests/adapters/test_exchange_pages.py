"""One contract for every dialect, by real HTTP and ccxt's own classes: whatever a page is, a range comes whole."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import numpy as np
import pytest

from candlecast import candles, hours
from candlecast.errors import ExchangeRefused
from candlecast.exchange_clients import DIALECTS as KNOWN
from candlecast.exchange_clients import Rows
from candlecast.hours import HOUR
from tests.adapters.exchanges import (
    DIALECTS,
    NOON,
    assert_is_the_truth,
    closed,
    fetched,
    missing,
    served,
)
from tests.market.recordings import RECORDED_FROM
from tests.market.server import Server

KRAKEN_REACH = 719  # closed candles before the open one
PAGES = [(name, edge) for name in DIALECTS for edge in ("1", "page - 1", "page", "page + 1", "2 * page + 1")]


@pytest.mark.parametrize(("dialect", "edge"), PAGES)
def test_a_range_is_served_whole_whatever_the_exchange_calls_a_page(market: Server, dialect: Any, edge: str) -> None:
    page = KNOWN[dialect].page
    count = {"1": 1, "page - 1": page - 1, "page": page, "page + 1": page + 1, "2 * page + 1": 2 * page + 1}[edge]
    reach = min(count, KRAKEN_REACH) if dialect == "kraken" else count

    got = fetched(market, dialect, NOON - count * HOUR, NOON)

    assert_is_the_truth(market, got.candles, NOON - reach * HOUR, NOON)
    assert got.requests == (1 if dialect == "kraken" else -(-count // page))
    assert (got.exchange, set(got.candles["source"])) == (dialect, {dialect})
    assert got.candles.dtypes.equals(candles.empty().dtypes)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_hourly_fetch_is_one_request_without_a_list_of_markets(market: Server, dialect: str) -> None:
    got = fetched(market, dialect, NOON - 3 * HOUR, NOON)

    assert_is_the_truth(market, got.candles, NOON - 3 * HOUR, NOON)
    assert list(market.get("/_market/requests").json()["requests"].values()) == [1]
    assert got.requests == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_symbols_are_one_request_each(market: Server, dialect: str) -> None:
    for symbol in ("ETH-USDT", "DOGE-USDT", "BTC-USD", "ETH-USDT"):
        got = fetched(market, dialect, NOON - 2 * HOUR, NOON, symbol=symbol)
        assert_is_the_truth(market, got.candles, NOON - 2 * HOUR, NOON, symbol)
        assert got.requests == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_candle_still_open_is_served_like_any_other_if_it_is_asked_for(market: Server, dialect: str) -> None:
    table = served(market, dialect, NOON - HOUR, NOON + HOUR)

    assert list(table["open_time"]) == [NOON - HOUR, NOON]
    assert list(closed(table)["open_time"]) == [NOON - HOUR]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_end_beyond_the_newest_candle_ends_with_it(market: Server, dialect: str) -> None:
    got = fetched(market, dialect, NOON - 5 * HOUR, NOON + 9 * HOUR)

    assert_is_the_truth(market, closed(got.candles), NOON - 5 * HOUR, NOON)
    assert got.candles["open_time"].iloc[-1] == NOON
    assert got.requests == 2, "a page that ends early is looked behind once"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hours_that_have_not_begun_are_no_error(market: Server, dialect: str) -> None:
    assert served(market, dialect, NOON + 5 * HOUR, NOON + 9 * HOUR).empty


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_range_is_no_request(market: Server, dialect: str) -> None:
    assert fetched(market, dialect, NOON, NOON).requests == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("start", [1800, 1899, 1900, 1905, 1910])
def test_a_hole_in_a_page_stays_a_hole_and_costs_nothing_behind_it(recorded: Server, dialect: str, start: int) -> None:
    first, end = RECORDED_FROM + start * HOUR, RECORDED_FROM + 2100 * HOUR

    table = served(recorded, dialect, first, end)

    assert_is_the_truth(recorded, table, first, end)
    assert missing(table, first, end) == [RECORDED_FROM + hour * HOUR for hour in range(max(start, 1900), 1910)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_range_that_is_one_hole_is_empty(recorded: Server, dialect: str) -> None:
    assert served(recorded, dialect, RECORDED_FROM + 1900 * HOUR, RECORDED_FROM + 1910 * HOUR).empty


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("before", [0, 1, 400, 1200])
def test_a_range_that_begins_before_the_listing_is_served_from_the_first_candle(
    recorded: Server, dialect: str, before: int
) -> None:
    listed = RECORDED_FROM + 1700 * HOUR

    got = fetched(recorded, dialect, listed - before * HOUR, listed + 50 * HOUR, symbol="NEW-USDT")

    assert_is_the_truth(recorded, got.candles, listed, listed + 50 * HOUR, "NEW-USDT")
    assert len(got.candles) == 50
    assert got.requests <= -(-(before + 50) // 300)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_range_wholly_before_the_listing_is_empty(recorded: Server, dialect: str) -> None:
    listed = RECORDED_FROM + 1700 * HOUR
    table = fetched(recorded, dialect, listed - 350 * HOUR, listed, symbol="NEW-USDT").candles
    assert table.empty
    assert table.dtypes.equals(candles.empty().dtypes)


def test_an_exchange_with_the_newest_candles_alone_is_left_for_older_ones_after_one_request(recorded: Server) -> None:
    month = RECORDED_FROM, RECORDED_FROM + 744 * HOUR

    with pytest.raises(ExchangeRefused, match=r"newest 720 candles .* all later than .* another exchange"):
        fetched(recorded, "kraken", *month)

    assert recorded.get("/_market/requests").json()["requests"] == {"kraken /0/public/OHLC": 1}


def test_of_a_range_that_reaches_beyond_its_newest_candles_it_gives_what_it_has(market: Server) -> None:
    table = served(market, "kraken", NOON - 900 * HOUR, NOON)
    assert table["open_time"].iloc[-1] == NOON - HOUR
    assert missing(table, NOON - 900 * HOUR, NOON) == list(hours.span(NOON - 900 * HOUR, NOON - KRAKEN_REACH * HOUR))


def test_an_exchange_that_answers_with_another_time_is_not_asked_for_ever(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def page(_client: object, _symbol: str, since: int, _count: int) -> Rows:
        asked.append(since)
        return np.array([[1e12, 1, 1, 1, 1, 1]])

    monkeypatch.setattr("candlecast.exchange.Client.page", page)

    assert served(market, "binance", NOON - 2500 * HOUR, NOON).empty
    assert len(asked) == 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_range_in_another_zone_is_the_same_range(market: Server, dialect: str) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    zoned = [hour.astimezone(kathmandu) for hour in (NOON - 2 * HOUR, NOON)]
    assert list(served(market, dialect, *zoned)["open_time"]) == [NOON - 2 * HOUR, NOON - HOUR]
