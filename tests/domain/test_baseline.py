from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from candlecast import features
from candlecast.baseline import MINIMUM_RETURNS, baseline
from candlecast.errors import TooLittleData
from candlecast.labels import target_return

Simulate = Callable[..., pd.DataFrame]


def test_it_forecasts_no_change_inside_a_band_of_the_stated_coverage(simulate: Simulate) -> None:
    market = simulate(3000, seed=2)
    forecast = baseline(market, 0.8).forecast(market.tail(2500))
    actual = target_return(market).tail(2500)
    inside = (forecast["lower_return"] <= actual) & (actual <= forecast["upper_return"])
    assert (forecast["predicted_return"] == 0).all()
    assert (forecast["probability_up"] == 0.5).all()
    assert 0.76 <= inside.mean() <= 0.84


def test_it_serves_after_half_a_day_with_a_documented_width(simulate: Simulate) -> None:
    market = simulate(MINIMUM_RETURNS + 1)
    newest = baseline(market, 0.8).forecast(market.tail(1)).iloc[0]
    mean_size = np.abs(market["close"].pct_change()).mean()
    assert newest["upper_return"] == -newest["lower_return"]
    assert newest["upper_return"] == pytest.approx(-np.log(0.2) * mean_size, rel=0.5)


def test_before_that_it_refuses_with_the_remedy(simulate: Simulate) -> None:
    with pytest.raises(TooLittleData, match="needs 12 hourly returns, there are 4: wait some hours or backfill"):
        baseline(simulate(5), 0.8)


def test_hours_too_early_for_a_band_have_none(simulate: Simulate) -> None:
    market = simulate(30)
    upper = baseline(market, 0.8).forecast(market)["upper_return"]
    assert upper.isna().sum() == MINIMUM_RETURNS


def test_no_hour_s_band_knows_what_came_later(simulate: Simulate) -> None:
    market = simulate(1200)
    past = market.head(900)
    pd.testing.assert_frame_equal(
        baseline(market, 0.8).forecast(past), baseline(past, 0.8).forecast(past), check_exact=True
    )


def test_feature_tables_serve_as_well_as_candles_and_the_index_is_kept(simulate: Simulate) -> None:
    market = simulate(700)
    table = features.compute(market)
    pd.testing.assert_frame_equal(
        baseline(table, 0.8).forecast(table.tail(3)), baseline(market, 0.8).forecast(market.tail(3))
    )


def test_a_market_that_stands_still_and_one_with_gaps_get_finite_bands(simulate: Simulate) -> None:
    still = simulate(400).assign(open=5.0, high=5.0, low=5.0, close=5.0)
    assert np.isfinite(baseline(still, 0.8).forecast(still.tail(1))["upper_return"]).all()
    gone = simulate(400).drop(index=range(360, 399)).reset_index(drop=True)
    assert np.isfinite(baseline(gone, 0.8).forecast(gone.tail(1))["upper_return"]).all()
