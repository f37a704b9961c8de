"""Several exchanges: each is asked for what is still missing once the answers before it were judged."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest

from candlecast.errors import BadSettings, CandlecastError, ExchangeRefused, ExchangeThrottled, ExchangeUnavailable
from candlecast.gaps import Gap
from candlecast.hours import HOUR
from lambdas.ingest.request import Span
from tests.functions.ingest.world import FIRST, SYMBOL, Spoil, World, some_hour, spoiling

NOON = some_hour(50, 12)
"""The hour whose candle the faults befall; everything before it is stored."""


@pytest.fixture
def world(world: World) -> World:
    world.hour(NOON)
    world.sources = ("binance", "coinbase", "bitstamp")
    world.market.requests.clear()
    world.market.asked.clear()
    return world


def without(*hours: datetime) -> Spoil:
    return lambda rows: rows[~rows["open_time"].isin(list(hours))].reset_index(drop=True)


def sources(world: World) -> dict[pd.Timestamp, str]:
    table = world.stored()
    return dict(zip(table["open_time"], table["source"], strict=True))


@pytest.mark.parametrize(
    "failure",
    [ExchangeUnavailable("503"), ExchangeThrottled("429"), ExchangeRefused("451")],
    ids=lambda e: type(e).__name__,
)
def test_an_exchange_that_fails_is_followed_by_the_next(world: World, failure: CandlecastError) -> None:
    world.market.down = {"binance": failure}

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.source, outcome.missing) == (1, "coinbase", 0)
    assert world.market.asked == ["binance", "coinbase"], "nobody is asked for what is there"
    assert world.market.requests[-1] == Span(NOON, NOON + HOUR), "only the missing hour: the others are not its own"
    world.assert_true_up_to(NOON)


def test_an_exchange_that_lags_is_followed_by_the_next_and_its_forming_candle_is_not_believed(world: World) -> None:
    def three_hours_behind(rows: pd.DataFrame) -> pd.DataFrame:
        behind = rows[rows["open_time"] <= NOON - 3 * HOUR].reset_index(drop=True)
        behind.loc[behind["open_time"] == NOON - 3 * HOUR, "volume"] /= 2  # half an hour of trades
        return behind

    world.market.spoiled = {"binance": three_hours_behind}

    outcome = world.hour(NOON + HOUR)

    assert (outcome.source, outcome.corrected) == ("coinbase", 0)
    world.assert_true_up_to(NOON)


def test_a_first_run_on_a_lagging_exchange_takes_the_last_hours_from_the_next(world: World) -> None:
    def three_hours_behind(rows: pd.DataFrame) -> pd.DataFrame:
        behind = rows[rows["open_time"] <= NOON - 3 * HOUR].reset_index(drop=True)
        behind.loc[behind["open_time"] == NOON - 3 * HOUR, "close"] *= 1.001
        return behind

    world.market.spoiled = {"binance": three_hours_behind}
    world.backfill(FIRST, NOON, NOON)

    world.assert_true_up_to(NOON - HOUR)


@pytest.mark.parametrize(
    "fault",
    [{"low": -1.0}, {"close": float("nan")}, {"high": 1.0}, {"volume": -3.0}],
    ids=["negative", "nan", "high below low", "negative volume"],
)
def test_a_faulty_candle_is_quarantined_and_taken_from_the_next(world: World, fault: dict[str, float]) -> None:
    world.market.spoiled = {"binance": spoiling(NOON, **fault)}

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.quarantined, outcome.source) == (1, 1, "coinbase")
    world.assert_true_up_to(NOON)
    (quarantined,) = world.stored("quarantine").to_dict("records")
    assert (quarantined["open_time"], quarantined["source"]) == (NOON, "binance")


def test_conflicting_candles_are_quarantined_and_the_next_one_decides(world: World) -> None:
    def twice(rows: pd.DataFrame) -> pd.DataFrame:
        other = rows[rows["open_time"] == NOON]
        return pd.concat([rows, other.assign(volume=other["volume"] * 2)], ignore_index=True)

    world.market.spoiled = {"binance": twice}

    outcome = world.hour(NOON + HOUR)

    assert (outcome.stored, outcome.quarantined, outcome.source) == (1, 2, "coinbase")
    world.assert_true_up_to(NOON)


class TestJumps:
    def wick(self, world: World, times: float) -> dict[str, float]:
        hour = world.market.truth["open_time"] == NOON
        return {"high": float(world.market.truth.loc[hour, "high"].iloc[0] * times)}

    def test_a_jump_that_a_second_exchange_does_not_show_gives_way_to_its_candle(self, world: World) -> None:
        world.market.spoiled = {"binance": spoiling(NOON, **self.wick(world, 100))}

        outcome = world.hour(NOON + HOUR)

        assert (outcome.stored, outcome.quarantined, outcome.source) == (1, 1, "coinbase")
        assert world.market.asked == ["binance", "coinbase"]
        assert world.stored("quarantine")["reason"].iloc[0].startswith("a wick beyond")
        world.assert_true_up_to(NOON)

    def test_a_jump_that_a_second_exchange_shows_too_is_believed_with_its_own_source(self, world: World) -> None:
        world.market.correct(NOON, **self.wick(world, 3))

        outcome = world.hour(NOON + HOUR)

        assert (outcome.stored, outcome.quarantined, outcome.source) == (1, 0, "binance")
        world.assert_true_up_to(NOON)

    def test_of_three_exchanges_two_that_agree_decide(self, world: World) -> None:
        world.market.correct(NOON, **self.wick(world, 3))
        world.market.spoiled = {"coinbase": spoiling(NOON, **self.wick(world, 200))}

        outcome = world.hour(NOON + HOUR)

        assert (outcome.source, outcome.quarantined) == ("binance", 1)
        world.assert_true_up_to(NOON)

    def test_with_nobody_to_confirm_it_the_hour_stays_a_gap(self, world: World) -> None:
        world.sources = ("binance",)
        world.market.correct(NOON, **self.wick(world, 3))

        outcome = world.hour(NOON + HOUR)

        assert (outcome.stored, outcome.quarantined, outcome.missing, outcome.gap_hours) == (0, 1, 1, 1)

        world.sources = ("binance", "bitstamp")
        assert world.hour(NOON + 2 * HOUR).gap_hours == 0
        world.assert_true_up_to(NOON + HOUR)


def test_only_what_is_still_missing_is_asked_of_the_next(world: World) -> None:
    lacking = (some_hour(10, 3), some_hour(10, 9))
    world.market.spoiled = {"binance": without(*lacking)}

    outcome = world.backfill(some_hour(5), some_hour(15), NOON)

    assert world.market.requests == [Span(some_hour(5), some_hour(15)), Span(lacking[0], lacking[1] + HOUR)]
    assert outcome.taken == {"binance": 238, "coinbase": 2}
    assert {hour for hour, source in sources(world).items() if source == "coinbase"} == set(lacking)


def test_what_nobody_has_is_a_gap_with_the_names_of_those_that_answered(world: World) -> None:
    world.market.withheld = {some_hour(10)}
    world.market.down = {"bitstamp": ExchangeRefused("unknown symbol")}

    outcome = world.backfill(some_hour(5), NOON, NOON)

    assert (outcome.missing, outcome.gap_hours) == (1, 1)
    asked = ("binance", "coinbase")
    assert world.gaps.read(SYMBOL).gaps == (Gap(start=some_hour(10), end=some_hour(10) + HOUR, asked=asked),)


def test_an_exchange_that_fails_matters_only_where_the_newest_hour_is_missing(world: World) -> None:
    world.market.withheld = {NOON - 5 * HOUR}
    world.market.down = {"bitstamp": ExchangeUnavailable("500"), "coinbase": ExchangeUnavailable("500")}

    assert world.hour(NOON + HOUR).source == "binance"

    world.market.withheld = {NOON + HOUR}
    with pytest.raises(ExchangeUnavailable, match=r"No exchange served all of BTC-USDT: 500 500"):
        world.hour(NOON + 2 * HOUR)


def test_without_any_answer_the_run_fails_with_what_may_pass_and_records_the_gap(world: World) -> None:
    world.market.down = {
        "binance": ExchangeRefused("451"), "coinbase": ExchangeThrottled("429"), "bitstamp": ExchangeRefused("404"),
    }  # fmt: skip

    with pytest.raises(ExchangeThrottled, match=r"451 429 404"):
        world.hour(NOON + HOUR)

    assert world.gaps.read(SYMBOL).gaps == (Gap(start=NOON, end=NOON + HOUR, asked=()),)
    world.market.down = {}
    world.hour(NOON + HOUR)
    assert world.gaps.read(SYMBOL).gaps == ()
    world.assert_true_up_to(NOON)


def test_where_every_exchange_refuses_asking_again_is_no_use(world: World) -> None:
    world.market.down = dict.fromkeys(world.sources, ExchangeRefused("unknown symbol"))

    with pytest.raises(ExchangeRefused):
        world.hour(NOON + HOUR)


def test_wrong_settings_are_told_at_once(world: World) -> None:
    world.market.down = {"binance": BadSettings("no such exchange")}

    with pytest.raises(BadSettings):
        world.hour(NOON + HOUR)

    assert world.market.asked == ["binance"]


def test_a_candle_of_another_exchange_never_replaces_a_stored_one(world: World) -> None:
    world.market.down = {"binance": ExchangeUnavailable("500")}
    world.market.spoiled = {"coinbase": spoiling(NOON, volume=1.0)}
    world.hour(NOON + HOUR)
    world.market.down = {}

    outcome = world.hour(NOON + 2 * HOUR)

    assert outcome.corrected == 0
    stored = world.stored().set_index("open_time").loc[NOON]
    assert (stored["volume"], stored["source"]) == (1.0, "coinbase")


def test_an_exchange_corrects_its_own_candle_also_from_the_second_place(world: World) -> None:
    world.market.down = {"binance": ExchangeUnavailable("500")}
    world.market.spoiled = {"coinbase": spoiling(NOON, volume=1.0)}
    world.hour(NOON + HOUR)
    world.market.spoiled = {}

    assert world.hour(NOON + 2 * HOUR).corrected == 1

    world.assert_true_up_to(NOON + HOUR)
    assert world.stored("revisions")["volume"].tolist() == [1.0]


def test_the_same_correction_is_made_once(world: World) -> None:
    world.market.correct(NOON - HOUR, volume=3.0)
    world.hour(NOON + HOUR)
    before = world.etags()

    assert world.hour(NOON + HOUR).corrected == 0
    assert world.backfill(NOON - timedelta(days=3), NOON, NOON + HOUR).corrected == 0

    assert {key: tag for key, tag in world.etags().items() if "gaps" not in key} == {
        key: tag for key, tag in before.items() if "gaps" not in key
    }
    assert len(world.stored("revisions")) == 1
