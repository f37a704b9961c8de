from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlecast import candles

Simulate = Callable[..., pd.DataFrame]
Recorded = Callable[..., pd.DataFrame]

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def candle(open_time: datetime, close: float = 100.0, **changes: object) -> dict[str, object]:
    values = {"open": 100.0, "high": max(101.0, close), "low": min(99.0, close), "close": close, "volume": 5.0}
    return {"open_time": open_time, **values, "source": "binance", "ingested_at": NOON, **changes}


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return candles.conform(pd.DataFrame(rows)) if rows else candles.empty()


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
    valid, quarantined, _ = candles.validate(table(sound, {**candle(NOON), **fault}))
    pd.testing.assert_frame_equal(valid, table(sound))
    assert quarantined["reason"].tolist() == [reason]
    assert [*quarantined.columns] == [*candles.COLUMNS, "reason"]


def test_a_candle_without_trades_is_sound() -> None:
    still = candle(NOON, open=100.0, high=100.0, low=100.0, volume=0.0)
    valid, quarantined, _ = candles.validate(table(still))
    assert (len(valid), len(quarantined)) == (1, 0)


def test_rows_out_of_order_come_back_in_order_and_identical_ones_once() -> None:
    hours = [NOON + timedelta(hours=k) for k in (2, 0, 1, 0)]
    valid, quarantined, _ = candles.validate(table(*map(candle, hours)))
    assert valid["open_time"].tolist() == sorted(set(hours))
    assert quarantined.empty


def test_conflicting_candles_of_one_hour_are_all_quarantined() -> None:
    valid, quarantined, _ = candles.validate(table(candle(NOON), candle(NOON, close=100.5), candle(NOON)))
    assert valid.empty
    assert set(quarantined["reason"]) == {"conflicting candles for one hour"}


def test_a_faulty_twin_does_not_cast_doubt_on_a_sound_candle() -> None:
    valid, quarantined, _ = candles.validate(table(candle(NOON, volume=-1.0), candle(NOON)))
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
        judged = candles.validate(market)
        pd.testing.assert_frame_equal(judged.valid, market)
        assert judged.quarantined.empty
        assert judged.doubted.empty

    def test_a_price_that_leaps_and_returns_is_doubted(self, market: pd.DataFrame) -> None:
        judged = candles.validate(self.scaled(market, slice(300, 300), 10.0))
        assert judged.doubted["open_time"].tolist() == [market["open_time"][300]]
        assert judged.doubted["reason"].str.startswith("a jump beyond").all()
        pd.testing.assert_frame_equal(judged.valid, market.drop(index=300).reset_index(drop=True))

    def test_a_new_level_is_believed_once_the_next_candle_confirms_it(self, market: pd.DataFrame) -> None:
        moved = self.scaled(market, slice(300, None), 10.0)
        assert candles.validate(moved).doubted.empty
        doubted = candles.validate(moved.iloc[300:301], before=moved.iloc[:300]).doubted
        assert len(doubted) == 1, "the newest candle has nothing to confirm it yet"
        assert candles.validate(moved.iloc[300:302], before=moved.iloc[:300]).doubted.empty

    def test_a_wick_of_a_hundred_times_is_doubted_though_its_close_is_sound(self, market: pd.DataFrame) -> None:
        high = market["high"].where(market.index != 300, market["high"] * 100)
        doubted = candles.validate(market.assign(high=high)).doubted
        assert doubted["reason"].str.startswith("a wick beyond").tolist() == [True]

    def test_the_multiple_is_configurable(self, market: pd.DataFrame) -> None:
        moved = self.scaled(market, slice(300, 300), 1.3)
        assert candles.validate(moved, jump_multiple=100.0).doubted.empty
        assert len(candles.validate(moved, jump_multiple=10.0).doubted) == 1

    def test_the_first_candles_ever_are_judged_only_against_absurdity(self, market: pd.DataFrame) -> None:
        assert candles.validate(market.head(1)).doubted.empty
        assert len(candles.validate(self.scaled(market.head(9), slice(4, 4), 5.0)).doubted) == 1

    def test_a_price_may_have_gone_far_while_nobody_looked(self, market: pd.DataFrame) -> None:
        later = self.scaled(market, slice(300, None), 1.9).drop(index=range(200, 300)).reset_index(drop=True)
        assert candles.validate(later.iloc[200:201], before=later.iloc[:200]).doubted.empty


class TestASecondSource:
    """A doubted candle is believed where another source's candle of the hour lies within the limit."""

    def doubted(self, high: float) -> pd.DataFrame:
        return table(candle(NOON, high=high)).assign(reason="a wick", limit=0.4)

    def witness(self, **changes: object) -> candles.Judged:
        return candles.validate(table({**candle(NOON, source="coinbase"), **changes}))

    @pytest.mark.parametrize(
        ("other", "is_confirmed"), [(290.0, True), (210.0, True), (190.0, False), (101.0, False), (460.0, False)]
    )
    def test_a_wick_counts_where_both_show_it(self, other: float, is_confirmed: bool) -> None:
        confirmed = candles.confirmed(self.doubted(high=300.0), self.witness(high=other))
        assert len(confirmed) == is_confirmed

    def test_what_is_confirmed_is_the_first_source_s_own_candle(self) -> None:
        (row,) = candles.confirmed(self.doubted(high=300.0), self.witness(high=290.0)).to_dict("records")
        assert (row["high"], row["source"]) == (300.0, "binance")

    def test_a_witness_may_look_like_a_jump_itself(self) -> None:
        shows_it_too = candles.Judged(candles.empty(), candles.empty(), self.doubted(high=290.0))
        assert len(candles.confirmed(self.doubted(high=300.0), shows_it_too)) == 1

    @pytest.mark.parametrize("witness", [{"volume": -1.0}, {"open_time": NOON + timedelta(hours=1)}])
    def test_a_faulty_candle_or_another_hour_s_shows_nothing(self, witness: dict[str, object]) -> None:
        judged = candles.validate(table({**candle(NOON, high=300.0), **witness}))
        assert candles.confirmed(self.doubted(high=300.0), judged).empty

    def test_the_real_crash_of_ether_is_doubted_from_one_source_and_believed_from_two(self, recorded: Recorded) -> None:
        """On 2020-03-13 the low of one recorded hour lay at a third of its body."""
        market = recorded("ETH-USDT", "2020-03-01T00Z", "2020-03-20T00Z")
        judged = candles.validate(market)
        assert judged.doubted["open_time"].tolist() == [pd.Timestamp("2020-03-13T02:00Z")]
        elsewhere = judged.doubted.assign(**{name: judged.doubted[name] * 1.03 for name in candles.PRICES})
        witness = candles.Judged(candles.empty(), candles.empty(), elsewhere)
        assert len(candles.confirmed(judged.doubted, witness)) == 1


