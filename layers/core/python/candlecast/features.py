"""The model's inputs: scale-free features, declared as data, computed alike for a whole history and for its last hour.

A feature of the candle that opened at t uses that candle and earlier ones, at most `warm_up` of them, so that neither
what comes later nor what lies further back can change it. It is null while the warm-up is incomplete, and wherever a
missing candle makes it unknown: hours lie on a grid, so "one hour ago" never means three. candlecast.laws checks this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import measures, windows
from candlecast.candles import VALUES
from candlecast.measures import HALF_LIVES, VOLATILITY_WARM_UP, Market, averages
from candlecast.windows import Hours, Series

__all__ = ["FEATURES", "HALF_LIVES", "NAMES", "VOLATILITY", "VOLATILITY_WARM_UP", "WARM_UP", "Feature", "averages"]


@dataclass(frozen=True)
class Feature:
    """A declared feature: a measure of the market, with its parameter (hours) if it has one."""

    measure: Callable[..., Series]
    hours: int | None
    warm_up: int
    """Candles needed, the present one included."""

    @property
    def name(self) -> str:
        """The declaration as a column name: momentum_24, close_location."""
        return self.measure.__name__ if self.hours is None else f"{self.measure.__name__}_{self.hours}"

    def values(self, market: Market) -> Series:
        """The feature at each of the market's hours, whether its warm-up is complete or not."""
        return self.measure(market) if self.hours is None else self.measure(market, self.hours)


VOLATILITY = Feature(measures.volatility, None, VOLATILITY_WARM_UP)
"""What moves are measured in: a column beside the features."""
_SCALED = VOLATILITY_WARM_UP

FEATURES: tuple[Feature, ...] = (
    *(Feature(measures.scaled_return, lag, _SCALED) for lag in (0, 1, 2, 3, 4, 5, 23)),
    Feature(measures.absolute_return, 0, _SCALED),
    *(Feature(measures.momentum, hours, _SCALED) for hours in (6, 12, 24, 72, 168)),
    *(Feature(measures.volatility_ratio, half_life, _SCALED) for half_life in (6, 24)),
    *(Feature(measures.mean_range, hours, _SCALED) for hours in (1, 24)),
    Feature(measures.close_location, None, 1),
    Feature(measures.upper_wick, None, _SCALED),
    Feature(measures.lower_wick, None, _SCALED),
    Feature(measures.relative_volume, 168, 168),
    Feature(measures.volume_push, 168, _SCALED),
    *(Feature(measures.volume_balance, hours, hours + 1) for hours in (6, 24)),
    *(Feature(measures.range_position, hours, hours) for hours in (24, 168)),
    Feature(measures.relative_strength, 14, 15),
    Feature(measures.hour_of_day, None, 1),
    Feature(measures.day_of_week, None, 1),
    Feature(measures.hour_sine, None, 1),
    Feature(measures.hour_cosine, None, 1),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
WARM_UP: int = max(feature.warm_up for feature in FEATURES)
"""Candles after which every feature is known; below a month, so that two calendar months always suffice."""

Matrix = NDArray[np.float64]
_BLOCK = 8192
"""Rows computed at a time: what they need stays in the processor's cache."""


def compute(
    candles: pd.DataFrame, start: datetime | None = None, declared: Sequence[Feature] = FEATURES
) -> pd.DataFrame:
    """One row per candle: open_time, close, volatility (expected absolute log return of an hour) and every feature.

    *candles*: a candle table; BadRequest unless strictly increasing. With *start* (aware) only the candles from there
    on get a row and only the WARM_UP - 1 candles before them are looked at: the same values, to the last bit.
    """
    table = pd.DataFrame(matrix(candles, start, declared), columns=_labels(declared), copy=False)
    table.insert(0, "open_time", candles["open_time"].array[len(candles) - len(table) :])
    return table


def matrix(candles: pd.DataFrame, start: datetime | None = None, declared: Sequence[Feature] = FEATURES) -> Matrix:
    """What compute gives, without open_time and as bare numbers: close, volatility and every feature in order.

    A DataFrame takes longer to make than the newest hour's features.
    """
    hours = windows.epoch_hours(candles["open_time"])
    values = {name: candles[name].to_numpy("float64") for name in VALUES}
    first = 0 if start is None else _first_from(hours, start)
    columns = (VOLATILITY, *declared)
    made = np.empty((len(hours) - first, 1 + len(columns)), order="F")
    made[:, 0] = values["close"][first:]
    for begin in range(first, len(hours), _BLOCK):
        end = min(begin + _BLOCK, len(hours))
        _fill(made[begin - first : end - first, 1:], hours, values, slice(begin, end), columns)
    return made


def _labels(declared: Sequence[Feature]) -> list[str]:
    return ["close", VOLATILITY.name, *(NAMES if declared is FEATURES else (feature.name for feature in declared))]


def _fill(made: Matrix, hours: Hours, values: Mapping[str, Series], rows: slice, columns: Sequence[Feature]) -> None:
    """Writes the features of some candles, given by their positions, into their rows."""
    lookback = max(feature.warm_up for feature in columns) - 1
    asked = hours[rows]
    grid = np.arange(asked[0] - lookback, asked[-1] + 1)
    seen = slice(int(np.searchsorted(hours, grid[0])), rows.stop)
    positions = hours[seen] - grid[0]
    on_grid = {name: windows.spread(series[seen], positions, len(grid)) for name, series in values.items()}
    market = Market(grid, on_grid, len(grid) - lookback)
    complete = len(asked) == len(grid) - lookback
    history = asked - hours[0] + 1
    shortest = int(history[0])
    with np.errstate(invalid="ignore", divide="ignore"):  # unknown in, unknown out
        for column, feature in enumerate(columns):
            series = feature.values(market)
            made[:, column] = series if complete else series[asked - asked[0]]
            if shortest < feature.warm_up:
                made[history < feature.warm_up, column] = np.nan


def _first_from(hours: Hours, start: datetime) -> int:
    """The position of the first hour that does not begin before *start*."""
    return int(np.searchsorted(hours, math.ceil(start.timestamp() / 3600)))
