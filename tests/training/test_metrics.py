"""Scores, checked against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from candlecast.errors import TooLittleData
from training.metrics import by_month, reliability, score, skill_interval


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
        }
    )


def test_scores_of_four_hours() -> None:
    scores = score(table([0.01, -0.01, 0.03, 0.0], [0.01, 0.01, 0.0, 0.0]), 0.8)
    assert scores.hours == 4
    assert scores.mae == pytest.approx((0 + 0.02 + 0.03 + 0) / 4)
    assert scores.zero_change_mae == pytest.approx(0.05 / 4)
    assert scores.skill == pytest.approx(1 - 0.05 / 0.05)
    assert scores.rmse == pytest.approx(math.sqrt((0.02**2 + 0.03**2) / 4))
    assert scores.r2 == pytest.approx(1 - (4 + 9) / (1 + 1 + 9))
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


def test_the_interval_of_the_skill_encloses_it_and_needs_some_weeks() -> None:
    random = np.random.default_rng(1)
    actual = random.normal(0, 0.01, 24 * 7 * 20)
    forecasts = table(actual.tolist(), (0.1 * actual).tolist())
    error, zero = np.abs(0.9 * actual), np.abs(actual)
    low, high = skill_interval(error, zero, forecasts["target_hour"])
    assert low == pytest.approx(0.1)
    assert high == pytest.approx(0.1)
    noisy = np.abs(actual - random.normal(0, 0.002, len(actual)))
    low, high = skill_interval(noisy, zero, forecasts["target_hour"])
    assert low < 1 - noisy.sum() / zero.sum() < high
    assert (low, high) == skill_interval(noisy, zero, forecasts["target_hour"])
    few = slice(0, 24 * 7 * 3)
    assert all(map(math.isnan, skill_interval(noisy[few], zero[few], forecasts["target_hour"][few])))


def test_months_are_those_of_the_target_hour() -> None:
    months = by_month(table([0.01] * 6, [0.0] * 6), 0.8)
    assert {name: scores.hours for name, scores in months.items()} == {"2025-01": 4, "2025-02": 2}
    assert all(math.isnan(scores.skill_low) for scores in months.values())  # weeks too few for an interval


def test_reliability_sets_what_happened_beside_what_was_stated() -> None:
    forecasts = table([0.01, 0.01, -0.01, -0.01], [0.01, 0.01, -0.01, -0.01])
    told = reliability(forecasts, bins=2)
    assert told["stated"].tolist() == pytest.approx([0.4, 0.6])
    assert told["happened"].tolist() == [0.0, 1.0]
    assert told["hours"].tolist() == [2.0, 2.0]
