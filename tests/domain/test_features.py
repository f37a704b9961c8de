"""What features are worth, candle by candle; test_laws.py tries the laws that every one of them obeys."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from candlecast import features
from candlecast.errors import BadRequest

Simulate = Callable[..., pd.DataFrame]
Recorded = Callable[..., pd.DataFrame]

COLUMNS = ("volatility", *features.NAMES)
WARM_UPS = {"volatility": features.VOLATILITY_WARM_UP} | {f.name: f.warm_up for f in features.FEATURES}


@pytest.fixture(scope="module", params=["simulated", "recorded", "with gaps"])
def market(request: pytest.FixtureRequest, simulate: Simulate, recorded: Recorded) -> pd.DataFrame:
    if request.param == "recorded":
        return recorded("BTC-USDT", "2020-02-10T00:00Z", "2020-04-01T00:00Z")
    whole = simulate(1300, seed=1)
    if request.param == "simulated":
        return whole
    gone = {*np.random.default_rng(2).integers(1, 1299, 40).tolist(), *range(700, 706)}
    return whole.drop(index=list(gone)).reset_index(drop=True)


@pytest.fixture(scope="module")
def table(market: pd.DataFrame) -> pd.DataFrame:
    return features.compute(market)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_feature_is_known_from_its_declared_warm_up_on(name: str, simulate: Simulate) -> None:
    values = features.compute(simulate(600))[name]
    first_known = WARM_UPS[name] - 1
    assert values[:first_known].isna().all()
    assert np.isfinite(values[first_known:]).all()


def test_the_live_row_is_the_batch_row_to_the_last_bit(market: pd.DataFrame, table: pd.DataFrame) -> None:
    for position in (-1, -7, -100):
        start = table["open_time"].iloc[position]
        incremental = features.compute(market, start=start.to_pydatetime())
        pd.testing.assert_frame_equal(
            incremental, table[table["open_time"] >= start].reset_index(drop=True), check_exact=True
        )


def test_bare_numbers_are_the_table_s(market: pd.DataFrame, table: pd.DataFrame) -> None:
    np.testing.assert_array_equal(features.matrix(market), table[["close", *COLUMNS]])


def test_a_warm_up_that_begins_in_a_gap_is_complete_all_the_same(simulate: Simulate) -> None:
    market = simulate(1000)
    start = market["open_time"][800]
    market = market.drop(index=800 - (features.WARM_UP - 1)).reset_index(drop=True)
    whole = features.compute(market)
    incremental = features.compute(market, start=start.to_pydatetime())
    assert incremental["volatility"].notna().all()
    pd.testing.assert_frame_equal(incremental, whole[whole["open_time"] >= start].reset_index(drop=True))


def test_two_months_of_candles_always_suffice() -> None:
    assert features.WARM_UP <= 28 * 24 - 1


def test_about_thirty_features_with_distinct_names_in_a_fixed_order() -> None:
    assert len(features.NAMES) == len(set(features.NAMES)) == 31
    assert features.NAMES[0] == "scaled_return_0"


class TestGaps:
    GAP = 800

    @pytest.fixture
    def without(self, simulate: Simulate) -> pd.DataFrame:
        return features.compute(simulate(1200, seed=4).drop(index=self.GAP).reset_index(drop=True))

    def at(self, table: pd.DataFrame, name: str, hours_after: int) -> float:
        return float(table[name].iloc[self.GAP + hours_after - 1])  # the row before it is the missing one

    def test_one_hour_ago_never_means_two(self, without: pd.DataFrame) -> None:
        assert np.isnan(self.at(without, "scaled_return_0", 1)), "the return into the hour after the gap is unknown"
        assert np.isfinite(self.at(without, "scaled_return_0", 2))
        for lag in (1, 2, 3, 4, 5, 23):
            assert np.isnan(self.at(without, f"scaled_return_{lag}", 1 + lag))

    def test_lags_and_moves_are_those_of_pandas_on_hours_not_on_rows(self, simulate: Simulate) -> None:
        gone = [*range(560, 563), 571, 600, *range(640, 650)]
        market = simulate(1000, seed=6).drop(index=gone).set_index("open_time")
        table = features.compute(market.reset_index()).set_index("open_time")
        close = np.log(market["close"].asfreq("h"))
        for name, moved in {
            **{f"scaled_return_{lag}": close.diff().shift(lag) for lag in (0, 1, 5, 23)},
            **{f"momentum_{hours}": (close - close.shift(hours)) / hours**0.5 for hours in (6, 24, 168)},
        }.items():
            expected = (moved.reindex(table.index) / table["volatility"]).iloc[520:]
            np.testing.assert_allclose(table[name].iloc[520:], expected, rtol=1e-9, atol=1e-12, err_msg=name)

    def test_a_move_is_unknown_just_where_one_of_its_ends_is_missing(self, without: pd.DataFrame) -> None:
        for hours in (6, 12, 24):
            assert np.isnan(self.at(without, f"momentum_{hours}", hours))
            assert np.isfinite(self.at(without, f"momentum_{hours}", hours - 1))

    def test_averages_outlive_a_missing_hour(self, without: pd.DataFrame) -> None:
        for name in ("volatility", "volatility_ratio_6", "relative_volume_168", "range_position_24"):
            assert np.isfinite(self.at(without, name, 1))

    def test_averages_do_not_outlive_a_long_gap(self, simulate: Simulate) -> None:
        gone = simulate(1200, seed=4).drop(index=range(500, 800)).reset_index(drop=True)
        after = features.compute(gone).iloc[500:]
        assert after["volatility"].head(60).isna().all()
        assert after["range_position_24"].head(17).isna().all()
        assert np.isfinite(after["range_position_24"].iloc[18])

    def test_every_candle_keeps_its_row_and_no_other_hour_gets_one(self, simulate: Simulate) -> None:
        market = simulate(700).drop(index=[100, 101, 350]).reset_index(drop=True)
        pd.testing.assert_series_equal(features.compute(market)["open_time"], market["open_time"])


class TestStrangeMarkets:
    def test_a_market_that_stands_still_has_no_volatility_and_raises_nothing(self, simulate: Simulate) -> None:
        still = simulate(600).assign(open=5.0, high=5.0, low=5.0, close=5.0, volume=0.0)
        table = features.compute(still)
        assert table["volatility"].isna().all()
        assert not np.isinf(table[list(features.NAMES)].to_numpy()).any()

    def test_no_candles_give_no_rows(self, simulate: Simulate) -> None:
        table = features.compute(simulate(3).head(0))
        assert table.empty
        assert [*table.columns] == ["open_time", "close", *COLUMNS]

    def test_unsorted_or_repeated_hours_are_refused(self, simulate: Simulate) -> None:
        for order in ([1, 0], [0, 0]):
            with pytest.raises(BadRequest, match="strictly increasing"):
                features.compute(simulate(2).iloc[order])


def test_values_are_those_of_plain_pandas(simulate: Simulate) -> None:
    market = simulate(700, seed=8)
    table = features.compute(market)
    log = np.log(market["close"])
    returns = log.diff()
    scale = sum(
        returns.abs()
        .rolling(memory)
        .apply(lambda w, h=half: np.average(w, weights=0.5 ** (np.arange(len(w))[::-1] / h)))
        for half, memory in features.HALF_LIVES.items()
    )
    scale /= len(features.HALF_LIVES)
    volume = market["volume"]
    expected = {
        "volatility": scale,
        "scaled_return_3": returns.shift(3) / scale,
        "momentum_24": (log - log.shift(24)) / scale / 24**0.5,
        "relative_volume_168": np.log(volume / volume.rolling(168).mean()),
        "volume_balance_6": (np.sign(returns) * volume).rolling(6).sum() / volume.rolling(6).sum(),
        "relative_strength_14": returns.clip(lower=0).rolling(14).sum() / returns.abs().rolling(14).sum(),
        "hour_of_day": market["open_time"].dt.hour,
        "day_of_week": market["open_time"].dt.dayofweek,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name].iloc[600:], values.iloc[600:], rtol=1e-9, err_msg=name)


def test_the_start_may_lie_in_a_gap(simulate: Simulate) -> None:
    market = simulate(700).drop(index=650).reset_index(drop=True)
    start: datetime = simulate(700)["open_time"][650].to_pydatetime()
    assert features.compute(market, start=start)["open_time"].iloc[0] == pd.Timestamp(start) + pd.Timedelta(hours=1)
