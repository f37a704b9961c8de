"""Scores of parts of the hours: by month, by how lively the market was, by hour of day, by stated probability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.metrics import Scores, score

REGIMES = ("calm", "usual", "lively")


def by_month(forecasts: pd.DataFrame, coverage: float) -> dict[str, Scores]:
    """The scores of each UTC month of target hours: {"2026-11": ...}."""
    return _by(forecasts, forecasts["target_hour"].to_numpy("datetime64[M]"), coverage)


def by_hour(forecasts: pd.DataFrame, coverage: float) -> dict[str, Scores]:
    """The scores of each UTC hour of day of target hours: {"00": ...}."""
    found = _by(forecasts, forecasts["target_hour"].dt.hour.to_numpy(), coverage)
    return {f"{int(hour):02d}": scores for hour, scores in found.items()}


def by_regime(forecasts: pd.DataFrame, coverage: float) -> dict[str, Scores]:
    """The scores of the third of the hours with the lowest volatility known at their origin, the middle and the rest.

    Keys are those of REGIMES, which may lack one where there are too few hours or they are all alike.
    """
    rank = forecasts["volatility"].rank(method="average", pct=True)
    third = np.clip(np.ceil(rank.to_numpy() * len(REGIMES)), 1, len(REGIMES)).astype("int64")
    found = _by(forecasts, third, coverage)
    return {REGIMES[int(number) - 1]: scores for number, scores in found.items()}


def reliability(forecasts: pd.DataFrame, bins: int = 8) -> pd.DataFrame:
    """How often the price rose, by stated probability_up: columns stated, happened, hours; equally filled bins."""
    stated = forecasts["probability_up"]
    place = pd.qcut(stated.rank(method="first"), min(bins, len(stated)), labels=False)
    rose = (forecasts["actual_return"] > 0).astype("float64")
    table = pd.DataFrame({"stated": stated, "happened": rose, "hours": 1.0})
    return table.groupby(place).agg({"stated": "mean", "happened": "mean", "hours": "sum"}).reset_index(drop=True)


def cumulative_gain(forecasts: pd.DataFrame) -> pd.Series:
    """Absolute error saved against zero-change since the first hour, as a share of all of zero-change's, by target day.

    It ends at the skill, and rises wherever the model was the better one.
    """
    zero = forecasts["actual_return"].abs()
    saved = zero - (forecasts["actual_return"] - forecasts["predicted_return"]).abs()
    daily = saved.groupby(forecasts["target_hour"].dt.floor("D")).sum()
    return daily.cumsum() / (float(zero.sum()) or 1.0)


def _by(forecasts: pd.DataFrame, key: NDArray[np.generic], coverage: float) -> dict[str, Scores]:
    """The scores of the hours of each *key*, in order of the keys."""
    keys, place = np.unique(key, return_inverse=True)
    return {str(name): score(forecasts[place == number], coverage) for number, name in enumerate(keys)}