HOURS = st.integers(0, 6).map(lambda k: NOON + timedelta(hours=k))
PRICES = st.sampled_from([-1.0, 0.0, 99.0, 99.5, 100.0, 101.0, 250.0, float("nan"), float("inf")])
ANY_CANDLE = st.fixed_dictionaries(
    {
        "open_time": st.one_of(HOURS, HOURS.map(lambda hour: hour + timedelta(minutes=7))),
        **dict.fromkeys(candles.PRICES, PRICES),
        "volume": st.sampled_from([0.0, 5.0, -1.0, float("nan")]),
        "source": st.just("binance"),
        "ingested_at": st.just(NOON),
    }
)


@given(st.lists(ANY_CANDLE, max_size=12))
@settings(max_examples=100, deadline=None)
def test_whatever_an_exchange_serves_is_sound_quarantined_or_doubted(served: list[dict[str, object]]) -> None:
    fetched = table(*served)
    valid, quarantined, doubted = candles.validate(fetched)
    believable = pd.concat([valid, doubted]) if len(doubted) else valid
    assert np.isfinite(believable[list(candles.VALUES)]).all(axis=None)
    assert (believable[list(candles.PRICES)] > 0).all(axis=None)
    assert (believable["low"] <= believable[["open", "close"]].min(axis=1)).all()
    assert (believable["high"] >= believable[["open", "close"]].max(axis=1)).all()
    assert (believable["volume"] >= 0).all()
    assert (believable["open_time"] == believable["open_time"].dt.floor("h")).all()
    assert (np.diff(candles.open_times(valid)) > 0).all()
    told = pd.concat([rows for rows in (valid, quarantined, doubted) if len(rows)] or [fetched])
    keys = ["open_time", *candles.VALUES]
    assert set(map(str, told[keys].to_numpy())) == set(map(str, fetched[keys].to_numpy())), "nothing vanishes unsaid"
    again = candles.validate(valid)
    pd.testing.assert_frame_equal(again.valid, valid)


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=4))
@settings(max_examples=30, deadline=None)
def test_order_and_repetition_of_rows_change_nothing(order: list[int], repeated: list[int]) -> None:
    rows = [candle(NOON + timedelta(hours=k), close=100 + k / 10) for k in range(8)]
    judged = candles.validate(table(*(rows[k] for k in [*order, *repeated])))
    pd.testing.assert_frame_equal(judged.valid, table(*rows))
    assert judged.quarantined.empty


class TestMerge:
    def test_a_stored_candle_stands_against_any_other(self) -> None:
        stored = table(candle(NOON))
        again = table(candle(NOON, close=100.5, source="coinbase", ingested_at=NOON + timedelta(hours=1)))
        pd.testing.assert_frame_equal(candles.merge(stored, again), stored)

    def test_merging_with_nothing_changes_nothing(self) -> None:
        stored = table(candle(NOON))
        pd.testing.assert_frame_equal(candles.merge(stored, candles.empty()), stored)
        pd.testing.assert_frame_equal(candles.merge(candles.empty(), stored), stored)

    @given(
        st.lists(st.tuples(st.integers(0, 8), st.sampled_from([99.5, 100.0, 100.5])), max_size=12), st.integers(0, 12)
    )
    @settings(max_examples=30)
    def test_merging_is_idempotent_and_the_first_word_stands(self, writes: list[tuple[int, float]], cut: int) -> None:
        halves = [dict(writes[:cut]), dict(writes[cut:])]
        expected = halves[1] | halves[0]
        first, second = (
            table(*(candle(NOON + timedelta(hours=hour), close) for hour, close in half.items())) for half in halves
        )
        merged = candles.merge(candles.merge(candles.empty(), first), second)
        hours = ((merged["open_time"] - pd.Timestamp(NOON)) // pd.Timedelta(hours=1)).tolist()
        assert hours == sorted(expected)
        assert merged["close"].tolist() == [expected[hour] for hour in hours]
        pd.testing.assert_frame_equal(candles.merge(merged, second), merged)


def test_missing_hours_are_those_of_the_span_that_have_no_candle() -> None:
    stored = table(candle(NOON), candle(NOON + timedelta(hours=3)))
    inner = [NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
    assert candles.missing_hours(stored).tolist() == inner
    wider = candles.missing_hours(stored, NOON - timedelta(hours=1), NOON + timedelta(hours=5))
    assert wider.tolist() == [NOON - timedelta(hours=1), *inner, NOON + timedelta(hours=4)]
    assert candles.missing_hours(candles.empty()).empty
    assert candles.missing_hours(candles.empty(), NOON, NOON + timedelta(hours=1)).tolist() == [NOON]


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
