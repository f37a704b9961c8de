"""TA-Lib as a second opinion on the windows, and why it does not make them: each reason is a test that would fail.

Layers have no room for it either: 10 MB of libraries, where the function that computes features has 14.8 MB left.
"""

from collections.abc import Callable

import numpy as np
import pytest
import talib

from candlecast.windows import Past, Series

RANDOM = np.random.default_rng(4)
CLOSE: Series = 30_000 * np.exp(np.cumsum(RANDOM.normal(0, 0.004, 2000)))
SPAN = 1500

Indicator = Callable[[Series], Series]


@pytest.mark.parametrize("hours", [6, 14, 24, 168])
class TestTheyAgree:
    """Where TA-Lib has the same window, on candles without a gap."""

    def test_on_means(self, hours: int) -> None:
        np.testing.assert_allclose(Past(CLOSE, SPAN).mean(hours), talib.SMA(CLOSE, hours)[-SPAN:], rtol=1e-9)

    def test_on_highest_and_lowest(self, hours: int) -> None:
        np.testing.assert_array_equal(Past(CLOSE, SPAN).maximum(hours), talib.MAX(CLOSE, hours)[-SPAN:])
        np.testing.assert_array_equal(Past(CLOSE, SPAN).minimum(hours), talib.MIN(CLOSE, hours)[-SPAN:])

    def test_on_moves(self, hours: int) -> None:
        past = Past(CLOSE, SPAN)
        np.testing.assert_array_equal(past.now - past.ago(hours), talib.MOM(CLOSE, hours)[-SPAN:])


class TestWhyItDoesNotMakeThem:
    @pytest.mark.parametrize("hours", [24, 168])
    def test_its_means_depend_on_where_the_series_starts(self, hours: int) -> None:
        """A month computed again from another start would be another object."""
        starts = range(0, 1000, 37)
        theirs = {float(talib.SMA(CLOSE[start:], hours)[-1]) for start in starts}
        ours = {float(Past(CLOSE[start:], 1).mean(hours)[0]) for start in starts}
        assert len(theirs) > 1
        assert len(ours) == 1

    @pytest.mark.parametrize("indicator", [lambda x: talib.SMA(x, 24), lambda x: talib.EMA(x, 24)], ids=["SMA", "EMA"])
    def test_its_averages_never_recover_from_a_null(self, indicator: Indicator) -> None:
        holed = CLOSE.copy()
        holed[1000] = np.nan
        assert np.isnan(indicator(holed)[1000:]).all()
        assert np.isfinite(Past(holed, SPAN).mean(24)).all()

    def test_its_relative_strength_remembers_everything(self) -> None:
        other = CLOSE.copy()
        other[:1000] = CLOSE[:1000][::-1]
        apart = np.abs(talib.RSI(other, 14) - talib.RSI(CLOSE, 14))[1100:]
        assert 0 < apart.max() < 1, "it fades, but no warm-up is long enough to say where it ends"

    def test_its_extremes_are_null_or_not_by_where_the_extreme_happens_to_lie(self) -> None:
        holed = CLOSE.copy()
        holed[1000:1012] = np.nan
        highest = talib.MAX(holed, 24)
        assert np.isfinite(highest[1006]), "seven hours unknown"
        assert np.isnan(highest[1030]), "five hours unknown"
        ours = Past(holed, 1000).maximum(24)
        assert np.isnan(ours[6]), "too little known"
        assert np.isfinite(ours[30]), "enough is known"
