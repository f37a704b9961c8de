"""How far a score may be chance: intervals by a bootstrap over weeks, and the test of Diebold and Mariano.

Neighbouring hours are alike (volatility comes in waves), so hours are never treated as independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Values = NDArray[np.float64]
Interval = tuple[float, float]

BLOCK_HOURS = 168
DRAWS = 2000
MINIMUM_BLOCKS = 8
"""With fewer weeks a bootstrap over weeks says too little to be shown."""
LAGS = 48
"""Hours over which loss differences may be correlated."""
UNKNOWN: Interval = (math.nan, math.nan)


def ratio_intervals(
    ratios: Mapping[str, tuple[Values, Values]], target_hour: pd.Series, *, seed: int = 0
) -> dict[str, Interval]:
    """95 % interval of each sum(numerator) / sum(denominator), by a percentile bootstrap over blocks of a week.

    *ratios*: numerators and denominators by name, one value per hour of *target_hour*. The same weeks are drawn for all
    of them. Blocks that do not overlap: Carlstein (1986), The use of subseries values for estimating the variance of a
    general statistic from a stationary sequence, Annals of Statistics 14. nan for less than MINIMUM_BLOCKS weeks.
    """
    if target_hour.empty:
        return dict.fromkeys(ratios, UNKNOWN)
    week = ((target_hour - target_hour.iloc[0]) // pd.Timedelta(hours=BLOCK_HOURS)).to_numpy()
    _, block = np.unique(week, return_inverse=True)
    blocks = int(block[-1]) + 1
    if blocks < MINIMUM_BLOCKS:
        return dict.fromkeys(ratios, UNKNOWN)
    drawn = _draws(blocks, seed)
    intervals = {}
    for name, (numerator, denominator) in ratios.items():
        # einsum adds in one fixed order whatever the number of threads: same data, same interval
        over, under = (
            np.einsum("ij,j->i", drawn, np.bincount(block, weights=values, minlength=blocks))
            for values in (numerator, denominator)
        )
        if (under <= 0).any():
            intervals[name] = UNKNOWN
            continue
        low, high = np.quantile(over / under, (0.025, 0.975))
        intervals[name] = (float(low), float(high))
    return intervals


@lru_cache(maxsize=8)
def _draws(blocks: int, seed: int) -> Values:
    """How often each block is drawn, one row per draw."""
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS)
    return drawn.astype("float64")


def diebold_mariano(reference_loss: Values, loss: Values) -> tuple[float, float]:
    """Statistic and two-sided p-value of equal expected losses; above 0 where *loss* is the smaller.

    Losses are paired, in order of time. Diebold and Mariano (1995), Comparing predictive accuracy, Journal of Business
    and Economic Statistics 13, with the variance of Newey and West (1987), A simple, positive semi-definite,
    heteroskedasticity and autocorrelation consistent covariance matrix, Econometrica 55, Bartlett weights over LAGS
    hours. nan for less than two such spans or where the losses never differ.
    """
    difference = reference_loss - loss
    count = len(difference)
    if count < 2 * LAGS:
        return UNKNOWN
    centred = difference - difference.mean()
    covariances = [float(np.sum(centred[lag:] * centred[: count - lag])) / count for lag in range(LAGS + 1)]
    weights = [1.0, *(2 * (1 - lag / (LAGS + 1)) for lag in range(1, LAGS + 1))]
    variance = sum(weight * covariance for weight, covariance in zip(weights, covariances, strict=True)) / count
    if variance <= 0:
        return UNKNOWN
    statistic = float(difference.mean()) / math.sqrt(variance)
    return statistic, math.erfc(abs(statistic) / math.sqrt(2))
