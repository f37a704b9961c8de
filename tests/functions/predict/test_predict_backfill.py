"""Forecasts of past hours use only what was known before them."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from candlecast.hours import HOUR
from candlecast.model import Model
from tests.functions.ingest.world import some_hour
from tests.functions.predict.world import World

DAY = timedelta(days=1)
TRAINED_UNTIL = some_hour(60)
NOW = some_hour(80)


def test_a_past_hour_is_forecast_and_settled_at_once(world: World) -> None:
    world.candles_until(NOW)

    assert world.backfill(NOW - DAY, NOW, NOW) == 24

    forecast = world.forecast(NOW - HOUR)
    assert (forecast.kind, forecast.origin, forecast.made_at) == ("backfill", NOW - HOUR, NOW)
    assert forecast.settlement is not None
    assert forecast.settlement.actual_close == world.rows.set_index("open_time")["close"][NOW - HOUR]
    assert world.history()["actual_return"].notna().sum() == 24
    world.assert_lake_agrees_with_table()


def test_the_champion_serves_only_hours_that_its_training_knew_nothing_of(world: World, model: Model) -> None:
    world.promote(model, "7")
    world.candles_until(NOW)

    world.backfill(TRAINED_UNTIL - 5 * HOUR, TRAINED_UNTIL + 5 * HOUR, NOW)

    versions = world.history()["model_version"]
    assert model.manifest["training"]["end"] == (TRAINED_UNTIL - HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    first_unseen = TRAINED_UNTIL + HOUR
    assert set(versions[versions.index < first_unseen]) == {"baseline"}
    assert set(versions[versions.index >= first_unseen]) == {"7"}


@pytest.mark.parametrize("champion", [False, True])
def test_what_came_later_does_not_change_a_forecast_of_the_past(world: World, model: Model, champion: bool) -> None:
    if champion:
        world.promote(model, "7")
    hour = some_hour(70)
    world.candles_until(hour)
    live = world.stored(hour - HOUR).forecast
    world.candles_until(NOW)

    world.backfill(hour + HOUR, hour + 2 * HOUR, NOW)
    world.rows = world.rows.copy()
    world.rows.loc[world.rows["open_time"] > hour, ["close", "volatility"]] *= 2
    world.candles_until(NOW)
    again = world.forecast(hour + HOUR)
    world.backfill(hour + HOUR, hour + 2 * HOUR, NOW)

    assert world.forecast(hour) == live, "live forecasts stand"
    changed = world.forecast(hour + HOUR)
    assert (changed.lower_return, changed.predicted_return) == (again.lower_return, again.predicted_return)
    assert changed.settlement != again.settlement, "but what is compared with it did change"


def test_a_repeated_backfill_leaves_every_object_as_it_is(world: World) -> None:
    world.candles_until(NOW)
    world.backfill(NOW - DAY, NOW, NOW)
    before = world.etags()

    world.backfill(NOW - DAY, NOW, NOW)

    assert world.etags() == before


def test_hours_whose_candle_before_is_missing_are_left_out(world: World) -> None:
    gap = NOW - 5 * HOUR
    world.candles_until(NOW, without=(gap,))

    assert world.backfill(NOW - DAY, NOW, NOW) == 23

    history = world.history()
    assert pd.Timestamp(gap + HOUR) not in history.index
    assert history["actual_return"].isna().sum() == 1, "the gap itself is forecast, and never settled"


def test_the_hour_in_progress_is_forecast_and_the_future_is_not(world: World) -> None:
    world.candles_until(NOW)

    assert world.backfill(NOW - HOUR, NOW + DAY, NOW + timedelta(minutes=20)) == 2
    assert world.forecast(NOW).settlement is None


def test_before_the_market_began_there_is_nothing_to_forecast(world: World) -> None:
    world.candles_until(NOW)

    assert world.backfill(some_hour(-10), some_hour(-9), NOW) == 0
