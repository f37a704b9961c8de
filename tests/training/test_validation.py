"""Walk-forward evaluation never lets a model see the hours it is scored on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from candlecast.errors import BadRequest, TooLittleData
from candlecast.model import fit
from candlecast.settings import Refit
from training.dataset import Dataset
from training.validation import EMBARGO, HOUR, Fold, Forecaster, Schedule, folds, outcomes, walk_forward, window_days

START = datetime(2025, 3, 11, tzinfo=UTC)
MONTHLY = Schedule(START)
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
    made = list(folds(dataset.rows, MONTHLY))
    first_origins = [fold.test["open_time"].iloc[0] + HOUR for fold in made]
    assert first_origins == [pd.Timestamp(START), pd.Timestamp("2025-04-01T00:00Z")]
    for fold, origin in zip(made, first_origins, strict=True):
        newest_label_known = fold.train["open_time"].iloc[-1] + 2 * HOUR
        assert newest_label_known == origin - EMBARGO
        assert fold.train["open_time"].iloc[0] == dataset.rows["open_time"].iloc[0]  # the window expands


def test_every_origin_from_the_start_is_forecast_once(dataset: Dataset) -> None:
    made = walk_forward(dataset.rows, MONTHLY, lambda _: Echo())
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

    forecasts, disturbed = (walk_forward(rows, MONTHLY, FITTED) for rows in (dataset.rows, noisy))
    known = forecasts["target_hour"] <= cut
    columns = ["target_hour", "predicted_return", "lower_return", "upper_return", "probability_up"]
    pd.testing.assert_frame_equal(forecasts.loc[known, columns], disturbed.loc[known, columns], check_exact=True)
    assert not forecasts.loc[~known, "predicted_return"].equals(disturbed.loc[~known, "predicted_return"])


def test_the_same_data_give_the_same_forecasts(dataset: Dataset) -> None:
    once, again = (walk_forward(dataset.rows, MONTHLY, FITTED) for _ in range(2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_progress_is_told_before_each_fit(dataset: Dataset) -> None:
    told: list[str] = []

    def fitted(_: pd.DataFrame) -> Forecaster:
        told.append("fit")
        return Echo()

    walk_forward(dataset.rows, MONTHLY, fitted, lambda fold: told.append(f"{len(fold.test)}"))
    assert told == ["504", "fit", "216", "fit"]


def origins(made: list[Fold]) -> list[str]:
    return [str(fold.test["open_time"].iloc[0] + HOUR)[:13] for fold in made]


def newest_known(fold: Fold) -> pd.Timestamp:
    """When the newest outcome that the fold learns from became known."""
    known: pd.Timestamp = fold.train["open_time"].iloc[-1] + 2 * HOUR
    return known


@pytest.mark.parametrize(
    ("refit", "expected"),
    [
        ("never", ["2025-03-11 00"]),
        ("weekly", ["2025-03-11 00", "2025-03-17 00", "2025-03-24 00", "2025-03-31 00", "2025-04-07 00"]),
        ("monthly", ["2025-03-11 00", "2025-04-01 00"]),
        ("quarterly", ["2025-03-11 00", "2025-04-01 00"]),
        ("yearly", ["2025-03-11 00"]),
    ],
)
def test_the_model_is_fitted_anew_at_the_start_of_each_calendar_period(
    dataset: Dataset, refit: Refit, expected: list[str]
) -> None:
    made = list(folds(dataset.rows, Schedule(START, refit=refit)))
    assert origins(made) == expected
    assert sum(len(fold.test) for fold in made) == 30 * 24


def test_a_rolling_window_forgets_what_is_older(dataset: Dataset) -> None:
    for fold in folds(dataset.rows, Schedule(START, window_days=20)):
        assert len(fold.train) == 20 * 24
        assert newest_known(fold) == fold.test["open_time"].iloc[0] + HOUR - EMBARGO


def test_open_outcomes_are_purged_and_an_embargo_leaves_out_more(dataset: Dataset) -> None:
    for embargo in (timedelta(0), timedelta(days=2)):
        for fold in folds(dataset.rows, Schedule(START, embargo=embargo)):
            assert newest_known(fold) == fold.test["open_time"].iloc[0] + HOUR - embargo


def test_training_may_end_long_before_the_first_hour_scored_and_later_refits_know_more(dataset: Dataset) -> None:
    until = datetime(2025, 3, 5, tzinfo=UTC)
    first, second = folds(dataset.rows, Schedule(START, train_until=until))
    assert newest_known(first) == pd.Timestamp(until)
    assert newest_known(second) == second.test["open_time"].iloc[0] + HOUR - EMBARGO


def test_the_hold_out_stays_untouched(dataset: Dataset) -> None:
    end = datetime(2025, 4, 1, tzinfo=UTC)
    made = walk_forward(dataset.rows, Schedule(START, end=end), lambda _: Echo())
    assert made["target_hour"].iloc[-1] == pd.Timestamp(end) - HOUR


def test_a_schedule_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadRequest, match="would see the hours scored"):
        Schedule(START, train_until=START + timedelta(days=1))
    with pytest.raises(BadRequest, match="no hour from 2025-03-11"):
        Schedule(START, end=START)


def test_hours_to_score_must_exist(dataset: Dataset) -> None:
    with pytest.raises(TooLittleData, match="no complete hour to score from 2027"):
        list(folds(dataset.rows, Schedule(datetime(2027, 1, 1, tzinfo=UTC))))


def test_rows_out_of_order_are_refused(dataset: Dataset) -> None:
    with pytest.raises(BadRequest, match="in order of time"):
        list(folds(dataset.rows[::-1], MONTHLY))


def test_of_pooled_rows_all_are_learnt_from_and_one_symbol_is_forecast(dataset: Dataset) -> None:
    pooled = pd.concat([dataset.rows.assign(symbol=name) for name in ("BTC-USDT", "ETH-USDT")])
    pooled = pooled.sort_values(["open_time", "symbol"], ignore_index=True)
    for alone, together in zip(folds(dataset.rows, MONTHLY), folds(pooled, MONTHLY, "ETH-USDT"), strict=True):
        assert len(together.train) == 2 * len(alone.train)
        assert newest_known(together) == newest_known(alone)
        assert set(together.test["symbol"]) == {"ETH-USDT"}
        assert together.test["open_time"].tolist() == alone.test["open_time"].tolist()


def test_windows_are_written_in_words() -> None:
    assert window_days("expanding") is None
    assert window_days("rolling:730") == 730
    for wrong in ("rolling", "rolling:0", "rolling:x", "sliding:5", "expanding:5"):
        with pytest.raises(BadRequest, match="write expanding, or rolling:DAYS"):
            window_days(wrong)
