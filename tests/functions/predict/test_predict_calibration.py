"""The champion's interval learns from every hour that settles, once, and can lose what it wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from candlecast import hours
from candlecast.calibration import Calibration
from candlecast.hours import HOUR
from candlecast.model import Model
from lambdas.predict.live_calibration import LiveCalibrations, learnt_until
from tests.cloud import BUCKET
from tests.functions.ingest.world import SYMBOL, some_hour
from tests.functions.predict.world import World

NOON = some_hour(70, 12)
KEY = f"models/symbol={SYMBOL}/version=7/calibration.json"


def stored(world: World) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(world.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())
    return document


def state(world: World) -> Calibration:
    return Calibration.from_record(stored(world)["calibration"])


def run(world: World, count: int, start: int = 0) -> None:
    """Predict's runs from NOON + *start* on, one by one."""
    for place in range(start, start + count):
        world.candles_until(NOON + place * HOUR)
        world.stored(NOON + (place - 1) * HOUR)


@pytest.fixture
def served(world: World, model: Model) -> World:
    world.promote(model, "7")
    return world


def test_the_state_lies_beside_the_bundle_and_follows_the_settled_hours(served: World, model: Model) -> None:
    run(served, 3)

    assert learnt_until(state(served)) == NOON + HOUR
    assert stored(served)["until"] == hours.text(NOON + HOUR)
    known = served.rows[served.rows["open_time"] < NOON + HOUR]
    assert state(served) == model.settled(known).intervals.calibration


def test_live_bounds_are_those_of_a_walk_through_the_same_hours(served: World, model: Model) -> None:
    run(served, 4)

    rows = served.rows[served.rows["open_time"] < NOON + 3 * HOUR]
    walked = model.forecast(rows).set_index("open_time")
    for place in range(4):
        forecast = served.forecast(NOON + place * HOUR)
        expected = walked.loc[NOON + (place - 1) * HOUR]
        assert (forecast.lower_return, forecast.upper_return) == (expected["lower_return"], expected["upper_return"])
        assert forecast.probability_up == expected["probability_up"]


def test_coverage_stays_nominal_after_the_market_has_doubled(served: World) -> None:
    later = served.rows["open_time"] >= NOON
    served.rows = served.rows.copy()
    served.rows.loc[later, "target_return"] *= 2.5
    served.candles_until(NOON + 400 * HOUR)

    for place in (0, 400):
        served.stored(NOON + (place - 1) * HOUR)

    before, after = served.forecast(NOON), served.forecast(NOON + 400 * HOUR)
    assert state(served).correction > 0.3
    assert after.upper_return - after.lower_return > 1.3 * (before.upper_return - before.lower_return)


def test_a_repeated_event_learns_nothing_twice(served: World) -> None:
    run(served, 3)
    before = served.etags()[KEY]

    served.stored(NOON + HOUR)

    assert served.etags()[KEY] == before


def test_a_late_event_forecasts_from_what_was_known_at_its_hour(served: World, model: Model) -> None:
    run(served, 1)
    served.candles_until(NOON + 8 * HOUR)
    served.stored(NOON + 7 * HOUR)
    before = served.etags()[KEY]

    served.stored(NOON + 3 * HOUR)

    walked = model.forecast(served.rows[served.rows["open_time"] <= NOON + 3 * HOUR]).iloc[-1]
    late = served.forecast(NOON + 4 * HOUR)
    assert (late.lower_return, late.upper_return) == (walked["lower_return"], walked["upper_return"])
    assert served.etags()[KEY] == before


def test_hours_that_a_dead_run_did_not_write_down_are_learnt_by_the_next(
    served: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise RuntimeError("killed")

    run(served, 1)
    with monkeypatch.context() as dying:
        dying.setattr(LiveCalibrations, "keep", die)
        with pytest.raises(RuntimeError):
            run(served, 1, start=1)
    run(served, 1, start=2)
    healed = state(served)

    served.s3.delete_object(Bucket=BUCKET, Key=KEY)
    served.stored(NOON + HOUR)

    assert state(served) == healed, "as if nothing had happened"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b'{"schema_version": 1}',
        b'{"schema_version": 2}',
        b'{"schema_version": 1, "bundle_sha256": "00", "calibration": {}}',
    ],
)
def test_a_damaged_state_is_made_again_from_the_bundle_and_the_stored_features(served: World, damage: bytes) -> None:
    run(served, 2)
    healthy = state(served)
    served.s3.put_object(Bucket=BUCKET, Key=KEY, Body=damage)

    served.stored(NOON)

    assert state(served) == healthy


def test_of_two_runs_at_once_the_second_leaves_the_state_of_the_first(served: World) -> None:
    run(served, 1)
    champion = served.platform.champions.serving(SYMBOL).champion
    assert champion is not None
    served.candles_until(NOON + 2 * HOUR)
    series = served.series()
    first, second = (served.platform.calibrations.at(champion, series, NOON + HOUR) for _ in range(2))
    served.platform.calibrations.keep(first)
    before = served.etags()[KEY]

    served.platform.calibrations.keep(second)

    assert served.etags()[KEY] == before


def test_an_hour_without_a_candle_teaches_nothing_and_holds_nothing_up(served: World) -> None:
    gap = NOON + HOUR
    for place in range(5):
        served.candles_until(NOON + place * HOUR, without=(gap,))
        served.stored(NOON + (place - 1) * HOUR)

    assert learnt_until(state(served)) == NOON + 3 * HOUR


def test_a_new_champion_begins_with_its_own_state(served: World, model: Model) -> None:
    run(served, 2)
    before = served.etags()[KEY]
    served.promote(model, "8")

    run(served, 1, start=2)

    assert served.etags()[KEY] == before
    assert KEY.replace("version=7", "version=8") in served.etags()


def test_a_backfilled_interval_learns_along_the_hours_and_never_ahead(served: World, model: Model) -> None:
    served.candles_until(NOON + 48 * HOUR)
    served.stored(NOON + 47 * HOUR)

    served.backfill(NOON, NOON + 24 * HOUR, NOON + 48 * HOUR)

    walked = model.forecast(served.rows).set_index("open_time")
    for place in (0, 11, 23):
        forecast, expected = served.forecast(NOON + place * HOUR), walked.loc[NOON + (place - 1) * HOUR]
        assert (forecast.lower_return, forecast.upper_return) == (expected["lower_return"], expected["upper_return"])
