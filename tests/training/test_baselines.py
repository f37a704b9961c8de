"""The baselines are what their names say, and none of them looks ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.baselines import BASELINES, EWMA_HALF_LIFE, MEAN_HOURS, Reversal
from training.dataset import Dataset

LEARNT = 1500


def forecast(name: str, rows: pd.DataFrame) -> pd.Series:
    """Of the hours after the first LEARNT ones, by a baseline made from those."""
    return BASELINES[name](rows.head(LEARNT)).forecast(rows.iloc[LEARNT:])["predicted_return"]


@pytest.mark.parametrize("name", BASELINES)
def test_every_row_gets_a_forecast_without_an_interval(name: str, dataset: Dataset) -> None:
    table = BASELINES[name](dataset.rows.head(LEARNT)).forecast(dataset.rows.iloc[LEARNT:])
    assert table["open_time"].equals(dataset.rows["open_time"].iloc[LEARNT:])
    assert table["predicted_return"].notna().all()
    assert table[["lower_return", "upper_return", "probability_up"]].isna().all(axis=None)


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_looks_ahead(name: str, dataset: Dataset) -> None:
    rows, cut = dataset.rows, LEARNT + 200
    later = rows.index >= cut
    disturbed = rows.assign(
        close=rows["close"].where(~later, 1.0),
        scaled_return_0=rows["scaled_return_0"].where(~later, 9.0),
        target_return=rows["target_return"].where(rows.index < cut - 1, 0.5),
    )
    pd.testing.assert_series_equal(forecast(name, rows).iloc[:200], forecast(name, disturbed).iloc[:200])


def test_no_change_is_forecast_as_zero(dataset: Dataset) -> None:
    assert (forecast("zero-change", dataset.rows) == 0).all()


def test_the_trailing_mean_is_that_of_the_last_weeks_returns(dataset: Dataset) -> None:
    returns = dataset.rows["close"].pct_change()
    assert forecast("trailing mean", dataset.rows).iloc[0] == pytest.approx(
        returns.iloc[LEARNT - MEAN_HOURS + 1 : LEARNT + 1].mean()
    )


def test_the_ewma_weighs_a_return_half_as_much_after_its_half_life(dataset: Dataset) -> None:
    rows = dataset.rows
    jump = rows.assign(close=np.where(rows.index < LEARNT, 100.0, 101.0))
    made = forecast("EWMA", jump)
    assert made.iloc[EWMA_HALF_LIFE] == pytest.approx(made.iloc[0] / 2, rel=0.01)


def test_reversal_takes_back_the_share_that_served_best(dataset: Dataset) -> None:
    rows = dataset.rows.assign(
        target_return=lambda table: -0.3 * np.expm1(table["scaled_return_0"] * table["volatility"])
    )
    assert Reversal(rows).share == pytest.approx(0.3)
