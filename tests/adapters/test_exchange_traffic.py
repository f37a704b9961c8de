"""One process asks an exchange no faster than it allows, whatever its threads do, and leaves a broken one in peace."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest

from candlecast import exchange
from candlecast.errors import ExchangeRefused, ExchangeThrottled, ExchangeUnavailable
from candlecast.exchange_traffic import Traffic, traffic
from candlecast.hours import HOUR
from tests.adapters.exchanges import DIALECTS, NOON, Clock, configured, fetched, hourly, served
from tests.market.server import Server

DOWN: Any = {"kind": "status", "status": 500, "dialects": ["binance"]}


def fails(market: Server, error: type[Exception], dialect: str = "binance", **given: Any) -> None:
    with pytest.raises(error):
        hourly(market, dialect, **given)


def requests(market: Server) -> int:
    return sum(market.get("/_market/requests").json()["requests"].values())


@pytest.mark.parametrize(
    ("dialect", "spacing"),
    [
        ("binance", 0.02),
        ("bitstamp", 0.075),
        ("coinbase", 0.102),
    ],
)
def test_pages_are_spaced_as_the_exchange_demands(market: Server, clock: Clock, dialect: str, spacing: float) -> None:
    fetched(market, dialect, NOON - 2001 * HOUR, NOON)
    assert clock.turns[0] == pytest.approx(spacing)


def test_threads_share_one_exchanges_limit(market: Server, clock: Clock) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: hourly(market, "kraken"), range(8)))

    assert [len(table) for table in got] == [3] * 8
    assert clock.now - 1000 >= 7 * 1.2 - 0.01, "eight requests, one each 1.2 s"


def test_turns_are_taken_in_real_time() -> None:
    shared, began = Traffic(), monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(shared.take_turn, [0.03] * 4))
    assert monotonic() - began >= 0.09


def test_a_wait_that_one_thread_was_told_holds_for_all(market: Server, clock: Clock) -> None:
    shared = traffic("coinbase", configured(market).endpoints["coinbase"])
    shared.hold(5)
    hourly(market, "coinbase")
    assert clock.turns == [5]


def test_an_exchange_that_failed_twice_in_a_row_is_asked_last_for_a_minute(market: Server, clock: Clock) -> None:
    market.faults(DOWN)
    fails(market, ExchangeUnavailable)
    assert exchange.order(configured(market)) == DIALECTS, "one failure may be the symbol's own"

    fails(market, ExchangeUnavailable)

    assert exchange.order(configured(market)) == ("bitstamp", "coinbase", "kraken", "binance")
    clock.now += 61
    assert exchange.order(configured(market)) == DIALECTS


def test_a_success_between_failures_keeps_it_in_place(market: Server) -> None:
    for _ in range(3):
        market.faults({**DOWN, "next": 3})
        fails(market, ExchangeUnavailable)
        hourly(market, "binance")
    assert exchange.order(configured(market)) == DIALECTS


def test_a_resting_exchange_is_asked_once_and_a_success_ends_the_rest(market: Server, clock: Clock) -> None:
    market.faults(DOWN)
    for _ in range(2):
        fails(market, ExchangeUnavailable)
    market.delete("/_market/requests")
    fails(market, ExchangeUnavailable)
    assert requests(market) == 1, "the last source is always tried, but does not wait out its timeouts again"

    market.faults()
    hourly(market, "binance")

    assert exchange.order(configured(market)) == DIALECTS


def test_twenty_symbols_of_a_shard_do_not_each_wait_for_a_dead_exchange(market: Server, clock: Clock) -> None:
    market.faults(DOWN)
    settings = configured(market)

    def first_served(_: int) -> str:
        for name in exchange.order(settings):
            try:
                return exchange.fetch(name, "BTC-USDT", NOON - HOUR, NOON, settings).exchange
            except ExchangeUnavailable:
                continue
        raise AssertionError("nobody served")

    assert [first_served(symbol) for symbol in range(20)] == ["bitstamp"] * 20
    asked = market.get("/_market/requests").json()["requests"]
    assert asked["binance /api/v3/klines"] == 2 * 3, "the first two symbols alone tried it"


@pytest.mark.parametrize(
    ("fault", "error", "rest"),
    [
        ({"kind": "status", "status": 451}, ExchangeRefused, 60),
        ({"kind": "status", "status": 429, "retry_after": 300}, ExchangeThrottled, 300),
        ({"kind": "status", "status": 429, "retry_after": 86400}, ExchangeThrottled, 900),
        ({"kind": "status", "status": 429}, ExchangeThrottled, 60),
    ],
)
def test_an_exchange_that_said_no_to_everyone_rests_at_once(
    market: Server, clock: Clock, fault: Any, error: type[Exception], rest: float
) -> None:
    market.faults({**fault, "dialects": ["binance"]})

    fails(market, error, attempts=1)

    assert exchange.order(configured(market))[-1] == "binance"
    clock.now += rest - 1
    assert exchange.order(configured(market))[-1] == "binance"
    clock.now += 2
    assert exchange.order(configured(market)) == DIALECTS


@pytest.mark.parametrize("asked", [lambda market: served(market, "kraken", NOON - 2000 * HOUR, NOON - 1900 * HOUR)])
def test_what_is_the_ranges_own_fault_is_no_reason_to_rest(market: Server, asked: Callable[[Server], object]) -> None:
    for _ in range(3):
        with pytest.raises(ExchangeRefused):
            asked(market)
    assert exchange.order(configured(market)) == DIALECTS


def test_a_symbol_that_is_not_traded_there_is_no_reason_to_rest(market: Server) -> None:
    market.faults({"kind": "vanished"})
    for _ in range(3):
        fails(market, ExchangeRefused)
    assert exchange.order(configured(market)) == DIALECTS


def test_the_same_exchange_at_another_address_is_another(market: Server) -> None:
    market.faults(DOWN)
    for _ in range(2):
        fails(market, ExchangeUnavailable)
    real = configured(market).model_copy(update={"endpoints": {}})
    assert exchange.order(real) == DIALECTS
