from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlecast import candles

Simulate = Callable[..., pd.DataFrame]

GRACE = timedelta(seconds=5)
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def candle(open_time: datetime, close: float = 100.0, **changes: object) -> dict[str, object]:
    values = {"open": 100.0, "high": max(101.0, close), "low": min(99.0, close), "close": close, "volume": 5.0}
    return {"open_time": open_time, **values, "source": "binance", "ingested_at": NOON, **changes}


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return candles.conform(pd.DataFrame(rows)) if rows else candles.empty()


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (NOON, 10),
        (NOON + timedelta(seconds=4), 10),
        (NOON + timedelta(seconds=5), 11),
        (NOON + timedelta(minutes=59, seconds=59), 11),
    ],
    ids=["on the hour", "within the grace", "grace over", "just before the next hour"],
)
def test_a_candle_is_closed_once_its_hour_and_the_grace_are_over(now: datetime, newest: int) -> None:
    fetched = table(*(candle(NOON.replace(hour=hour)) for hour in range(9, 13)))
    assert candles.closed(fetched, now, GRACE)["open_time"].iloc[-1] == NOON.replace(hour=newest)


@given(
    now=st.datetimes(
        min_value=datetime(2019, 1, 1),
        max_value=datetime(2030, 1, 1),
        timezones=st.sampled_from(
            [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")]
        ),
        allow_imaginary=False,
    ),
    grace=st.integers(0, 600),
)
@settings(max_examples=50)
def test_closing_depends_on_the_instant_alone_whatever_the_zone_of_now(now: datetime, grace: int) -> None:
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    fetched = table(*(candle(hour + timedelta(hours=k)) for k in range(-3, 3)))
    kept = candles.closed(fetched, now, timedelta(seconds=grace))
    assert all(t + timedelta(hours=1, seconds=grace) <= now for t in kept["open_time"])
    dropped = set(fetched["open_time"]) - set(kept["open_time"])
    assert all(t + timedelta(hours=1, seconds=grace) > now for t in dropped)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"open": -1.0}, "a price is not a finite positive number"),
        ({"close": float("nan")}, "a price is not a finite positive number"),
        ({"high": float("inf")}, "a price is not a finite positive number"),
        ({"low": 100.5}, "high and low do not enclose open and close"),
        ({"high": 99.5}, "high and low do not enclose open and close"),
        ({"volume": -0.1}, "volume is not a finite number of at least 0"),
        ({"volume": float("nan")}, "volume is not a finite number of at least 0"),
        ({"open_time": NOON + timedelta(minutes=30)}, "open time is not the start of an hour"),
    ],
)
def test_a_faulty_candle_is_quarantined_with_its_reason(fault: dict[str, object], reason: str) -> None:
    sound = candle(NOON - timedelta(hours=1))
    valid, quarantined = candles.validate(table(sound, {**candle(NOON), **fault}))
    pd.testing.assert_frame_equal(valid, table(sound))
    assert quarantined["reason"].tolist() == [reason]
    assert [*quarantined.columns] == [*candles.COLUMNS, "reason"]


def test_a_candle_without_trades_is_sound() -> None:
    still = candle(NOON, open=100.0, high=100.0, low=100.0, volume=0.0)
    valid, quarantined = candles.validate(table(still))
    assert (len(valid), len(quarantined)) == (1, 0)


def test_rows_out_of_order_come_back_in_order_and_identical_ones_once() -> None:
    hours = [NOON + timedelta(hours=k) for k in (2, 0, 1, 0)]
    valid, quarantined = candles.validate(table(*map(candle, hours)))
    assert valid["open_time"].tolist() == sorted(set(hours))
    assert quarantined.empty


def test_conflicting_candles_of_one_hour_are_all_quarantined() -> None:
    valid, quarantined = candles.validate(table(candle(NOON), candle(NOON, close=100.5), candle(NOON)))
    assert valid.empty
    assert set(quarantined["reason"]) == {"conflicting candles for one hour"}


def test_a_faulty_twin_does_not_cast_doubt_on_a_sound_candle() -> None:
    valid, quarantined = candles.validate(table(candle(NOON, volume=-1.0), candle(NOON)))
    assert (len(valid), len(quarantined)) == (1, 1)


