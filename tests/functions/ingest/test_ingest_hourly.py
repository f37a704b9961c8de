"""The hourly run: only closed candles, whatever was missed is made good, nothing is written twice."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from candlecast import features, hours
from candlecast.events import CandlesStored
from candlecast.gaps import Gap
from candlecast.hours import HOUR
from candlecast.lake import Lake
from lambdas.ingest.ingest import RECENT
from lambdas.ingest.request import Span
from tests.functions.ingest.world import FIRST, SYMBOL, World, some_hour

NOON = some_hour(50, 12)


def test_the_first_run_fetches_enough_history_for_every_feature(world: World) -> None:
    outcome = world.hour(NOON)

    assert outcome.stored == features.WARM_UP + RECENT // HOUR
    assert outcome.newest == NOON - HOUR
    assert outcome.missing == 0
    world.assert_true_up_to(NOON - HOUR)
    newest = world.stored("features").iloc[-1]
    assert newest[list(features.NAMES)].notna().all()
    assert pd.isna(newest["target_return"]), "its hour has not closed"


@pytest.mark.parametrize(
    ("delay", "newest"),
    [
        (timedelta(0), -2),
        (timedelta(seconds=4), -2),
        (timedelta(seconds=5), -1),
        (timedelta(minutes=59, seconds=59), -1),
    ],
)
def test_a_candle_is_stored_once_its_hour_and_the_grace_have_passed(
    world: World, delay: timedelta, newest: int
) -> None:
    assert world.hour(NOON, delay).newest == NOON + newest * HOUR


def test_the_next_hour_asks_once_for_its_candle_and_the_newest_stored_ones_again(world: World) -> None:
    world.hour(NOON)
    world.market.requests.clear()

    outcome = world.hour(NOON + HOUR)

    assert outcome.stored == 1
    assert world.market.requests == [Span(NOON - 3 * HOUR, NOON + HOUR)]
    assert outcome.requests == 1
    world.assert_true_up_to(NOON)


def test_missed_hours_are_made_good_by_the_next_run(world: World) -> None:
    world.hour(NOON)

    outcome = world.hour(NOON + 9 * HOUR)

    assert outcome.stored == 9
    world.assert_true_up_to(NOON + 8 * HOUR)


def test_a_gap_is_asked_for_again_until_it_is_filled(world: World) -> None:
    gap = NOON + HOUR
    world.hour(NOON)
    world.market.withheld = {gap}
    for hours_later in (1, 2, 3, 4):
        world.hour(NOON + hours_later * HOUR)
    assert gap not in set(world.stored()["open_time"])
    targets = world.stored("features").set_index("open_time")["target_return"]
    assert pd.isna(targets[gap - HOUR]), "the hour after it is unknown"

    world.market.withheld = set()
    outcome = world.hour(NOON + 5 * HOUR)

    assert outcome.missing == 0
    world.assert_true_up_to(NOON + 4 * HOUR)


def test_an_hour_that_no_exchange_has_yet_is_counted_recorded_and_announced_without_a_source(world: World) -> None:
    world.hour(NOON)
    world.market.withheld = {NOON}

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.missing, outcome.newest) == (0, 1, NOON - HOUR)
    assert world.gaps.read(SYMBOL).gaps == (Gap(start=NOON, end=NOON + HOUR, asked=("binance",)),)
    told = json.loads(world.events[-1]["Detail"])
    assert (told["hour"], told["hours_stored"], told["source"]) == (hours.text(NOON), 0, None), "predict says why"


def test_the_event_tells_the_hour_and_carries_the_time_of_its_cause(world: World) -> None:
    world.hour(NOON)

    (entry,) = world.events
    event, time = CandlesStored.parse(
        {
            "detail-type": entry["DetailType"],
            "detail": json.loads(entry["Detail"]),
            "time": entry["Time"].isoformat(),
        }
    )
    assert (event.symbol, event.hour, event.source) == (SYMBOL, NOON - HOUR, "binance")
    assert time == NOON + timedelta(minutes=1)


def test_the_same_event_twice_changes_no_object_and_tells_again(world: World) -> None:
    world.hour(NOON)
    before = world.etags()

    outcome = world.hour(NOON)

    assert outcome.stored == 0
    assert world.etags() == before
    assert len(world.events) == 2, "whether the first one was told before a crash cannot be known"


def test_the_same_event_twice_at_once_ends_like_one(world: World) -> None:
    world.hour(NOON)
    threads = [threading.Thread(target=world.hour, args=(NOON + HOUR,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    world.assert_true_up_to(NOON)


def test_events_out_of_order_lose_and_invent_nothing(world: World) -> None:
    for hours_later in (0, 3, 1, 2, 4):
        world.hour(NOON + hours_later * HOUR)

    world.assert_true_up_to(NOON + 3 * HOUR)
    told = [pd.Timestamp(json.loads(entry["Detail"])["hour"]) for entry in world.events]
    assert told == [NOON - HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR], "an overtaken hour is not announced"


@pytest.mark.parametrize("later", [1, 50])
def test_a_crash_between_the_candles_and_the_features_heals(
    world: World, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    world.hour(NOON)
    update = Lake.update

    def dies_at_features(self: Lake, dataset: Any, *args: Any) -> Any:
        if dataset == "features":
            raise KeyboardInterrupt
        return update(self, dataset, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "update", dies_at_features)
        with pytest.raises(KeyboardInterrupt):
            world.hour(NOON + later * HOUR)

    world.hour(NOON + later * HOUR)

    world.assert_true_up_to(NOON + (later - 1) * HOUR)


@pytest.mark.parametrize("midnight", [some_hour(61), some_hour(92)])
def test_the_first_hours_of_a_month_settle_the_last_target_of_the_month_before(
    world: World, midnight: datetime
) -> None:
    assert midnight.day == 1
    for hours_later in range(-2, 3):
        world.hour(midnight + hours_later * HOUR)

    world.assert_true_up_to(midnight + HOUR)


def test_a_candle_that_cannot_be_is_quarantined_with_the_reason_and_asked_for_again(world: World) -> None:
    world.hour(NOON)
    honest = world.market.truth.copy()
    world.market.correct(NOON, low=1e9)

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.quarantined, outcome.missing) == (0, 1, 1)
    (quarantined,) = world.stored("quarantine").to_dict("records")
    assert quarantined["open_time"] == NOON
    assert "high and low" in quarantined["reason"]

    world.hour(NOON + HOUR)
    assert len(world.stored("quarantine")) == 1, "met again, kept once"

    world.market.truth = honest
    world.hour(NOON + 2 * HOUR)
    world.assert_true_up_to(NOON + HOUR)


def test_a_corrected_candle_is_kept_with_everything_that_follows_from_it(world: World) -> None:
    world.market.withheld = {NOON - 5 * HOUR}
    world.hour(NOON)
    world.market.truth.loc[world.market.truth["open_time"] == NOON - 3 * HOUR, "volume"] *= 2
    world.market.withheld = set()

    before = world.stored().set_index("open_time").loc[NOON - 3 * HOUR]

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.corrected) == (2, 1), "the gap and the new one; the corrected one"
    world.assert_true_up_to(NOON)
    (version,) = world.stored("revisions").to_dict("records")
    assert {name: version[name] for name in before.index} == before.to_dict()
    assert version["superseded_at"] == NOON + HOUR + timedelta(minutes=1)


def test_after_months_of_silence_a_run_starts_as_if_nothing_were_stored(world: World) -> None:
    world.hour(FIRST + timedelta(days=2))

    world.hour(some_hour(99))

    assert world.market.requests[-1].start > some_hour(60)
    newest = world.stored("features").iloc[-1]
    assert newest[list(features.NAMES)].notna().all()
