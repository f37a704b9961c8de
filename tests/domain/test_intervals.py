from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from candlecast import features
from candlecast.intervals import Intervals

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Recorded = Callable[..., pd.DataFrame]


def arrays(rows: pd.DataFrame) -> Rows:
    known = rows.dropna()
    return known[list(features.NAMES)].to_numpy(), known["volatility"].to_numpy(), known["target_return"].to_numpy()


@pytest.fixture(scope="module")
def known(rows: pd.DataFrame) -> Rows:
    return arrays(rows)


def test_coverage_holds_on_unseen_hours_of_a_market_whose_volatility_comes_and_goes(known: Rows) -> None:
    matrix, volatility, target = known
    past, unseen = slice(None, 3200), slice(3200, None)
    intervals = Intervals.fit(matrix[past], volatility[past], target[past], coverage=0.8)
    lower, upper = intervals.bounds(matrix[unseen], volatility[unseen], np.zeros_like(target[unseen]))
    inside = (lower <= target[unseen]) & (target[unseen] <= upper)
    assert 0.75 <= inside.mean() <= 0.85
    wild = upper - lower > np.median(upper - lower)
    assert 0.73 <= inside[wild].mean() <= 0.87, "in wild hours"
    assert 0.73 <= inside[~wild].mean() <= 0.87, "in calm hours"


def test_wilder_hours_get_wider_intervals(known: Rows) -> None:
    matrix, volatility, target = known
    lower, upper = Intervals.fit(*known, coverage=0.8).bounds(matrix, volatility, np.zeros_like(target))
    assert np.corrcoef(upper - lower, np.abs(target))[0, 1] > 0.2


def test_more_coverage_is_wider(known: Rows) -> None:
    narrow, wide = (Intervals.fit(*known, coverage=coverage) for coverage in (0.8, 0.95))
    assert wide.lower < narrow.lower < 0 < narrow.upper < wide.upper


def test_the_interval_encloses_even_an_extreme_point(known: Rows) -> None:
    matrix, volatility, target = known
    point = np.full_like(target, 0.5)
    lower, upper = Intervals.fit(*known, coverage=0.8).bounds(matrix, volatility, point)
    assert (lower < 0).all()
    assert (upper == 0.5).all()


def test_the_probability_of_a_rise_grows_with_the_point_and_never_reaches_certainty(known: Rows) -> None:
    matrix, volatility, _ = (values[:200] for values in known)
    intervals = Intervals.fit(*known, coverage=0.8)
    probabilities = [
        intervals.probability_up(matrix, volatility, share * volatility) for share in (-50.0, -0.2, 0.0, 0.2, 50.0)
    ]
    assert (np.diff(probabilities, axis=0) > 0).all()
    np.testing.assert_array_equal(probabilities[2], 0.5)
    assert 0 < np.min(probabilities) < np.max(probabilities) < 1


def test_the_state_survives_json(known: Rows) -> None:
    intervals = Intervals.fit(*known, coverage=0.8)
    assert Intervals.from_record(intervals.record()) == intervals


def test_the_newest_hours_are_scaled_by_a_fit_that_has_not_seen_them(known: Rows) -> None:
    matrix, volatility, target = known
    newest = np.arange(len(target)) >= len(target) - len(target) // 4
    doubled = np.where(newest, 2 * target, target)
    before, after = (Intervals.fit(matrix, volatility, values, coverage=0.8) for values in (target, doubled))
    assert after.upper == pytest.approx(2 * before.upper), "in-sample quantiles would have hidden part of it"


def test_coverage_on_a_recorded_market(recorded: Recorded) -> None:
    from candlecast import labels

    table = features.compute(recorded("BTC-USDT", "2022-01-01T00:00Z", "2022-12-01T00:00Z"))
    matrix, volatility, target = arrays(table.assign(target_return=labels.target_return(table)))
    inside = []
    for end in range(4000, len(target) - 720, 720):  # refitted monthly
        past, month = slice(None, end), slice(end, end + 720)
        intervals = Intervals.fit(matrix[past], volatility[past], target[past], coverage=0.8)
        lower, upper = intervals.bounds(matrix[month], volatility[month], np.zeros(720))
        inside.append((lower <= target[month]) & (target[month] <= upper))
    assert 0.76 <= np.mean(inside) <= 0.84
