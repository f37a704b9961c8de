"""Pages that end early, hold nothing, repeat themselves, are out of order, or belong to another time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from candlecast.hours import HOUR
from localstack.demo.deployed import Deployed
from tests.flows.replay import Books, Replay
from tests.market.server import Server

pytestmark = pytest.mark.timeout(900)
Audit = Callable[[Replay, datetime], Books]


@pytest.fixture(scope="module")
def series(stack: Deployed, market: Server) -> Iterator[Replay]:
    """BTC from the crash of 2021 on; 25 days of history are there."""
    replay = Replay(stack, market, "PAGE-USDT", datetime(2021, 4, 25, tzinfo=UTC))
    replay.backfill(600)
    yield replay
    market.reset()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncated", "rows": 5, "next": 3},
        {"kind": "empty", "next": 1},
        {"kind": "duplicated"},
        {"kind": "unordered"},
        {"kind": "microseconds"},
        {"kind": "lag", "hours": 3, "dialects": ["binance"]},
        {"kind": "skew", "seconds": 30},
        {"kind": "skew", "seconds": -30},
    ],
    ids=[
        "truncated page", "empty page", "duplicated rows", "rows out of order", "microseconds",
        "an exchange three hours behind", "a clock 30 s ahead", "a clock 30 s behind",
    ],
)  # fmt: skip
def test_a_spoilt_page_loses_and_invents_nothing(series: Replay, audit: Audit, fault: dict[str, object]) -> None:
    begin = series.cursor
    with series.fault(fault):
        series.hour(ahead=46)
        outcome = series.hour()
    assert outcome["missing"] == 0
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_a_month_of_truncated_pages_is_still_a_whole_month(series: Replay, audit: Audit) -> None:
    begin = series.cursor
    with series.fault({"kind": "truncated", "rows": 40}):
        outcome = series.backfill(30 * 24)
    assert (outcome["stored"], outcome["missing"]) == (30 * 24, 0)
    assert audit(series, begin).clean


@pytest.mark.parametrize("minutes", [20, 59], ids=["early", "late"])
def test_the_open_candle_is_never_stored(series: Replay, audit: Audit, minutes: int) -> None:
    begin = series.cursor
    now = begin + timedelta(hours=6, minutes=minutes)
    series.clock(now)
    for _ in range(2):
        series.stack.invoke("ingest", {"time": now.isoformat(), "symbols": [series.symbol]})
    series.cursor = begin + 6 * HOUR
    assert series.stored(series.cursor, series.cursor + 2 * HOUR).empty
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_within_the_grace_an_hour_does_not_count_as_closed(series: Replay, audit: Audit) -> None:
    begin, end = series.cursor, series.cursor + HOUR
    for seconds, stored in ((4, 0), (5, 1)):
        now = end + timedelta(seconds=seconds)
        series.clock(now)
        series.stack.invoke("ingest", {"time": now.isoformat(), "symbols": [series.symbol]})
        assert len(series.stored(begin, end)) == stored
    series.cursor = end
    assert audit(series, begin).clean


@pytest.mark.parametrize(
    "fault",
    [{"kind": "empty"}, {"kind": "lag", "hours": 3}],
    ids=["empty pages", "three hours behind"],
)
def test_what_no_exchange_has_is_a_gap_until_one_has_it(
    stack: Deployed, series: Replay, audit: Audit, fault: dict[str, object]
) -> None:
    begin = series.cursor
    with series.fault(fault):
        outcome = series.hour(ahead=2)
    # of an exchange that lags nobody knows whether its newest candle is still forming: it is not taken
    assert outcome["missing"] == outcome["gap_hours"] == 2
    away = series.books(begin, series.cursor)
    assert away.clean
    assert away.gaps == 2
    stack.await_forecast(series.symbol, series.cursor)
    forecast = stack.forecasts.get(series.symbol, series.cursor)
    assert forecast is not None
    assert forecast.note == "the newest candle is missing: this goes 3 hours from the close before it"

    assert series.hour()["stored"] == 3
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_an_old_gap_is_repaired_by_a_run_over_its_hours(series: Replay, audit: Audit) -> None:
    begin = series.cursor
    with series.fault({"kind": "empty"}):
        series.backfill(12)
    series.backfill(60)
    assert series.hour()["missing"] == 0, "an hourly run asks again for two days"
    left = series.books(begin, series.cursor)
    assert left.clean
    assert left.gaps == 12

    assert series.repair(begin, series.cursor)["stored"] == 12
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0
