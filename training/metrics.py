"""Scores of forecasts against what happened, always beside those of zero-change on the same hours.

Forecast tables are those of :func:`training.validation.outcomes`; with the columns of :func:`rolling_band` the interval
is compared too. Errors, widths and losses are in simple returns.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from candlecast.errors import TooLittleData
from training.uncertainty import UNKNOWN, Values, diebold_mariano, ratio_intervals

BAND_DAYS = 30
_BAND_MINIMUM_HOURS = 168


@dataclass(frozen=True, slots=True)
class Scores:
    """How good forecasts were over some hours; nan where it cannot be told. Intervals (_low, _high) are 95 % ones."""

    hours: int
    mae: float
    zero_change_mae: float
    skill: float
    """1 - mae / zero_change_mae."""
    skill_low: float
    skill_high: float
    dm: float
    """Diebold and Mariano's statistic of the absolute errors against zero-change: above 0 where the model is better."""
    dm_p: float
    rmse: float
    zero_change_rmse: float
    r2: float
    """Of the return: 1 - squared error / squared deviation of the actual returns from their mean."""
    r2_delta: float
    """The same of the change in quote currency."""
    r2_over_zero_change: float
    """1 - squared error / that of zero-change: a mean known only afterwards is no rival. See Campbell and Thompson
    (2008), Predicting excess stock returns out of sample, Review of Financial Studies 21."""
    directional_accuracy: float
    """Share of the hours that moved, and for which a direction was given, in which it was right."""
    directional_accuracy_low: float
    directional_accuracy_high: float
    coverage: float
    """Share of the actual returns inside their interval."""
    width: float
    """Mean width of the interval."""
    pinball: float
    """Mean pinball loss of the interval's two bounds."""
    pinball_reference: float
    """That of the quantiles of the last 30 days, see rolling_band."""
    pinball_skill: float
    """1 - pinball / pinball_reference."""
    pinball_skill_low: float
    pinball_skill_high: float

    def record(self) -> dict[str, float]:
        """The scores as plain numbers, without those that cannot be told."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}


def score(forecasts: pd.DataFrame, coverage: float) -> Scores:
    """All scores of *forecasts*, whose intervals promise *coverage*. Raises TooLittleData without a forecast."""
    if forecasts.empty:
        raise TooLittleData("there is no forecast to score; ask for a period that has candles.")
    actual, point = _values(forecasts, "actual_return"), _values(forecasts, "predicted_return")
    lower, upper = _values(forecasts, "lower_return"), _values(forecasts, "upper_return")
    close = _values(forecasts, "reference_close")
    error, zero = np.abs(actual - point), np.abs(actual)
    told = ((point != 0) & (actual != 0)).astype("float64")
    right = told * (np.sign(point) == np.sign(actual))
    loss = pinball(actual, lower, upper, coverage)
    reference = np.full(len(actual), np.nan)
    if "band_lower" in forecasts:
        reference = pinball(actual, _values(forecasts, "band_lower"), _values(forecasts, "band_upper"), coverage)
    ratios = {"error": (error, zero), "direction": (right, told), "pinball": (loss, reference)}
    intervals = ratio_intervals({k: v for k, v in ratios.items() if np.isfinite(v).all()}, forecasts["target_hour"])
    dm, dm_p = diebold_mariano(zero, error)
    skill_high, skill_low = (1 - bound for bound in intervals.get("error", UNKNOWN))
    direction_low, direction_high = intervals.get("direction", UNKNOWN)
    pinball_skill_high, pinball_skill_low = (1 - bound for bound in intervals.get("pinball", UNKNOWN))
    bounded = np.isfinite(lower) & np.isfinite(upper)
    return Scores(
        hours=len(forecasts),
        mae=float(error.mean()),
        zero_change_mae=float(zero.mean()),
        skill=skill(error, zero),
        skill_low=skill_low,
        skill_high=skill_high,
        dm=dm,
        dm_p=dm_p,
        rmse=float(np.sqrt((error**2).mean())),
        zero_change_rmse=float(np.sqrt((zero**2).mean())),
        r2=_r2(actual, point),
        r2_delta=_r2(actual * close, point * close),
        r2_over_zero_change=skill(error**2, zero**2),
        directional_accuracy=float(right.sum() / told.sum()) if told.any() else math.nan,
        directional_accuracy_low=direction_low,
        directional_accuracy_high=direction_high,
        coverage=float(((lower <= actual) & (actual <= upper)).mean()) if bounded.all() else math.nan,
        width=float((upper - lower).mean()),
        pinball=float(loss.mean()),
        pinball_reference=float(reference.mean()),
        pinball_skill=skill(loss, reference),
        pinball_skill_low=pinball_skill_low,
        pinball_skill_high=pinball_skill_high,
    )


def skill(loss: Values, reference: Values) -> float:
    """1 - mean of *loss* / mean of *reference*; nan where that is 0 or unknown."""
    total = reference.sum()
    return float(1 - loss.sum() / total) if total > 0 else math.nan


def pinball(actual: Values, lower: Values, upper: Values, coverage: float) -> Values:
    """Mean pinball (quantile) loss of the two bounds of each hour's interval, nan where a bound is."""
    tail = (1 - coverage) / 2
    losses = []
    for bound, level in ((lower, tail), (upper, 1 - tail)):
        over = actual - bound
        losses.append(np.maximum(level * over, (level - 1) * over))
    mean: Values = np.mean(losses, axis=0)
    return mean


def rolling_band(rows: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """The interval to beat: band_lower and band_upper, quantiles of the returns known at each row's origin, 30 days.

    *rows*: open_time and target_return of one symbol, in order of time; the answer has their index.
    """
    # the return of the hour that ends at the row's origin is the target of the row before it
    ended = pd.Series(rows["target_return"].to_numpy(), index=pd.DatetimeIndex(rows["open_time"]) + pd.Timedelta("1h"))
    wanted = pd.DatetimeIndex(rows["open_time"])
    tail = (1 - coverage) / 2
    window = ended.reindex(ended.index.union(wanted)).rolling(f"{BAND_DAYS}D", min_periods=_BAND_MINIMUM_HOURS)
    bounds = {"band_lower": window.quantile(tail), "band_upper": window.quantile(1 - tail)}
    return pd.DataFrame({name: bound.reindex(wanted).to_numpy() for name, bound in bounds.items()}, index=rows.index)


def _r2(actual: Values, point: Values) -> float:
    deviation = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float(((actual - point) ** 2).sum()) / deviation if deviation > 0 else math.nan


def _values(forecasts: pd.DataFrame, name: str) -> Values:
    return forecasts[name].to_numpy("float64")