class TestJumps:
    @pytest.fixture
    def market(self, simulate: Simulate) -> pd.DataFrame:
        return simulate(400, seed=3)

    def scaled(self, market: pd.DataFrame, rows: slice, factor: float) -> pd.DataFrame:
        factors = pd.Series(1.0, index=market.index)
        factors.loc[rows] = factor
        return market.assign(**{name: market[name] * factors for name in candles.PRICES})

    def test_an_ordinary_market_passes_whole(self, market: pd.DataFrame) -> None:
        assert candles.validate(market)[1].empty

    def test_a_price_that_leaps_and_returns_is_quarantined(self, market: pd.DataFrame) -> None:
        valid, quarantined = candles.validate(self.scaled(market, slice(300, 300), 10.0))
        assert quarantined["open_time"].tolist() == [market["open_time"][300]]
        assert quarantined["reason"].str.startswith("a jump beyond").all()
        pd.testing.assert_frame_equal(valid, market.drop(index=300).reset_index(drop=True))

    def test_a_new_level_is_believed_once_the_next_candle_confirms_it(self, market: pd.DataFrame) -> None:
        moved = self.scaled(market, slice(300, None), 10.0)
        assert candles.validate(moved)[1].empty
        _, quarantined = candles.validate(moved.iloc[300:301], before=moved.iloc[:300])
        assert len(quarantined) == 1, "the newest candle has nothing to confirm it yet"
        assert candles.validate(moved.iloc[300:302], before=moved.iloc[:300])[1].empty

    def test_a_wick_of_a_hundred_times_is_quarantined_though_its_close_is_sound(self, market: pd.DataFrame) -> None:
        high = market["high"].where(market.index != 300, market["high"] * 100)
        _, quarantined = candles.validate(market.assign(high=high))
        assert quarantined["reason"].str.startswith("a wick beyond").tolist() == [True]

    def test_the_multiple_is_configurable(self, market: pd.DataFrame) -> None:
        moved = self.scaled(market, slice(300, 300), 1.3)
        assert candles.validate(moved, jump_multiple=100.0)[1].empty
        assert len(candles.validate(moved, jump_multiple=10.0)[1]) == 1

    def test_the_first_candles_ever_are_judged_only_against_absurdity(self, market: pd.DataFrame) -> None:
        assert candles.validate(market.head(1))[1].empty
        assert len(candles.validate(self.scaled(market.head(9), slice(4, 4), 5.0))[1]) == 1

    def test_a_price_may_have_gone_far_while_nobody_looked(self, market: pd.DataFrame) -> None:
        later = self.scaled(market, slice(300, None), 1.9).drop(index=range(200, 300)).reset_index(drop=True)
        assert candles.validate(later.iloc[200:201], before=later.iloc[:200])[1].empty


class TestMerge:
    def test_an_identical_candle_keeps_its_stored_source_and_time(self) -> None:
        stored = table(candle(NOON))
        again = table(candle(NOON, source="coinbase", ingested_at=NOON + timedelta(hours=1)))
        pd.testing.assert_frame_equal(candles.merge(stored, again), stored)

    def test_a_corrected_candle_replaces_the_stored_one_with_its_source(self) -> None:
        corrected = table(candle(NOON, close=100.5, source="coinbase"))
        pd.testing.assert_frame_equal(candles.merge(table(candle(NOON)), corrected), corrected)

    def test_merging_with_nothing_changes_nothing(self) -> None:
        stored = table(candle(NOON))
        pd.testing.assert_frame_equal(candles.merge(stored, candles.empty()), stored)
        pd.testing.assert_frame_equal(candles.merge(candles.empty(), stored), stored)

    @given(
        st.lists(st.tuples(st.integers(0, 8), st.sampled_from([99.5, 100.0, 100.5])), max_size=12), st.integers(0, 12)
    )
    @settings(max_examples=30)
    def test_merging_is_idempotent_and_the_last_word_wins(self, writes: list[tuple[int, float]], cut: int) -> None:
        latest = dict(writes)
        halves = [dict(writes[:cut]), dict(writes[cut:])]
        first, second = (
            table(*(candle(NOON + timedelta(hours=hour), close) for hour, close in half.items())) for half in halves
        )
        merged = candles.merge(candles.merge(candles.empty(), first), second)
        hours = ((merged["open_time"] - pd.Timestamp(NOON)) // pd.Timedelta(hours=1)).tolist()
        assert hours == sorted(latest)
        assert merged["close"].tolist() == [latest[hour] for hour in hours]
        pd.testing.assert_frame_equal(candles.merge(merged, second), merged)


def test_missing_hours_are_those_of_the_span_that_have_no_candle() -> None:
    stored = table(candle(NOON), candle(NOON + timedelta(hours=3)))
    inner = [NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
    assert candles.missing_hours(stored) == inner
    wider = candles.missing_hours(stored, NOON - timedelta(hours=1), NOON + timedelta(hours=5))
    assert wider == [NOON - timedelta(hours=1), *inner, NOON + timedelta(hours=4)]
    assert candles.missing_hours(candles.empty()) == []
    assert candles.missing_hours(candles.empty(), NOON, NOON + timedelta(hours=1)) == [NOON]


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_epoch_numbers_are_read_in_the_unit_their_size_tells(moment: datetime, per_second: int) -> None:
    second = moment.replace(microsecond=0, tzinfo=UTC)
    assert candles.instants([int(second.timestamp()) * per_second])[0] == second


def test_units_may_change_within_one_dump() -> None:
    stamps = [1_735_689_600_000, 1_735_693_200_000_000]
    assert candles.instants(stamps).tolist() == [pd.Timestamp("2025-01-01T00Z"), pd.Timestamp("2025-01-01T01Z")]


def test_an_empty_table_has_the_contract_s_types() -> None:
    expected = dict.fromkeys(candles.VALUES, np.dtype("float64"))
    types = candles.empty().dtypes
    assert {name: types[name] for name in candles.VALUES} == expected
    assert str(types["open_time"]) == str(types["ingested_at"]) == "datetime64[us, UTC]"
    pd.testing.assert_frame_equal(candles.validate(candles.empty())[0], candles.empty())
