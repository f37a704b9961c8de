"""Means and extremes over the last hours of a series, one value per hour of a gap-free grid.

Every value is made from the hours of its own window only, by the same operations in the same order wherever the
series starts: windows are put together from windows of half the length. So an incremental run and a run over the
whole history agree to the last bit, which running sums (and pandas' rolling) do not, and no loop runs in Python.

Series are float64 arrays on a gap-free hourly grid, nan where unknown. Hours before the start count as unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast.errors import BadRequest

Series = NDArray[np.float64]

KNOWN_SHARE = 0.75
"""A window's value is unknown if less than this share of it (of its weight) is known."""


class Grid:
    """A gap-free hourly grid from the first to the last of some hours. Raises BadRequest unless they increase."""

    def __init__(self, open_times: pd.Series) -> None:
        epoch_hours = open_times.to_numpy("datetime64[us]").astype("datetime64[h]").astype("int64")
        if (np.diff(epoch_hours) <= 0).any():
            raise BadRequest("windows need candles in strictly increasing hours; validate and merge them first.")
        self.rows = epoch_hours - epoch_hours[0] if len(epoch_hours) else epoch_hours
        """Position on the grid of each given hour."""
        self.size = int(self.rows[-1]) + 1 if len(self.rows) else 0
        self.hours = np.arange(self.size) + (epoch_hours[0] if self.size else 0)
        """Hours since 1970-01-01T00:00Z of each position."""
        self.complete = len(self.rows) == self.size

    def spread(self, values: pd.Series) -> Series:
        """One value per given hour, laid onto the grid: nan in the hours that are missing."""
        given = values.to_numpy("float64")
        if self.complete:
            return np.ascontiguousarray(given)
        series = np.full(self.size, np.nan)
        series[self.rows] = given
        return series

    def gather(self, series: Series) -> Series:
        """The inverse: the values at the given hours."""
        return series if self.complete else series[self.rows]


def lag(series: Series, hours: int, fill: float = np.nan) -> Series:
    """The value *hours* earlier."""
    if hours == 0:
        return series
    earlier = np.empty_like(series)
    earlier[:hours] = fill
    earlier[hours:] = series[:-hours]
    return earlier


def _accumulate(series: Series, hours: int, join: Callable[[Series, Series, int], Series], fill: float) -> Series:
    """The last *hours* values joined; ``join(recent, earlier, span of recent)``, by the binary digits of *hours*."""
    power, span = series, 1  # `power` holds the last `span` values joined
    while not hours & span:
        power, span = join(power, lag(power, span, fill), span), span * 2
    result, covered = power, span
    while covered < hours:
        power, span = join(power, lag(power, span, fill), span), span * 2
        if hours & span:
            result, covered = join(result, lag(power, covered, fill), covered), covered + span
    return result


def _add(recent: Series, earlier: Series, _: int) -> Series:
    return recent + earlier


def _sum(series: Series, hours: int, decay: float) -> Series:
    if decay == 1.0:
        return _accumulate(series, hours, _add, 0.0)
    return _accumulate(series, hours, lambda recent, earlier, span: recent + decay**span * earlier, 0.0)


def mean(series: Series, hours: int, *, half_life: float | None = None, known_share: float = KNOWN_SHARE) -> Series:
    """Mean of the known values of the last *hours* hours, the present one included.

    With *half_life* (hours) the weights fall by half every so many hours and are normalised over the known ones:
    an exponential average with a finite memory.
    """
    decay = 1.0 if half_life is None else 0.5 ** (1.0 / half_life)
    known = np.isfinite(series)
    weight = _weight(known, hours, decay)
    values = _sum(np.where(known, series, 0.0), hours, decay)
    enough = weight >= known_share * _ramp(hours, decay)[-1]
    return np.divide(values, weight, out=np.full_like(series, np.nan), where=enough)


@lru_cache
def _ramp(hours: int, decay: float) -> Series:
    """The weight of a window's first 1, 2, .. *hours* hours."""
    return _sum(np.ones(hours), hours, decay)


def _weight(known: NDArray[np.bool_], hours: int, decay: float) -> Series:
    """The weight of the known hours in each window."""
    first = int(known.argmax()) if len(known) else 0
    if not known[first:].all():
        return _sum(known.astype("float64"), hours, decay)
    # the usual case, known without a gap once it begins: the same sums, made once for all series
    ramp, weight = _ramp(hours, decay), np.zeros(len(known))
    weight[first : first + hours] = ramp[: len(known) - first]
    weight[first + hours :] = ramp[-1]
    return weight


def maximum(series: Series, hours: int) -> Series:
    """The largest known value of the last *hours* hours; unknown where too few are known."""
    known = np.isfinite(series)
    filled = np.where(known, series, -np.inf)
    top = _accumulate(filled, hours, lambda recent, earlier, _: np.maximum(recent, earlier), -np.inf)
    return np.where(_weight(known, hours, 1.0) >= KNOWN_SHARE * hours, top, np.nan)


def minimum(series: Series, hours: int) -> Series:
    """The smallest known value of the last *hours* hours; unknown where too few are known."""
    return -maximum(-series, hours)
