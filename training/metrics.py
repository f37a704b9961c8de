"""Scores of forecasts against what happened, always beside those of zero-change on the same hours.

Forecast tables are those of :func:`training.validation.outcomes`. Errors and returns are simple returns.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast.errors import TooLittleData

Values = NDArray[np.float64]

BLOCK_HOURS = 168
DRAWS = 2000
MINIMUM_BLOCKS = 8
"""With fewer weeks a bootstrap over weeks says too little to be shown."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How good forecasts were over some hours; nan where it cannot be told."""

    hours: int
    mae: float
    zero_change_mae: float
    skill: float
    """1 - mae / zero_change_mae."""
    skill_low: float
    """With skill_high: 95 % interval, bootstrap over blocks of a week."""
    skill_high: float
    rmse: float
    zero_change_rmse: float
    r2: float
    """1 - squared error / squared error of zero-change."""
    directional_accuracy: float
    """Share of the hours that moved, and for which a direction was given, in which it was right."""
    coverage: float
    """Share of the actual returns inside their interval."""
    width: float
    """Mean width of the interval."""
    pinball: float
    """Mean pinball loss of the interval's two bounds."""

    def record(self) -> dict[str, float]:
        """The scores as plain numbers, without those that cannot be told."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}


def score(forecasts: pd.DataFrame, coverage: float) -> Scores:
    """All scores of *forecasts*, whose intervals promise *coverage*. Raises TooLittleData without a forecast."""
    if forecasts.empty:
        raise TooLittleData("there is no forecast to score; ask for a period that has candles.")
    actual, point = _values(forecasts, "actual_return"), _values(forecasts, "predicted_return")
    lower, upper = _values(forecasts, "lower_return"), _values(forecasts, "upper_return")
    error, zero = np.abs(actual - point), np.abs(actual)
    low, high = skill_interval(error, zero, forecasts["target_hour"])
    told = (point != 0) & (actual != 0)
    tail = (1 - coverage) / 2
    return Scores(
        hours=len(forecasts),
        mae=float(error.mean()),
        zero_change_mae=float(zero.mean()),
        skill=skill(error, zero),
        skill_low=low,
        skill_high=high,
        rmse=float(np.sqrt((error**2).mean())),
        zero_change_rmse=float(np.sqrt((zero**2).mean())),
        r2=skill(error**2, zero**2),
        directional_accuracy=float((np.sign(point) == np.sign(actual))[told].mean()) if told.any() else math.nan,
        coverage=float(((lower <= actual) & (actual <= upper)).mean()),
        width=float((upper - lower).mean()),
        pinball=float((_pinball(actual, lower, tail) + _pinball(actual, upper, 1 - tail)).mean() / 2),
    )


def skill(error: Values, zero: Values) -> float:
    """1 - mean of *error* / mean of *zero*; nan where nothing moved."""
    total = zero.sum()
    return float(1 - error.sum() / total) if total > 0 else math.nan


def skill_interval(error: Values, zero: Values, target_hour: pd.Series, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the skill by a bootstrap over blocks of a week, since neighbouring hours are alike.

    nan, nan for less than MINIMUM_BLOCKS weeks.
    """
    week = (target_hour - target_hour.iloc[0]) // pd.Timedelta(hours=BLOCK_HOURS)
    sums = pd.DataFrame({"error": error, "zero": zero}).groupby(week.to_numpy()).sum()
    blocks = len(sums)
    if blocks < MINIMUM_BLOCKS:
        return math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(0, blocks, (DRAWS, blocks))
    totals = sums.to_numpy()[drawn].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.quantile(1 - totals[:, 0] / totals[:, 1], [0.025, 0.975])
    return float(low), float(high)


def by_month(forecasts: pd.DataFrame, coverage: float) -> dict[str, Scores]:
    """The scores of each UTC month of target hours: {"2026-11": ...}."""
    month = forecasts["target_hour"].dt.strftime("%Y-%m")
    return {str(name): score(part, coverage) for name, part in forecasts.groupby(month, sort=True)}


def reliability(forecasts: pd.DataFrame, bins: int = 8) -> pd.DataFrame:
    """How often the price rose, by stated probability_up: columns stated, happened, hours; equally filled bins."""
    stated = forecasts["probability_up"]
    place = pd.qcut(stated.rank(method="first"), min(bins, len(stated)), labels=False)
    rose = (forecasts["actual_return"] > 0).astype("float64")
    table = pd.DataFrame({"stated": stated, "happened": rose, "hours": 1.0})
    return table.groupby(place).agg({"stated": "mean", "happened": "mean", "hours": "sum"}).reset_index(drop=True)


def _values(forecasts: pd.DataFrame, name: str) -> Values:
    return forecasts[name].to_numpy("float64")


def _pinball(actual: Values, bound: Values, level: float) -> Values:
    over = actual - bound
    return np.maximum(level * over, (level - 1) * over)
