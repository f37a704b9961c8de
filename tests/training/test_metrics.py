"""Scores, checked against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from candlecast.errors import TooLittleData
from training.metrics import rolling_band, score


def table(actual: list[float], predicted: list[float], half_width: float = 0.02) -> pd.DataFrame:
    point = np.array(predicted)
    return pd.DataFrame(
        {
            "target_hour": pd.date_range("2025-01-31T20:00Z", periods=len(actual), freq="h", unit="us"),
            "predicted_return": point,
            "lower_return": point - half_width,
            "upper_return": point + half_width,
            "probability_up": 0.5 + np.sign(point) / 10,
            "actual_return": actual,
            "reference_close": 100.0,
            "volatility": 0.01,
        }
    )


def test_scores_of_four_hours() -> None:
    scores = score(table([0.01, -0.01, 0.03, 0.0], [0.01, 0.01, 0.0, 0.0]), 0.8)
    assert scores.hours == 4
    assert scores.mae == pytest.approx((0 + 0.02 + 0.03 + 0) / 4)
    assert scores.zero_change_mae == pytest.approx(0.05 / 4)
    assert scores.skill == pytest.approx(1 - 0.05 / 0.05)
    assert scores.rmse == pytest.approx(math.sqrt((0.02**2 + 0.03**2) / 4))
    mean = 0.75  # of the actual returns, percent
    assert scores.r2 == pytest.approx(1 - (4 + 9) / (0.25**2 + 1.75**2 + 2.25**2 + mean**2))
    assert scores.r2_over_zero_change == pytest.approx(1 - (4 + 9) / (1 + 1 + 9))
    assert scores.r2_delta == pytest.approx(scores.r2)  # the price was 100 throughout
    assert scores.directional_accuracy == 0.5  # hours without a move or a direction do not count
    assert scores.coverage == 0.75
    assert scores.width == pytest.approx(0.04)


def test_pinball_loss_of_one_hour() -> None:
    above = score(table([0.05], [0.0]), 0.8)
    assert above.pinball == pytest.approx((0.1 * 0.07 + 0.9 * 0.03) / 2)


def test_zero_change_has_no_skill_and_no_direction() -> None:
    scores = score(table([0.01, -0.02], [0.0, 0.0]), 0.8)
    assert scores.skill == 0
    assert math.isnan(scores.directional_accuracy)
    assert "directional_accuracy" not in scores.record()


def test_where_nothing_moves_skill_cannot_be_told() -> None:
    assert math.isnan(score(table([0.0, 0.0], [0.0, 0.01]), 0.8).skill)


def test_no_forecasts_is_an_error_with_a_remedy() -> None:
    with pytest.raises(TooLittleData, match="ask for a period that has candles"):
        score(table([], []), 0.8)


def test_r2_of_the_delta_weighs_hours_by_their_price() -> None:
    forecasts = table([0.01, -0.01], [0.01, 0.0]).assign(reference_close=[100.0, 300.0])
    assert score(forecasts, 0.8).r2 == pytest.approx(1 - 1 / 2)
    assert score(forecasts, 0.8).r2_delta == pytest.approx(1 - 9 / (2 * 2**2))  # deltas 1 and -3, mean -1


def test_r2_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(2)
    actual, point = random.normal(0.001, 0.01, (2, 500))
    assert score(table(actual.tolist(), point.tolist()), 0.8).r2 == pytest.approx(metrics.r2_score(actual, point))


def test_forecasts_without_an_interval_are_scored_as_points_only() -> None:
    forecasts = table([0.01, -0.02], [0.0, 0.001]).assign(lower_return=np.nan, upper_return=np.nan)
    scores = score(forecasts, 0.8)
    assert scores.mae == pytest.approx(0.0155)
    assert {"coverage", "width", "pinball"}.isdisjoint(scores.record())


def test_the_band_to_beat_holds_quantiles_of_the_thirty_days_known_at_the_origin() -> None:
    random = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "open_time": pd.date_range("2025-01-01T00:00Z", periods=1000, freq="h", unit="us"),
            "target_return": random.normal(0, 0.01, 1000),
        }
    )
    band = rolling_band(rows, 0.8)
    known = rows["target_return"][899 - 720 + 1 : 900]  # row 900's origin ends the hour that row 899 asks for
    assert band["band_lower"][900] == pytest.approx(np.quantile(known, 0.1))
    assert band["band_upper"][900] == pytest.approx(np.quantile(known, 0.9))
    assert band["band_lower"].isna().sum() == 168  # too few hours for a quantile before that
    changed = rolling_band(rows.assign(target_return=rows["target_return"].where(rows.index < 900, 9.0)), 0.8)
    pd.testing.assert_frame_equal(band[:901], changed[:901])


def test_the_interval_is_compared_with_the_band() -> None:
    forecasts = table([0.05], [0.0]).assign(band_lower=-0.03, band_upper=0.03)
    scores = score(forecasts, 0.8)
    assert scores.pinball_reference == pytest.approx((0.1 * 0.08 + 0.9 * 0.02) / 2)
    assert scores.pinball_skill == pytest.approx(1 - scores.pinball / scores.pinball_reference)
