from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from candlecast import features, labels
from candlecast.intervals import Intervals, Outcomes

Recorded = Callable[..., pd.DataFrame]


class Rows:
    """Known rows as arrays."""

    def __init__(self, table: pd.DataFrame) -> None:
        known = table.dropna(subset=[*features.NAMES, "volatility", "target_return"])
        self.matrix, self.volatility = known[list(features.NAMES)].to_numpy(), known["volatility"].to_numpy()
        self.target_hours = np.arange(len(known)) + 480_000
        self.returns = known["target_return"].to_numpy()

    def fit(self, rows: slice = slice(None), coverage: float = 0.8) -> Intervals:
        return Intervals.fit(self.matrix[rows], self.volatility[rows], self.outcomes(rows), coverage)

    def outcomes(self, rows: slice) -> Outcomes:
        return Outcomes(self.target_hours[rows], self.returns[rows])

    def inside(self, intervals: Intervals, rows: slice, settling: bool = True) -> np.ndarray:
        nothing = np.zeros_like(self.returns[rows])
        outcomes = self.outcomes(rows) if settling else None
        told = intervals.ranges(self.matrix[rows], self.volatility[rows], nothing, nothing, outcomes)
        return (told.lower <= self.returns[rows]) & (self.returns[rows] <= told.upper)


@pytest.fixture(scope="module")
def known(rows: pd.DataFrame) -> Rows:
    return Rows(rows)


@pytest.fixture(scope="module")
def fitted(known: Rows) -> Intervals:
    return known.fit(slice(None, 3200))


@pytest.mark.parametrize("settling", [False, True])
def test_coverage_holds_on_unseen_hours_of_a_market_whose_volatility_comes_and_goes(
    known: Rows, fitted: Intervals, settling: bool
) -> None:
    unseen = slice(3200, None)
    inside = known.inside(fitted, unseen, settling)
    assert 0.75 <= inside.mean() <= 0.85
    wild = known.volatility[unseen] > np.median(known.volatility[unseen])
    assert 0.73 <= inside[wild].mean() <= 0.87, "in wild hours"
    assert 0.73 <= inside[~wild].mean() <= 0.87, "in calm hours"


def test_wilder_hours_get_wider_intervals(known: Rows, fitted: Intervals) -> None:
    nothing = np.zeros_like(known.returns)
    told = fitted.ranges(known.matrix, known.volatility, nothing, nothing)
    assert np.corrcoef(told.upper - told.lower, np.abs(known.returns))[0, 1] > 0.2


def test_more_coverage_is_wider(known: Rows) -> None:
    narrow, wide = (known.fit(coverage=coverage).calibration for coverage in (0.8, 0.95))
    assert wide.lower < narrow.lower < 0 < narrow.upper < wide.upper


def test_the_interval_encloses_even_an_extreme_point(known: Rows, fitted: Intervals) -> None:
    point = np.full_like(known.returns, 0.5)
    told = fitted.ranges(known.matrix, known.volatility, point, point, known.outcomes(slice(None)))
    assert (told.lower < 0).all()
    assert (told.upper == 0.5).all()


def test_the_probability_of_a_rise_grows_with_the_point_and_never_reaches_certainty(
    known: Rows, fitted: Intervals
) -> None:
    matrix, volatility = known.matrix[:200], known.volatility[:200]
    medians = [share * volatility for share in (-50.0, -0.2, 0.0, 1e-6, 50.0)]
    probabilities = [fitted.ranges(matrix, volatility, median, median).probability_up for median in medians]
    assert (np.diff(probabilities, axis=0) > 0).all()
    np.testing.assert_array_equal(probabilities[2], 0.5)
    assert 0 < np.min(probabilities) < np.max(probabilities) < 1


def test_the_state_survives_json(fitted: Intervals) -> None:
    assert Intervals.from_record(fitted.record()) == fitted


def test_the_newest_hours_are_scaled_by_a_fit_that_has_not_seen_them(rows: pd.DataFrame) -> None:
    before, after = Rows(rows), Rows(rows)
    after.returns = after.returns.copy()
    after.returns[-(len(after.returns) // 4) :] *= 2
    doubled = after.fit().calibration.upper
    told_out_of_sample = pytest.approx(2 * before.fit().calibration.upper, rel=1e-4)
    assert doubled == told_out_of_sample, "in-sample quantiles would have hidden a part"


def test_what_outcomes_teach_is_the_same_in_a_block_and_hour_by_hour(known: Rows, fitted: Intervals) -> None:
    rows = slice(3200, 3230)
    matrix, volatility, median = known.matrix[rows], known.volatility[rows], 0.1 * known.volatility[rows]
    block = fitted.ranges(matrix, volatility, median, median, known.outcomes(rows))
    state = fitted
    for place in range(30):
        one = slice(3200 + place, 3201 + place)
        here = slice(place, place + 1)
        alone = state.ranges(matrix[here], volatility[here], median[here], median[here])
        np.testing.assert_array_equal(np.array(alone)[:, 0], np.array(block)[:, place])
        state = state.settled(known.matrix[one], known.volatility[one], known.outcomes(one))
    assert state == fitted.settled(matrix, volatility, known.outcomes(rows))


def test_live_coverage_stays_nominal_when_the_market_leaves_what_the_scale_knows(
    rows: pd.DataFrame, fitted: Intervals
) -> None:
    calm, wild, known = slice(3200, 3500), slice(3500, None), Rows(rows)
    known.returns = known.returns.copy()
    known.returns[wild] *= 2  # while the features still tell of the old volatility
    frozen = known.inside(fitted, wild, settling=False)
    settled = fitted.settled(known.matrix[calm], known.volatility[calm], known.outcomes(calm))
    followed = known.inside(settled, wild)
    assert frozen.mean() < 0.6
    assert followed[300:].mean() == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-USDT"])
def test_coverage_holds_in_every_month_of_a_recorded_market(recorded: Recorded, symbol: str) -> None:
    table = features.compute(recorded(symbol, "2021-01-01T00:00Z", "2023-01-01T00:00Z"))
    months = table["open_time"].dt.strftime("%Y-%m").to_numpy()
    known = Rows(table.assign(target_return=labels.target_return(table)))
    months = months[-len(known.returns) - 1 : -1]
    inside = []
    for month in np.unique(months[months >= "2022"]):
        first = int((months == month).argmax())
        inside.append(
            known.inside(known.fit(slice(None, first - 1)), slice(first, first + int((months == month).sum())))
        )
    assert all(0.77 <= month.mean() <= 0.83 for month in inside)
    assert 0.79 <= np.concatenate(inside).mean() <= 0.81
