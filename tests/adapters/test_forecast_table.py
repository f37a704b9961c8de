"""The table of forecasts: exact numbers, live forecasts that stand, pages that lose nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from candlecast.errors import BadRequest
from candlecast.forecast_table import ForecastTable
from tests.cloud import MakeForecast

SYMBOL = "BTC-USDT"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_forecast_comes_back_exactly_as_it_went_in(table: ForecastTable, make_forecast: MakeForecast) -> None:
    forecast = make_forecast(NOON, note="no champion yet")

    assert table.put(forecast)

    assert table.get(SYMBOL, NOON) == forecast


def test_an_hour_without_forecast_has_none(table: ForecastTable) -> None:
    assert table.get(SYMBOL, NOON) is None
    assert table.newest(SYMBOL) is None


def test_a_live_forecast_is_written_once(table: ForecastTable, make_forecast: MakeForecast) -> None:
    first = make_forecast(NOON)
    table.put(first)

    assert not table.put(make_forecast(NOON, model_version="8"))
    assert not table.put(make_forecast(NOON, kind="backfill"))

    assert table.get(SYMBOL, NOON) == first


def test_a_backfill_may_be_made_again_and_gives_way_to_a_live_forecast(
    table: ForecastTable, make_forecast: MakeForecast
) -> None:
    table.put(make_forecast(NOON, kind="backfill", model_version="baseline"))

    assert table.put(make_forecast(NOON, kind="backfill", model_version="8"))

    stored = table.get(SYMBOL, NOON)
    assert stored is not None
    assert stored.model_version == "8"
    assert table.put(make_forecast(NOON))
    assert table.get(SYMBOL, NOON) == make_forecast(NOON)


def test_settling_adds_what_happened_and_rewrites_nothing(table: ForecastTable, make_forecast: MakeForecast) -> None:
    forecast = make_forecast(NOON)
    table.put(forecast)
    settlement = forecast.settled(64100.0)

    assert table.settle(SYMBOL, NOON, settlement)
    assert not table.settle(SYMBOL, NOON, forecast.settled(1.0)), "a second settlement changes nothing"

    assert table.get(SYMBOL, NOON) == replace(forecast, settlement=settlement)


def test_an_hour_that_was_never_forecast_cannot_be_settled(table: ForecastTable, make_forecast: MakeForecast) -> None:
    assert not table.settle(SYMBOL, NOON, make_forecast(NOON).settled(64100.0))
    assert table.get(SYMBOL, NOON) is None


@pytest.mark.parametrize("descending", [False, True])
def test_pages_cover_a_range_once_and_keep_other_symbols_out(
    table: ForecastTable, make_forecast: MakeForecast, descending: bool
) -> None:
    hours = [NOON + timedelta(hours=i) for i in range(7)]
    for hour in hours:
        table.put(make_forecast(hour))
    table.put(make_forecast(NOON, symbol="ETH-USDT"))

    seen: list[datetime] = []
    cursor: str | None = None
    while True:
        page = table.range(SYMBOL, hours[1], hours[6], limit=2, cursor=cursor, descending=descending)
        seen += [forecast.target_hour for forecast in page.forecasts]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == (hours[5:0:-1] if descending else hours[1:6])


def test_an_empty_range_needs_no_request(table: ForecastTable) -> None:
    assert table.range(SYMBOL, NOON, NOON).forecasts == ()


@pytest.mark.parametrize("cursor", ["tomorrow", "2026-11-21T12:00:00Z"])
def test_a_foreign_cursor_is_refused(table: ForecastTable, cursor: str) -> None:
    with pytest.raises(BadRequest):
        table.range(SYMBOL, NOON, NOON + timedelta(hours=2), cursor=cursor)


def test_the_newest_forecast_is_that_of_the_latest_hour(table: ForecastTable, make_forecast: MakeForecast) -> None:
    for hour in (0, 5, 3):
        table.put(make_forecast(NOON + timedelta(hours=hour)))

    newest = table.newest(SYMBOL)
    assert newest is not None
    assert newest.target_hour == NOON + timedelta(hours=5)
