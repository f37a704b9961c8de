"""Intervals and tests of scores, against closed forms, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from training.uncertainty import LAGS, diebold_mariano, ratio_intervals


def hours(count: int) -> pd.Series:
    return pd.Series(pd.date_range("2025-01-01T00:00Z", periods=count, freq="h"))


def test_a_ratio_that_is_the_same_in_every_week_is_certain() -> None:
    values = np.random.default_rng(1).uniform(1, 2, 168 * 20)
    assert ratio_intervals({"half": (0.5 * values, values)}, hours(len(values)))["half"] == pytest.approx((0.5, 0.5))


def test_the_interval_is_that_of_whole_weeks() -> None:
    """Hours within a week are copies of each other: only the number of weeks can narrow the interval."""
    weeks = 200
    weekly = np.random.default_rng(2).normal(0, 1, weeks)
    values = np.repeat(weekly, 168)
    low, high = ratio_intervals({"mean": (values, np.ones_like(values))}, hours(len(values)))["mean"]
    expected = 2 * 1.96 * weekly.std() / math.sqrt(weeks)
    assert high - low == pytest.approx(expected, rel=0.1)
    assert low < weekly.mean() < high


def test_the_same_hours_give_the_same_interval() -> None:
    random = np.random.default_rng(3)
    ratio = {"some": (random.uniform(size=3000), random.uniform(size=3000))}
    assert ratio_intervals(ratio, hours(3000)) == ratio_intervals(ratio, hours(3000))


def test_weeks_without_hours_are_no_blocks() -> None:
    """Seven weeks of hours, however far apart, are too few."""
    apart = pd.concat([hours(168) + pd.Timedelta(days=70 * place) for place in range(7)], ignore_index=True)
    values = np.ones(len(apart))
    assert all(map(math.isnan, ratio_intervals({"one": (values, values)}, apart)["one"]))


def test_few_weeks_and_empty_denominators_have_no_interval() -> None:
    values = np.ones(168 * 20)
    assert all(map(math.isnan, ratio_intervals({"few": (values[:500], values[:500])}, hours(500))["few"]))
    assert all(map(math.isnan, ratio_intervals({"none": (values, 0 * values)}, hours(len(values)))["none"]))
    assert all(map(math.isnan, ratio_intervals({"empty": (values[:0], values[:0])}, hours(0))["empty"]))


def test_the_statistic_is_that_of_a_regression_on_a_constant_with_newey_west_errors() -> None:
    linear_model = pytest.importorskip("statsmodels.regression.linear_model")
    random = np.random.default_rng(4)
    shocks = random.normal(0.05, 1, 2000)
    difference = np.convolve(shocks, np.ones(6) / 6, "same")  # neighbours are alike
    loss = random.uniform(1, 2, 2000)
    statistic, p = diebold_mariano(loss + difference, loss)
    regression = linear_model.OLS(difference, np.ones(2000)).fit(
        cov_type="HAC", cov_kwds={"maxlags": LAGS, "use_correction": False}
    )
    assert statistic == pytest.approx(regression.tvalues[0], rel=1e-8)
    assert p == pytest.approx(regression.pvalues[0], rel=1e-8)


def test_the_statistic_is_above_zero_where_the_loss_is_the_smaller() -> None:
    random = np.random.default_rng(5)
    loss = random.uniform(1, 2, 1000)
    better, _ = diebold_mariano(loss + random.uniform(0, 1, 1000), loss)
    worse, _ = diebold_mariano(loss - random.uniform(0, 1, 1000), loss)
    assert better > 5
    assert worse < -5


def test_equal_losses_are_found_different_as_seldom_as_promised() -> None:
    random = np.random.default_rng(6)
    found = [diebold_mariano(*random.exponential(1, (2, 3000)))[1] < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(found) < 0.10


def test_losses_that_never_differ_and_short_series_cannot_be_tested() -> None:
    loss = np.ones(1000)
    assert all(map(math.isnan, diebold_mariano(loss, loss)))
    assert all(map(math.isnan, diebold_mariano(loss[:90], 2 * loss[:90])))
