"""What a model has to beat: forecasts that a sentence describes. Compared in every training report.

Each is made from rows to learn from (open_time, close, the features and target_return, in order of time; of one
symbol) and then forecasts like a model, without an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.validation import Forecaster

Values = NDArray[np.float64]

EWMA_HALF_LIFE = 24
"""Hours."""
MEAN_HOURS = 168
_MEMORY = 8 * EWMA_HALF_LIFE  # hours; what lies further back weighs less than a 250th


Drift = Callable[[pd.Series], pd.Series]
"""The forecast after each hour of a gap-free hourly series, from the returns up to it; null where unknown."""


class FromReturns:
    """Forecasts from the latest returns: those of the rows to forecast, and before them those learnt from."""

    def __init__(self, rows: pd.DataFrame, drift: Drift) -> None:
        self._earlier = rows[["open_time", "close"]].tail(max(MEAN_HOURS, _MEMORY) + 1)
        self._drift = drift

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """As Model.forecast; bounds and probability are null. No change where too few returns are known."""
        closes = pd.concat([self._earlier, features[["open_time", "close"]]]).drop_duplicates("open_time", keep="last")
        hourly = closes.set_index("open_time")["close"].asfreq("h")
        drift = self._drift(hourly / hourly.shift(1) - 1).fillna(0.0)
        return _table(features, drift.loc[pd.DatetimeIndex(features["open_time"])].to_numpy("float64"))


class Reversal:
    """Takes back a share of the last return: the share that would have served best, in absolute error, before."""

    def __init__(self, rows: pd.DataFrame) -> None:
        last, following = _last_return(rows), rows["target_return"].to_numpy("float64")
        used = np.isfinite(last) & np.isfinite(following) & (last != 0)
        self.share = -_weighted_median(following[used] / last[used], np.abs(last[used])) if used.any() else 0.0

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """As Model.forecast; bounds and probability are null."""
        return _table(features, -self.share * np.nan_to_num(_last_return(features)))


def zero_change(rows: pd.DataFrame) -> Forecaster:
    """No change, ever."""
    return FromReturns(rows, lambda returns: returns * 0.0)


def ewma(rows: pd.DataFrame) -> Forecaster:
    """The exponentially weighted mean of returns."""
    return FromReturns(rows, lambda returns: returns.ewm(halflife=EWMA_HALF_LIFE, min_periods=EWMA_HALF_LIFE).mean())


def trailing_mean(rows: pd.DataFrame) -> Forecaster:
    """The mean return of the last week."""
    return FromReturns(rows, lambda returns: returns.rolling(MEAN_HOURS, min_periods=MEAN_HOURS // 2).mean())


BASELINES: Mapping[str, Callable[[pd.DataFrame], Forecaster]] = {
    "zero-change": zero_change,
    "last-return reversal": Reversal,
    "EWMA": ewma,
    "trailing mean": trailing_mean,
}
"""By name, as a report shows them."""


def _last_return(rows: pd.DataFrame) -> Values:
    """Simple return of the hour that each row's candle describes."""
    logarithmic = (rows["scaled_return_0"] * rows["volatility"]).to_numpy("float64")
    simple: Values = np.expm1(logarithmic)
    return simple


def _weighted_median(values: Values, weights: Values) -> float:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def _table(features: pd.DataFrame, predicted: Values) -> pd.DataFrame:
    unknown = np.full(len(features), np.nan)
    return pd.DataFrame(
        {
            "open_time": features["open_time"],
            "predicted_return": predicted,
            "lower_return": unknown,
            "upper_return": unknown,
            "probability_up": unknown,
        },
        index=features.index,
    )
