"""Walk-forward evaluation never lets a model see the hours it is scored on."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest

from candlecast.model import fit
from training.dataset import Dataset
from training.validation import EMBARGO, HOUR, Forecaster, folds, outcomes, walk_forward

START = datetime(2025, 3, 11, tzinfo=UTC)
FITTED = partial(fit, coverage=0.8, shrinkage=0.5, threads=1)


class Echo:
    """Forecasts that the last return comes again, with a band of one percent."""

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        point = features["scaled_return_0"] * features["volatility"]
        return pd.DataFrame(
            {
                "open_time": features["open_time"],
                "predicted_return": point,
                "lower_return": point - 0.01,
                "upper_return": point + 0.01,
                "probability_up": 0.5,
            }
        )


def test_a_fold_is_a_month_and_its_training_ends_an_hour_before(dataset: Dataset) -> None:
    made = list(folds(dataset.rows, START))
    first_origins = [fold.test["open_time"].iloc[0] + HOUR for fold in made]
    assert first_origins == [pd.Timestamp(START), pd.Timestamp("2025-04-01T00:00Z")]
    for fold, origin in zip(made, first_origins, strict=True):
        newest_label_known = fold.train["open_time"].iloc[-1] + 2 * HOUR
        assert newest_label_known == origin - EMBARGO
        assert fold.train["open_time"].iloc[0] == dataset.rows["open_time"].iloc[0]  # the window expands


def test_every_origin_from_the_start_is_forecast_once(dataset: Dataset) -> None:
    made = walk_forward(dataset.rows, START, lambda _: Echo())
    expected = dataset.rows["open_time"][dataset.rows["open_time"] + HOUR >= pd.Timestamp(START)] + HOUR
    assert made["target_hour"].tolist() == expected.tolist()
    assert str(made["target_hour"].dtype) == "datetime64[us, UTC]"


def test_a_forecast_stands_beside_the_return_of_its_own_target_hour(dataset: Dataset) -> None:
    made = outcomes(Echo(), dataset.rows).set_index("target_hour")
    closes = dataset.rows.set_index("open_time")["close"]
    hour = pd.Timestamp("2025-03-20T15:00Z")
    expected = closes.pct_change()[hour]
    assert made["actual_return"][hour] == pytest.approx(expected)


def test_no_forecast_depends_on_anything_later(dataset: Dataset) -> None:
    """Everything from a cut on is replaced by noise; forecasts up to the cut keep every bit."""
    cut = pd.Timestamp("2025-04-04T00:00Z")
    later = (dataset.rows["open_time"] >= cut).to_numpy()
    target_later = (dataset.rows["open_time"] + HOUR >= cut).to_numpy()
    noisy = dataset.rows.copy()
    random = np.random.default_rng(3)
    numbers = [name for name in noisy.columns if name not in ("open_time", "volatility", "hour_of_day", "day_of_week")]
    noisy.loc[later, numbers] = random.uniform(0.5, 1.5, (later.sum(), len(numbers)))
    noisy.loc[target_later, "target_return"] = random.normal(0, 0.1, target_later.sum())

    forecasts, disturbed = (walk_forward(rows, START, FITTED) for rows in (dataset.rows, noisy))
    known = forecasts["target_hour"] <= cut
    columns = ["target_hour", "predicted_return", "lower_return", "upper_return", "probability_up"]
    pd.testing.assert_frame_equal(forecasts.loc[known, columns], disturbed.loc[known, columns], check_exact=True)
    assert not forecasts.loc[~known, "predicted_return"].equals(disturbed.loc[~known, "predicted_return"])


def test_the_same_data_give_the_same_forecasts(dataset: Dataset) -> None:
    once, again = (walk_forward(dataset.rows, START, FITTED) for _ in range(2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_progress_is_told_before_each_fit(dataset: Dataset) -> None:
    told: list[str] = []

    def fitted(_: pd.DataFrame) -> Forecaster:
        told.append("fit")
        return Echo()

    walk_forward(dataset.rows, START, fitted, lambda fold: told.append(f"{len(fold.test)}"))
    assert told == ["504", "fit", "216", "fit"]
