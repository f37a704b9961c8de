"""Runs at once, in any interleaving, cut off anywhere: they end in the bytes of one clean run after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlecast import candles
from candlecast.errors import LakeUnavailable
from candlecast.hours import HOUR
from tests.functions.ingest.stage import Actor, MemoryBucket, Stage
from tests.functions.ingest.world import SYMBOL, World, some_hour

MIDNIGHT = some_hour(31)
"""The first hour of September: what happens here touches two months of features."""
NOW = MIDNIGHT + 4 * HOUR
GAPS = {some_hour(19, 5), MIDNIGHT - HOUR, MIDNIGHT}
FOREVER_MISSING = some_hour(20, 7)
CORRECTED = MIDNIGHT + 2 * HOUR


def world_of(bucket: MemoryBucket) -> World:
    """The market as it is now: gaps are served, one candle is corrected."""
    world = World(bucket)  # type: ignore[arg-type]  # as much of a client as is used
    world.market.clock = NOW + HOUR
    world.market.withheld = {FOREVER_MISSING}
    world.market.correct(CORRECTED, volume=77.0)
    return world


@pytest.fixture(scope="module")
def before() -> MemoryBucket:
    """What is stored before the runs: history with gaps, one of them at the end of a month."""
    bucket = MemoryBucket()
    world = world_of(bucket)
    world.market.withheld |= GAPS
    world.market.correct(CORRECTED, volume=33.0)
    world.hour(NOW - HOUR)
    return bucket


Run = Callable[[World], object]
Cast = list[tuple[Run, int | None]]
"""Runs, and at which of its moments each dies."""


def hourly(hour: datetime) -> Run:
    return lambda world: world.hour(hour)


def repair(start: datetime, end: datetime) -> Run:
    return lambda world: world.backfill(start, end, NOW)


EVENT, LATER, REPAIR = hourly(NOW), hourly(NOW + HOUR), repair(some_hour(17), some_hour(22))
RUNS: dict[str, Run] = {
    "event": EVENT,
    "the same event": EVENT,
    "the next event": LATER,
    "repair in the month before": REPAIR,
    "repair over the month's end": repair(some_hour(29), MIDNIGHT + HOUR),
    "repair up to the month's end": repair(some_hour(29), MIDNIGHT),
    "repair from the month's first hour": repair(MIDNIGHT, MIDNIGHT + 2 * HOUR),
}


def clean(before: MemoryBucket, *runs: Run) -> World:
    world = world_of(MemoryBucket(before.bodies))
    for run in runs:
        run(world)
    return world


def contents(world: World) -> pd.DataFrame:
    return world.stored()[["open_time", *candles.VALUES, "source"]]


def assert_same(world: World, expected: World, *, also_when_ingested: bool) -> None:
    """The same candles, and the same bytes of everything that is made of them."""
    pd.testing.assert_frame_equal(contents(world), contents(expected))
    etags, wanted = world.s3.etags(), expected.s3.etags()  # type: ignore[attr-defined]  # a MemoryBucket
    told_by_time = () if also_when_ingested else ("candles/", "revisions/")
    assert {k: v for k, v in etags.items() if not k.startswith(told_by_time)} == {
        k: v for k, v in wanted.items() if not k.startswith(told_by_time)
    }
    assert etags.keys() == wanted.keys()


def play(before: MemoryBucket, cast: Cast, script: Iterator[int]) -> tuple[World, list[Actor]]:
    """Plays the runs; what died is run again, as Lambda does."""
    bucket = MemoryBucket(before.bodies)
    world = world_of(bucket)
    actors = [Actor(partial(run, world), dies_at) for run, dies_at in cast]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda _: None)
        Stage(bucket).play(actors, script)
        for actor in actors:
            if actor.died:
                actor.run()
    return world, actors


def test_the_scene_has_something_to_lose(before: MemoryBucket) -> None:
    world = clean(before, EVENT, REPAIR)

    assert len(contents(world)) == len(contents(world_of(before))) + 4
    assert len(world.stored("revisions")) == 1
    assert world.gaps.read(SYMBOL).hours == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [(EVENT, EVENT), (EVENT, REPAIR), (REPAIR, EVENT)],
    ids=["twice", "repair within", "within repair"],
)
def test_a_run_that_is_overtaken_between_any_two_requests_ends_in_the_same_bytes(
    before: MemoryBucket, first: Any, second: Any
) -> None:
    expected = clean(before, EVENT, REPAIR) if first is not second else clean(before, EVENT)
    for pause in range(40):
        world, (overtaken, _) = play(before, [(first, None), (second, None)], chain(repeat(0, pause), repeat(1)))
        assert_same(world, expected, also_when_ingested=True)
        if overtaken.moments <= 2 * pause:
            return
    pytest.fail("a run makes more requests than were tried")


@pytest.mark.parametrize("earlier_first", [True, False])
def test_neighbouring_months_of_a_backfill_at_once_end_in_the_same_bytes(earlier_first: bool) -> None:
    """Each month's features need the other's candles, whichever is stored first."""
    nothing, parts = MemoryBucket(), [repair(some_hour(26), MIDNIGHT), repair(MIDNIGHT, NOW)]
    expected = clean(nothing, *parts)
    assert expected.stored("features")["target_return"].notna().sum() == len(contents(expected)) - 1
    first, second = parts if earlier_first else reversed(parts)
    for pause in range(40):
        world, (overtaken, _) = play(nothing, [(first, None), (second, None)], chain(repeat(0, pause), repeat(1)))
        assert_same(world, expected, also_when_ingested=True)
        if overtaken.moments <= 2 * pause:
            return
    pytest.fail("a run makes more requests than were tried")


def test_a_run_that_is_killed_before_or_after_any_request_is_completed_by_its_repetition(before: MemoryBucket) -> None:
    expected = clean(before, EVENT)
    for moment in range(80):
        world, (actor,) = play(before, [(EVENT, moment)], repeat(0))
        assert_same(world, expected, also_when_ingested=True)
        if not actor.died:
            return
    pytest.fail("a run makes more requests than were tried")


@pytest.mark.parametrize("moment", range(0, 26, 3))
def test_what_a_killed_run_leaves_is_completed_by_the_next_event(before: MemoryBucket, moment: int) -> None:
    bucket = MemoryBucket(before.bodies)
    world = world_of(bucket)
    Stage(bucket).play([Actor(partial(EVENT, world), dies_at=moment)], repeat(0))

    LATER(world)

    assert_same(world, clean(before, LATER), also_when_ingested=False)


@given(
    cast=st.lists(st.sampled_from(sorted(RUNS)), min_size=2, max_size=3),
    script=st.lists(st.integers(0, 5), max_size=60),
    deaths=st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=3, max_size=3),
)
@settings(max_examples=12, deadline=None)
def test_any_interleaving_of_any_runs_with_any_deaths_ends_in_the_same_candles_features_and_gaps(
    before: MemoryBucket, cast: list[str], script: list[int], deaths: list[int | None]
) -> None:
    world, _ = play(before, [(RUNS[name], death) for name, death in zip(cast, deaths, strict=False)], iter(script))

    assert_same(world, clean(before, *(RUNS[name] for name in cast)), also_when_ingested=False)


def test_events_in_any_order_end_in_the_same_candles_features_and_gaps(before: MemoryBucket) -> None:
    assert_same(clean(before, LATER, EVENT), clean(before, EVENT, LATER), also_when_ingested=False)


def test_repeating_everything_changes_no_byte(before: MemoryBucket) -> None:
    everything = [*RUNS.values()]
    assert clean(before, *everything).s3.etags() == clean(before, *everything, *everything).s3.etags()  # type: ignore[attr-defined]  # a MemoryBucket


def test_while_s3_refuses_to_write_runs_say_to_try_again_and_nothing_is_lost(
    before: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = MemoryBucket(before.bodies)
    world = world_of(bucket)
    bucket.refuses_writes = True
    for _ in range(3):
        with pytest.raises(LakeUnavailable, match="run again later"):
            EVENT(world)
    assert bucket.bodies == before.bodies

    bucket.refuses_writes = False
    EVENT(world)

    assert_same(world, clean(before, EVENT), also_when_ingested=True)


class TestRequests:
    """Exactly what a run asks S3 for."""

    def asked(self, bucket: MemoryBucket) -> dict[str, list[str]]:
        by_object: dict[str, list[str]] = {}
        for operation, key in bucket.requests:
            parts = dict(part.split("=") for part in key.split("/") if "=" in part)
            by_object.setdefault(f"{key.split('/')[0]} {parts.get('month', '')}".strip(), []).append(operation)
        return by_object

    def test_an_hour_in_the_middle_of_a_month(self) -> None:
        bucket = MemoryBucket()
        world = World(bucket)  # type: ignore[arg-type]  # as much of a client as is used
        world.hour(some_hour(45))
        bucket.requests.clear()

        world.hour(some_hour(45) + HOUR)

        assert self.asked(bucket) == {
            "features 2026-09": ["GetObject", "PutObject"],
            "candles 2026-09": ["GetObject", "PutObject"],
            "candles 2026-08": ["GetObject", "GetObject"],
            "candles 2026-10": ["GetObject"],
            "gaps": ["GetObject", "PutObject"],
        }

    def test_a_month_of_a_backfill(self) -> None:
        bucket = MemoryBucket()
        world = World(bucket)  # type: ignore[arg-type]  # as much of a client as is used
        world.backfill(some_hour(0), MIDNIGHT, some_hour(99))
        bucket.requests.clear()

        world.backfill(MIDNIGHT, some_hour(61), some_hour(99))

        assert self.asked(bucket) == {
            "features 2026-08": ["GetObject", "PutObject"],  # its last target is known now
            "features 2026-09": ["PutObject"],
            "candles 2026-08": ["GetObject", "GetObject"],
            "candles 2026-09": ["GetObject", "PutObject"],
            "candles 2026-10": ["GetObject"],
            "gaps": ["GetObject", "PutObject"],
        }

    def test_an_hour_again(self) -> None:
        bucket = MemoryBucket()
        world = World(bucket)  # type: ignore[arg-type]  # as much of a client as is used
        world.hour(some_hour(45))
        bucket.requests.clear()

        world.hour(some_hour(45), timedelta(minutes=2))

        assert "PutObject" not in {operation for operation, _ in bucket.requests}
