"""Every way to misbehave, in every dialect: what is asked again, what is left, and that no hour is lost on the way."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from ccxt.base import errors as ccxt_errors

from candlecast import candles, exchange
from candlecast.errors import BadSettings, ExchangeRefused, ExchangeThrottled, ExchangeUnavailable
from candlecast.exchange_faults import classed, retry_after
from candlecast.hours import HOUR
from tests.adapters.exchanges import (
    DIALECTS,
    NOON,
    SYMBOL,
    Clock,
    assert_is_the_truth,
    closed,
    configured,
    fetched,
    hourly,
    served,
)
from tests.market.server import Server

REFUSALS: Any = [{"kind": "status", "status": 451}, {"kind": "status", "status": 403}, {"kind": "vanished"}]
PASSING: Any = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502},
    {"kind": "status", "status": 504},
    {"kind": "reset"},
    {"kind": "timeout", "seconds": 3},
    {"kind": "garbled"},
]


def named(fault: dict[str, Any]) -> str:
    return f"{fault['kind']} {fault.get('status', '')}".strip()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_a_passing_fault_is_asked_again_after_growing_pauses(
    market: Server, clock: Clock, dialect: str, fault: Any
) -> None:
    market.faults({**fault, "next": 2})

    assert_is_the_truth(market, hourly(market, dialect, timeout=0.4), NOON - 3 * HOUR, NOON)

    first, second = clock.pauses
    assert 0.25 <= first <= 0.5 <= second <= 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_a_lasting_fault_is_told_as_unavailable(market: Server, clock: Clock, dialect: str, fault: Any) -> None:
    market.faults(fault)

    with pytest.raises(ExchangeUnavailable, match="try again later"):
        hourly(market, dialect, timeout=0.3, attempts=2)

    assert len(clock.pauses) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed_in_either_form(market: Server, clock: Clock, dialect: str, form: str) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": 7, "retry_after_form": form, "next": 1})

    assert len(hourly(market, dialect)) == 3

    (turn,) = clock.turns
    assert 6 <= turn <= 10, "an HTTP date and the answer's own are of whole seconds"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_retry_after_the_next_request_waits_nevertheless(market: Server, clock: Clock, dialect: str) -> None:
    market.faults({"kind": "status", "status": 429, "next": 2})

    assert len(hourly(market, dialect)) == 3

    assert len(clock.turns) == 2
    assert min(clock.turns) >= 0.25


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_exchange_that_asks_for_too_long_a_wait_is_left(market: Server, clock: Clock, dialect: str) -> None:
    market.faults({"kind": "status", "status": 429, "retry_after": 3600})

    with pytest.raises(ExchangeThrottled):
        hourly(market, dialect)

    assert clock.pauses == clock.turns == []


@pytest.mark.parametrize("dialect", ["binance", "coinbase"])
def test_an_exchange_in_trouble_may_say_when_to_come_back(market: Server, clock: Clock, dialect: str) -> None:
    market.faults({"kind": "status", "status": 503, "retry_after": 5, "next": 1})

    assert len(hourly(market, dialect)) == 3

    assert clock.pauses == [5]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", REFUSALS, ids=named)
def test_a_refusal_is_not_asked_again(market: Server, clock: Clock, dialect: str, fault: Any) -> None:
    market.faults(fault)

    with pytest.raises(ExchangeRefused, match="put another exchange first"):
        hourly(market, dialect)

    assert sum(market.get("/_market/requests").json()["requests"].values()) == 1
    assert clock.pauses == []


def test_maintenance_is_left_at_once_and_may_be_tried_later(market: Server, clock: Clock) -> None:
    market.faults({"kind": "status", "status": 503})

    with pytest.raises(ExchangeUnavailable, match="under maintenance; try again later"):
        hourly(market, "bitstamp")

    assert clock.pauses == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_symbol_that_the_exchange_never_had_is_refused(market: Server, dialect: str) -> None:
    with pytest.raises(ExchangeRefused):
        fetched(market, dialect, NOON - HOUR, NOON, symbol="NOPE-USDT")


@pytest.mark.parametrize("address", ["http://:8000/x", "http://127.0.0.1:99999/x"])
def test_an_address_that_is_none_stops_with_the_settings_to_mend(market: Server, address: str) -> None:
    wrong = configured(market).model_copy(update={"endpoints": {"binance": address}})
    with pytest.raises(BadSettings, match=r"exchange\.endpoints in settings\.yaml"):
        exchange.fetch("binance", SYMBOL, NOON - HOUR, NOON, wrong)


def test_an_exchange_outside_the_package_stops_with_the_remedy(market: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("candlecast.exchange_clients.importlib.import_module", missing)
    with pytest.raises(BadSettings, match="add it to the exchange layer"):
        hourly(market, "kraken")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_page_that_ends_early_is_continued(market: Server, dialect: str) -> None:
    market.faults({"kind": "truncated", "rows": 3, "next": 2})
    start = NOON - 40 * HOUR

    assert_is_the_truth(market, served(market, dialect, start, NOON), start, NOON)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_page_is_a_hole_that_the_caller_can_see(market: Server, dialect: str) -> None:
    market.faults({"kind": "empty", "next": 1})

    got = fetched(market, dialect, NOON - 40 * HOUR, NOON)

    assert (len(got.candles), got.requests) == (0, 1)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["duplicated", "unordered"])
def test_rows_repeated_or_out_of_order_lose_no_hour(market: Server, dialect: str, kind: str) -> None:
    market.faults({"kind": kind})
    start = NOON - 700 * HOUR

    table = served(market, dialect, start, NOON)

    assert table["open_time"].is_monotonic_increasing
    assert_is_the_truth(market, table.drop_duplicates(ignore_index=True), start, NOON)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_values_that_cannot_be_are_handed_on_for_validation_to_judge(market: Server, dialect: str) -> None:
    honest = hourly(market, dialect)
    market.faults({"kind": "negative"}, {"kind": "nan"}, {"kind": "wick", "hours": ["2026-03-20T09:00:00Z"]})

    table = served(market, dialect, NOON - 3 * HOUR, NOON + HOUR)

    assert table["high"].iloc[0] == pytest.approx(100 * honest["high"].iloc[0])
    assert table["low"].iloc[2] == -honest["low"].iloc[2]
    assert math.isnan(table["close"].iloc[2])
    assert table.iloc[1].drop("ingested_at").equals(honest.iloc[1].drop("ingested_at"))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("end", [NOON, NOON + HOUR], ids=["at the end", "before the end"])
def test_conflicting_rows_of_one_hour_are_both_handed_on(market: Server, dialect: str, end: datetime) -> None:
    market.faults({"kind": "conflicting"})

    table = served(market, dialect, NOON - 3 * HOUR, end)

    assert list(table["open_time"]).count(NOON - HOUR) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_open_times_in_microseconds_are_the_same_hours(market: Server, dialect: str) -> None:
    honest = hourly(market, dialect)
    market.faults({"kind": "microseconds"})

    assert hourly(market, dialect).equals(honest)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provisional_candle_is_another_one_later(market: Server, dialect: str) -> None:
    market.faults({"kind": "provisional", "next": 1})

    early, late = hourly(market, dialect), hourly(market, dialect)

    assert early.iloc[:2].equals(late.iloc[:2])
    assert early["volume"].iloc[2] < late["volume"].iloc[2]
    assert_is_the_truth(market, late, NOON - 3 * HOUR, NOON)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_exchange_three_hours_behind_serves_what_it_has(market: Server, dialect: str) -> None:
    market.faults({"kind": "lag", "hours": 3})

    table = served(market, dialect, NOON - 5 * HOUR, NOON + HOUR)

    assert_is_the_truth(market, table, NOON - 5 * HOUR, NOON - 3 * HOUR)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_clock_that_is_ahead_opens_candles_early_and_closes_none(market: Server, dialect: str) -> None:
    market.put("/_market/clock", {"now": "2026-03-20T12:59:45Z"}).raise_for_status()
    market.faults({"kind": "skew", "seconds": 30})

    table = served(market, dialect, NOON - HOUR, NOON + 2 * HOUR)

    assert list(table["open_time"]) == [NOON - HOUR, NOON, NOON + HOUR]
    assert list(closed(table)["open_time"]) == [NOON - HOUR]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_fault_behind_the_first_page_costs_only_its_own_request(market: Server, dialect: str) -> None:
    market.faults({"kind": "status", "status": 500, "next": 1})

    got = fetched(market, dialect, NOON - 650 * HOUR, NOON)

    assert_is_the_truth(market, got.candles, NOON - 650 * HOUR, NOON)
    assert got.requests == (4 if dialect == "coinbase" else 2)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_storm_of_passing_faults_loses_and_invents_nothing(market: Server, dialect: str) -> None:
    market.faults(
        {"kind": "status", "status": 500, "probability": 0.2, "seed": 1},
        {"kind": "reset", "probability": 0.1, "seed": 2},
        {"kind": "garbled", "probability": 0.1, "seed": 3},
        {"kind": "status", "status": 429, "probability": 0.1, "seed": 4},
        {"kind": "truncated", "rows": 40, "probability": 0.5, "seed": 5},
        {"kind": "unordered", "probability": 0.5, "seed": 6},
        {"kind": "duplicated", "probability": 0.3, "seed": 7},
    )

    table = served(market, dialect, NOON - 700 * HOUR, NOON, attempts=10)

    assert_is_the_truth(market, table.drop_duplicates(ignore_index=True), NOON - 700 * HOUR, NOON)


SENT = "Fri, 20 Mar 2026 12:30:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-7"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "Fri, 20 Mar 2026 12:30:09 GMT", "date": SENT}, 9),
        ({"retry-after": "Fri, 20 Mar 2026 12:29:00 GMT", "date": SENT}, 0),
        ({"retry-after": "Fri, 20 Mar 2026 13:30:09 +0100", "date": SENT}, 9),
        ({"retry-after": "Fri, 20 Mar 2026 12:30:09 -0000", "date": SENT}, 9),
    ],
)
def test_retry_after_is_seconds_or_an_instant_by_the_answers_own_clock(headers: Any, seconds: float) -> None:
    assert retry_after(headers) == seconds


def test_an_instant_without_the_answers_own_is_compared_with_ours() -> None:
    ahead = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 100, UTC)
    assert 90 < retry_after({"retry-after": ahead.strftime("%a, %d %b %Y %H:%M:%S GMT")}) <= 100


@pytest.mark.parametrize(
    ("status", "error", "meant"),
    [
        (418, ccxt_errors.DDoSProtection, ExchangeThrottled),
        (429, ccxt_errors.ExchangeError, ExchangeThrottled),
        (200, ccxt_errors.DDoSProtection, ExchangeThrottled),
        (200, ccxt_errors.ExchangeNotAvailable, ExchangeUnavailable),
        (200, ccxt_errors.ExchangeError, ExchangeRefused),
        (None, ccxt_errors.NetworkError, ExchangeUnavailable),
        (None, ccxt_errors.ExchangeError, ExchangeUnavailable),
        (408, ccxt_errors.RequestTimeout, ExchangeUnavailable),
        (520, ccxt_errors.ExchangeNotAvailable, ExchangeUnavailable),
        (400, ccxt_errors.BadSymbol, ExchangeRefused),
        (401, ccxt_errors.AuthenticationError, ExchangeRefused),
        (404, ccxt_errors.ExchangeNotAvailable, ExchangeRefused),
        (451, ccxt_errors.ExchangeNotAvailable, ExchangeRefused),
        (None, ccxt_errors.InvalidProxySettings, BadSettings),
    ],
)
def test_the_status_decides_before_the_name_that_ccxt_gives_the_error(status: Any, error: Any, meant: Any) -> None:
    assert type(classed("kraken", SYMBOL, status, {}, error("says")).error) is meant


def test_a_table_of_candles_has_the_contracts_types_whatever_came(market: Server) -> None:
    market.faults({"kind": "nan"})
    assert hourly(market, "kraken").dtypes.equals(candles.empty().dtypes)
