import numpy as np
import pandas as pd
import pytest

from candlecast import windows
from candlecast.errors import BadRequest
from candlecast.windows import Past

SERIES = np.random.default_rng(0).normal(size=300)


@pytest.mark.parametrize("hours", [1, 2, 3, 7, 64, 100])
def test_means_and_extremes_are_those_of_pandas(hours: int) -> None:
    rolling, past = pd.Series(SERIES).rolling(hours), Past(SERIES, 200)
    np.testing.assert_allclose(past.mean(hours), rolling.mean()[100:], atol=1e-12)
    np.testing.assert_array_equal(past.maximum(hours), rolling.max()[100:])
    np.testing.assert_array_equal(past.minimum(hours), rolling.min()[100:])


def test_a_weighted_mean_halves_its_weights_every_half_life() -> None:
    impulse = np.zeros(40)
    impulse[10] = 1.0
    response = Past(impulse, 25).averages({4: 16})[4]
    assert response[1] / response[5] == pytest.approx(2.0)
    assert (response[11:] == 0).all(), "nothing is left of it once its memory ends"


def test_unknown_hours_are_left_out_of_a_mean_until_too_few_are_known() -> None:
    past = Past(np.array([1.0, np.nan, 3.0, 5.0, np.nan, np.nan, 7.0]), 4)
    np.testing.assert_array_equal(past.mean(4), [3.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(past.maximum(4), [5.0, np.nan, np.nan, np.nan])


def test_before_its_start_a_series_is_unknown() -> None:
    past = Past(np.concatenate([np.full(7, np.nan), SERIES[:8]]), 8)
    assert np.isnan(past.mean(8)[:5]).all()
    np.testing.assert_allclose(past.mean(8)[5:], [SERIES[:6].mean(), SERIES[:7].mean(), SERIES[:8].mean()])


def test_the_present_value_is_the_same_to_the_last_bit_wherever_the_series_starts() -> None:
    for start in range(0, 250, 7):
        part, whole = Past(SERIES[start:], 1), Past(SERIES, 1)
        assert part.mean(37) == whole.mean(37)
        assert part.averages({9: 37, 5: 23}) == whole.averages({9: 37, 5: 23})


def test_a_null_is_forgotten_once_it_leaves_the_window() -> None:
    holed = SERIES.copy()
    holed[200] = np.nan
    for hours in (5, 24):
        np.testing.assert_array_equal(Past(holed, 100).mean(hours)[hours:], Past(SERIES, 100).mean(hours)[hours:])


def test_a_past_is_seen_from_each_of_the_last_hours() -> None:
    past = Past(np.arange(10.0), 3)
    np.testing.assert_array_equal(past.now, [7, 8, 9])
    np.testing.assert_array_equal(past.ago(7), [0, 1, 2])
    with pytest.raises(IndexError, match="before the series' start"):
        past.ago(8)


def test_a_lag_longer_than_the_series_is_all_unknown() -> None:
    assert np.isnan(windows.lag(SERIES[:5], 9)).all()


def test_a_grid_lays_values_on_their_hours() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01T00Z", "2026-01-01T03Z"]))
    np.testing.assert_array_equal(windows.Grid(times).spread(pd.Series([1.0, 2.0])), [1.0, np.nan, np.nan, 2.0])


def test_hours_that_do_not_increase_are_refused() -> None:
    with pytest.raises(BadRequest, match="strictly increasing"):
        windows.epoch_hours(pd.Series(pd.to_datetime(["2026-01-01T03Z", "2026-01-01T03Z"])))
