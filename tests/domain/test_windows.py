import numpy as np
import pandas as pd
import pytest

from candlecast import windows

SERIES = np.random.default_rng(0).normal(size=300)


@pytest.mark.parametrize("hours", [1, 2, 3, 7, 64, 100])
def test_means_and_extremes_are_those_of_pandas(hours: int) -> None:
    rolling = pd.Series(SERIES).rolling(hours)
    np.testing.assert_allclose(windows.mean(SERIES, hours)[hours:], rolling.mean()[hours:], atol=1e-12)
    np.testing.assert_array_equal(windows.maximum(SERIES, hours)[hours:], rolling.max()[hours:])
    np.testing.assert_array_equal(windows.minimum(SERIES, hours)[hours:], rolling.min()[hours:])


def test_a_weighted_mean_halves_its_weights_every_half_life() -> None:
    impulse = np.zeros(40)
    impulse[10] = 1.0
    response = windows.mean(impulse, 16, half_life=4)[15:]
    assert response[1] / response[5] == pytest.approx(2.0)
    assert (response[11:] == 0).all(), "nothing is left of it once its memory ends"


def test_unknown_hours_are_left_out_of_a_mean_until_too_few_are_known() -> None:
    series = np.array([1.0, np.nan, 3.0, 5.0, np.nan, np.nan, 7.0])
    np.testing.assert_array_equal(windows.mean(series, 4), [np.nan, np.nan, np.nan, 3.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(windows.maximum(series, 4), [np.nan, np.nan, np.nan, 5.0, np.nan, np.nan, np.nan])


def test_the_present_value_is_the_same_to_the_last_bit_wherever_the_series_starts() -> None:
    for start in range(0, 250, 7):
        part = SERIES[start:]
        assert windows.mean(part, 37, half_life=9)[-1] == windows.mean(SERIES, 37, half_life=9)[-1]


def test_a_lag_longer_than_the_series_is_all_unknown() -> None:
    assert np.isnan(windows.lag(SERIES[:5], 9)).all()


def test_a_grid_lays_values_on_their_hours_and_takes_them_back() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01T00Z", "2026-01-01T03Z"]))
    grid = windows.Grid(times)
    spread = grid.spread(pd.Series([1.0, 2.0]))
    np.testing.assert_array_equal(spread, [1.0, np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(grid.gather(spread), [1.0, 2.0])
