"""A range of any length in one call, by the same path as the hourly run; again is a matter of nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from candlecast.exchange import Fetched
from candlecast.hours import HOUR
from lambdas.ingest.request import Span
from tests.functions.ingest.world import FIRST, SYMBOL, World, some_hour

NOW = some_hour(98, 12)


def test_a_range_over_several_months_is_stored_whole(world: World) -> None:
    outcome = world.backfill(FIRST, NOW, NOW)

    assert outcome.stored == 98 * 24 + 12
    assert (outcome.missing, outcome.newest) == (0, NOW - HOUR)
    world.assert_true_up_to(NOW - HOUR)
    assert [request.start.month for request in world.market.requests] == [8, 9, 10, 11], "a request per month"


def test_a_backfill_tells_the_bus_nothing(world: World) -> None:
    world.backfill(NOW - timedelta(days=3), NOW, NOW)

    assert world.events == []


def test_a_second_backfill_asks_for_nothing_and_writes_nothing(world: World) -> None:
    world.backfill(FIRST, NOW, NOW)
    before = world.etags()
    world.market.requests.clear()

    assert world.backfill(FIRST, NOW, NOW).stored == 0

    assert world.market.requests == []
    assert world.etags() == before


def test_an_interrupted_backfill_resumes_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = world.market.fetch

    def gives_up_in_october(exchange: Any, symbol: str, start: datetime, *rest: Any) -> Fetched:
        if start >= some_hour(61):
            raise KeyboardInterrupt
        return fetch(exchange, symbol, start, *rest)

    world.platform = replace(world.platform, fetch=gives_up_in_october)
    with pytest.raises(KeyboardInterrupt):
        world.backfill(FIRST, NOW, NOW)
    world.platform = replace(world.platform, fetch=fetch)
    world.market.requests.clear()

    world.backfill(FIRST, NOW, NOW)

    assert world.market.requests[0].start == some_hour(61)
    world.assert_true_up_to(NOW - HOUR)


def test_pieces_in_any_order_end_like_one_piece(world: World) -> None:
    cuts = [FIRST, some_hour(20, 7), some_hour(45), NOW]
    for start, end in (cuts[2:4], cuts[0:2], cuts[1:3]):
        world.backfill(start, end, NOW)

    world.assert_true_up_to(NOW - HOUR)


def test_history_before_the_first_hourly_run_completes_the_features_behind_it(world: World) -> None:
    world.hour(NOW)
    first = world.stored()["open_time"].iloc[0].to_pydatetime()

    world.backfill(FIRST, first, NOW)

    world.assert_true_up_to(NOW - HOUR)


def test_only_missing_hours_are_asked_for(world: World) -> None:
    world.market.withheld = {some_hour(70, 3), some_hour(70, 9)}
    world.backfill(some_hour(65), some_hour(75), NOW)
    world.market.withheld = set()
    world.market.requests.clear()

    world.backfill(some_hour(65), some_hour(75), NOW)

    assert world.market.requests == [Span(some_hour(70, 3), some_hour(70, 10))]


def test_a_range_that_reaches_into_the_future_ends_with_the_last_closed_hour(world: World) -> None:
    assert world.backfill(NOW - 5 * HOUR, NOW + 5 * HOUR, NOW).newest == NOW - HOUR


def test_a_range_before_the_market_began_stores_nothing(world: World) -> None:
    outcome = world.backfill(FIRST - timedelta(days=40), FIRST, NOW)

    assert (outcome.stored, outcome.newest, outcome.missing) == (0, None, 40 * 24)
    assert list(world.etags()) == [f"gaps/symbol={SYMBOL}/timeframe=1h/gaps.json"]


def test_two_backfills_of_one_month_at_once_lose_nothing(world: World) -> None:
    fetch = world.market.fetch

    def takes_its_time(*asked: Any) -> Fetched:
        world.platform = replace(world.platform, fetch=fetch)
        world.backfill(some_hour(92), some_hour(95), NOW)
        return fetch(*asked)

    world.platform = replace(world.platform, fetch=takes_its_time)
    world.backfill(some_hour(94), NOW, NOW)

    assert world.stored()["open_time"].iloc[0] == some_hour(92)
    world.assert_true_up_to(NOW - HOUR)
