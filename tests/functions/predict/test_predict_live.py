"""A forecast for every hour: the champion's if it can be had, else the baseline's with the reason; settled once."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from candlecast import baseline
from candlecast.errors import TooLittleData
from candlecast.events import ForecastMade
from candlecast.hours import HOUR
from candlecast.model import Model
from tests.cloud import BUCKET
from tests.functions.ingest.world import SYMBOL, some_hour
from tests.functions.predict.world import World

NOON = some_hour(70, 12)


def test_without_a_champion_no_change_is_forecast_inside_a_volatility_band(world: World) -> None:
    world.candles_until(NOON)

    outcome = world.stored(NOON - HOUR)

    forecast = world.forecast(NOON)
    assert outcome.made
    assert forecast == outcome.forecast
    assert (forecast.model_version, forecast.note) == ("baseline", "no model has been promoted yet")
    assert (forecast.target_hour, forecast.origin, forecast.kind) == (NOON, NOON, "live")
    assert forecast.made_at == NOON + timedelta(minutes=1)
    assert forecast.predicted_delta == 0
    assert forecast.lower_delta < 0 < forecast.upper_delta
    world.assert_lake_agrees_with_table()


def test_the_champion_forecasts_from_the_newest_candle(world: World, model: Model) -> None:
    world.candles_until(NOON)
    world.promote(model, "7")

    world.stored(NOON - HOUR)

    forecast = world.forecast(NOON)
    newest = world.rows[world.rows["open_time"] == NOON - HOUR]
    expected = model.settled(world.rows[world.rows["open_time"] < NOON - HOUR]).forecast(newest).iloc[0]
    assert (forecast.model_version, forecast.note) == ("7", None)
    assert forecast.predicted_return == pytest.approx(expected["predicted_return"], rel=1e-12)
    assert forecast.upper_delta == pytest.approx(expected["upper_return"] * newest["close"].iloc[0], rel=1e-12)
    assert forecast.reference_close == newest["close"].iloc[0]


def test_candles_that_came_later_do_not_change_a_forecast(world: World, model: Model) -> None:
    world.promote(model, "7")
    world.candles_until(NOON)
    early = world.stored(NOON - HOUR).forecast
    world.table = world.platform.table
    world.candles_until(NOON + 9 * HOUR)

    late = world.stored(NOON - HOUR)

    assert not late.made
    assert late.forecast == early


def test_the_first_forecast_comes_after_half_a_day_of_candles_and_not_before(world: World) -> None:
    first = world.rows["open_time"].iloc[0].to_pydatetime()
    for count in (0, 5):
        world.candles_until(first + count * HOUR)
        with pytest.raises(TooLittleData):
            world.stored(first + max(0, count - 1) * HOUR)

    world.candles_until(first + 24 * HOUR)

    assert world.stored(first + 23 * HOUR).forecast.upper_return > 0


def test_a_forecast_is_settled_once_its_hour_has_closed(world: World) -> None:
    world.candles_until(NOON)
    world.stored(NOON - HOUR)
    world.candles_until(NOON + HOUR)

    assert world.stored(NOON).settled == 1

    forecast = world.forecast(NOON)
    actual = world.rows.set_index("open_time")["close"][NOON]
    assert forecast.settlement is not None
    assert forecast.settlement.actual_close == actual
    assert forecast.settlement.absolute_error == abs(actual / forecast.reference_close - 1)
    assert world.forecast(NOON + HOUR).settlement is None
    world.assert_lake_agrees_with_table()


def test_hours_without_events_are_settled_by_the_next_one_even_across_a_month(world: World) -> None:
    midnight = some_hour(92)
    assert midnight.day == 1
    for target in (midnight - 2 * HOUR, midnight - HOUR, midnight):
        world.candles_until(target)
        world.stored(target - HOUR)
    world.table.settle(SYMBOL, midnight - HOUR, world.forecast(midnight - HOUR).settled(1.0))
    world.candles_until(midnight + 3 * HOUR)

    world.stored(midnight + 2 * HOUR)

    assert world.history()["actual_return"].notna().tolist() == [True, True, True, False]


def test_the_same_event_twice_changes_nothing(world: World, model: Model) -> None:
    world.promote(model, "7")
    for target in (NOON, NOON + HOUR):
        world.candles_until(target)
        world.stored(target - HOUR)
    before, made = world.etags(), world.forecast(NOON + HOUR)

    outcome = world.stored(NOON)

    assert (outcome.made, outcome.settled) == (False, 0)
    assert world.etags() == before
    assert world.forecast(NOON + HOUR) == made


def test_a_new_champion_does_not_rewrite_what_was_said(world: World, model: Model) -> None:
    world.candles_until(NOON)
    said = world.stored(NOON - HOUR).forecast
    world.promote(model, "7")

    assert world.stored(NOON - HOUR).forecast == said

    world.candles_until(NOON + HOUR)
    assert world.stored(NOON).forecast.model_version == "7", "it serves from the next hour on"


def test_events_out_of_order_end_like_events_in_order(world: World) -> None:
    world.candles_until(NOON + 4 * HOUR)

    for offset in (2, 0, 1, 3, 2):
        world.stored(NOON + (offset - 1) * HOUR)

    world.candles_until(NOON + 5 * HOUR)
    world.stored(NOON + 3 * HOUR)
    history = world.history()
    assert list(history.index) == [NOON + i * HOUR for i in range(5)]
    assert history["actual_return"].notna().tolist() == [True] * 4 + [False]
    world.assert_lake_agrees_with_table()


@pytest.mark.parametrize("stage", ["before the lake", "before the table is settled"])
def test_a_crash_between_the_stores_heals(world: World, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    world.candles_until(NOON)
    world.stored(NOON - HOUR)
    world.candles_until(NOON + HOUR)
    method = "lake.Lake.update" if stage == "before the lake" else "forecast_table.ForecastTable.settle"

    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"candlecast.{method}", dies)
        with pytest.raises(KeyboardInterrupt):
            world.stored(NOON)

    world.stored(NOON)

    assert world.forecast(NOON).settlement is not None
    assert list(world.history()["actual_return"].notna()) == [True, False]
    world.assert_lake_agrees_with_table()


def test_a_tampered_bundle_does_not_serve_and_the_forecast_says_so(world: World, model: Model) -> None:
    world.candles_until(NOON)
    key = world.promote(model, "7")
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"anything else")

    outcome = world.stored(NOON - HOUR)

    forecast = world.forecast(NOON)
    assert outcome.champion_broken
    assert forecast.model_version == "baseline"
    assert forecast.note is not None
    assert "sha256 differs" in forecast.note


def test_a_pointer_that_cannot_be_read_does_not_stop_the_service(world: World) -> None:
    world.candles_until(NOON)
    world.s3.put_object(Bucket=BUCKET, Key=f"models/symbol={SYMBOL}/champion.json", Body=b"{")

    assert world.stored(NOON - HOUR).champion_broken
    assert world.forecast(NOON).model_version == "baseline"


def test_a_champion_is_fetched_once_and_again_after_a_swap(world: World, model: Model) -> None:
    fetched: list[str] = []
    world.s3.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_: fetched.append(params["Key"])
    )
    for version in ("7", "8"):
        world.promote(model, version)
        for target in (NOON, NOON + HOUR):
            world.candles_until(target)
            world.stored(target - HOUR)

    assert [key for key in fetched if key.endswith("model.tar.gz")] == [
        f"models/symbol={SYMBOL}/version={version}/model.tar.gz" for version in ("7", "8")
    ]


def test_where_the_newest_candle_is_missing_the_band_widens_and_the_note_says_why(world: World, model: Model) -> None:
    world.promote(model, "7")
    world.candles_until(NOON - HOUR)
    before = world.stored(NOON - 2 * HOUR).forecast

    forecast = world.stored(NOON - HOUR).forecast

    assert before.model_version == "7"
    assert forecast.model_version == "baseline"
    assert forecast.note == "the newest candle is missing: this goes 2 hours from the close before it"
    assert (forecast.target_hour, forecast.origin) == (NOON, NOON - HOUR)
    history = world.rows[world.rows["open_time"] < NOON - HOUR]
    band = baseline.baseline(history, coverage=0.8).forecast(history.tail(1)).iloc[0]
    assert forecast.lower_return == pytest.approx(band["lower_return"] * math.sqrt(2), rel=1e-12)
    assert forecast.upper_return == pytest.approx(band["upper_return"] * math.sqrt(2), rel=1e-12)


def test_a_live_forecast_made_without_the_newest_candle_stands_when_the_candle_comes(world: World) -> None:
    world.candles_until(NOON - HOUR)
    said = world.stored(NOON - HOUR).forecast
    world.candles_until(NOON)

    assert world.stored(NOON - HOUR, delay=timedelta(minutes=5)).forecast == said


def test_an_hour_without_a_candle_is_not_settled_until_its_candle_comes(world: World) -> None:
    world.candles_until(NOON)
    world.stored(NOON - HOUR)
    world.candles_until(NOON + 3 * HOUR, without=(NOON,))

    world.stored(NOON + 2 * HOUR)

    assert world.forecast(NOON).settlement is None
    world.candles_until(NOON + 4 * HOUR)
    assert world.stored(NOON + 3 * HOUR).settled == 2
    settlement = world.forecast(NOON).settlement
    assert settlement is not None
    assert settlement.actual_close == world.rows.set_index("open_time")["close"][NOON]


def test_a_gap_among_the_inputs_makes_the_champion_pass(world: World, model: Model) -> None:
    world.promote(model, "7")
    world.rows = world.rows.copy()
    world.rows.loc[world.rows["open_time"] == NOON - HOUR, "scaled_return_3"] = math.nan
    world.candles_until(NOON)

    forecast = world.stored(NOON - HOUR).forecast

    assert (forecast.model_version, forecast.note) == (
        "baseline",
        "a candle among those that the model needs is missing",
    )


def test_an_event_that_comes_after_its_target_hour_makes_no_live_forecast(world: World) -> None:
    world.candles_until(NOON)

    assert world.stored(NOON - HOUR, delay=timedelta(minutes=61)).forecast.kind == "backfill"


def test_the_bus_hears_of_every_forecast(world: World) -> None:
    world.candles_until(NOON)
    world.stored(NOON - HOUR)

    (entry,) = world.events
    event, time = ForecastMade.parse(
        {"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"]), "time": entry["Time"].isoformat()}
    )
    assert (event.hour, event.target_hour, event.model_version) == (NOON - HOUR, NOON, "baseline")
    assert time == NOON + timedelta(minutes=1)
