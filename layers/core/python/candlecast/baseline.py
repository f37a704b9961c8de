"""What is published while no model serves: no change, inside a band as wide as the market moves. Needs no fit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from candlecast import features, windows
from candlecast.errors import TooLittleData
from candlecast.windows import Grid, Series

VERSION = "baseline"
MINIMUM_RETURNS = 12
"""Known hourly returns before a row gets a band."""
QUANTILE_HOURS = 30 * 24
"""How many recent hours the band's quantiles are taken from ..."""
MINIMUM_QUANTILE_HOURS = 168
"""... if so many of them are known; else returns are taken as Laplace distributed, which fits most markets."""
_SMALLEST_VOLATILITY = 1e-5  # a market that stands still may yet move


class Baseline:
    """Zero-change with a volatility band, for any hour of the history it was made from."""

    version = VERSION

    def __init__(self, open_times: pd.Series, scale: Series, returns: Series, grid: Grid, coverage: float) -> None:
        self._positions = pd.Series(grid.rows, index=pd.DatetimeIndex(open_times))
        self._scale, self._coverage = scale, coverage
        self._scaled = returns / windows.lag(scale, 1)

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """The forecast of the hour after each row's candle, from nothing later than that candle.

        *features*: any table whose open_time are hours of the history. Columns, units and index as Model.forecast;
        the bounds are null where fewer than MINIMUM_RETURNS returns were known.
        Raises KeyError for an hour that the history does not hold.
        """
        positions = self._positions.loc[pd.DatetimeIndex(features["open_time"])].to_numpy()
        bounds = np.array([self._bounds(position) for position in positions]).reshape(-1, 2)
        constants = {"predicted_return": 0.0, "probability_up": 0.5}
        table = features[["open_time"]].assign(**constants, lower_return=bounds[:, 0], upper_return=bounds[:, 1])
        return table[["open_time", "predicted_return", "lower_return", "upper_return", "probability_up"]]

    def _bounds(self, position: int) -> tuple[float, float]:
        recent = self._scaled[max(0, position + 1 - QUANTILE_HOURS) : position + 1]
        known = recent[np.isfinite(recent)]
        if len(known) >= MINIMUM_QUANTILE_HOURS:
            tail = (1 - self._coverage) / 2
            lower, upper = float(np.quantile(known, tail)), float(np.quantile(known, 1 - tail))
        else:
            upper = -math.log(1 - self._coverage)  # a Laplace quantile, in mean absolute returns
            lower = -upper
        scale = float(self._scale[position])
        return min(lower, 0.0) * scale, max(upper, 0.0) * scale


def baseline(history: pd.DataFrame, coverage: float) -> Baseline:
    """The baseline for *history*: open_time and close, strictly increasing; a candle or a feature table will do.

    Raises TooLittleData where even the newest hour has too few returns before it.
    """
    grid = Grid(history["open_time"])
    close = grid.spread(history["close"])
    returns = close / windows.lag(close, 1) - 1
    enough = np.cumsum(np.isfinite(returns)) >= MINIMUM_RETURNS
    if not enough.any():
        raise TooLittleData(
            f"the baseline needs {MINIMUM_RETURNS} hourly returns, there are {np.isfinite(returns).sum()}:"
            " wait some hours or backfill."
        )
    with np.errstate(invalid="ignore"):  # no known return in a window: unknown
        averages = features.averages(np.log1p(returns), known_share=0.0)
    scale = np.maximum(np.mean(list(averages.values()), axis=0), _SMALLEST_VOLATILITY)
    return Baseline(history["open_time"], np.where(enough, scale, np.nan), returns, grid, coverage)
