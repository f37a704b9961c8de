"""Parts of the hours, each scored for itself."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tests.training.test_metrics import table
from training.slices import by_hour, by_month, by_regime, cumulative_gain, reliability


def test_months_are_those_of_the_target_hour() -> None:
    months = by_month(table([0.01] * 6, [0.0] * 6), 0.8)
    assert {name: scores.hours for name, scores in months.items()} == {"2025-01": 4, "2025-02": 2}
    assert all(math.isnan(scores.skill_low) for scores in months.values())  # weeks too few for an interval


def test_hours_of_day_are_those_of_the_target_hour_in_utc() -> None:
    hours = by_hour(table([0.01] * 26, [0.0] * 26), 0.8)
    assert list(hours) == [f"{hour:02d}" for hour in range(24)]
    assert {name for name, scores in hours.items() if scores.hours == 2} == {"20", "21"}


def test_regimes_are_thirds_by_the_volatility_known_at_the_origin() -> None:
    forecasts = table([0.01, 0.02, 0.03, 0.04, 0.05, 0.06], [0.0] * 6)
    regimes = by_regime(forecasts.assign(volatility=[3.0, 1.0, 2.0, 6.0, 5.0, 4.0]), 0.8)
    assert list(regimes) == ["calm", "usual", "lively"]
    assert regimes["calm"].mae == pytest.approx(0.025)
    assert regimes["lively"].mae == pytest.approx(0.045)


def test_a_market_that_is_always_alike_has_one_regime() -> None:
    assert list(by_regime(table([0.01] * 6, [0.0] * 6), 0.8)) == ["usual"]


def test_reliability_sets_what_happened_beside_what_was_stated() -> None:
    forecasts = table([0.01, 0.01, -0.01, -0.01], [0.01, 0.01, -0.01, -0.01])
    told = reliability(forecasts, bins=2)
    assert told["stated"].tolist() == pytest.approx([0.4, 0.6])
    assert told["happened"].tolist() == [0.0, 1.0]
    assert told["hours"].tolist() == [2.0, 2.0]


def test_the_cumulative_gain_ends_at_the_skill() -> None:
    actual = np.random.default_rng(1).normal(0, 0.01, 100)
    gain = cumulative_gain(table(actual.tolist(), (0.1 * actual).tolist()))
    assert gain.index[0] == pd.Timestamp("2025-01-31T00:00Z")
    assert gain.is_monotonic_increasing
    assert gain.iloc[-1] == pytest.approx(0.1)
