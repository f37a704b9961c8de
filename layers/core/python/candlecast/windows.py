"""What the last hours of a series amount to, hour by hour: values some hours ago, means and extremes of windows.

Every value is made from the hours of its own window only, by the same operations in the same order wherever the
series starts: windows are put together from windows of half the length. So an incremental run and a run over the
whole history agree to the last bit, and a null is forgotten once it leaves the window. Running sums (pandas, polars,
TA-Lib) and recursive averages promise neither: tests/domain/test_indicators.py shows what TA-Lib does instead.

Series are float64 arrays on a gap-free hourly grid, nan where unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast.errors import BadRequest

Series = NDArray[np.float64]
Hours = NDArray[np.int64]
"""Hours since 1970-01-01T00:00Z."""

KNOWN_SHARE = 0.75
"""A window's value is unknown if less than this share of it (of its weight) is known."""


def epoch_hours(open_times: pd.Series) -> Hours:
    """The hours in which the instants of a datetime column lie. Raises BadRequest unless they strictly increase."""
    hours = open_times.to_numpy("datetime64[us]").view("int64") // 3_600_000_000
    if (hours[1:] <= hours[:-1]).any():
        raise BadRequest("windows need candles in strictly increasing hours; validate and merge them first.")
    return hours


class Grid:
    """A gap-free hourly grid from the first to the last of some hours. Raises BadRequest unless they increase."""

    def __init__(self, open_times: pd.Series) -> None:
        hours = epoch_hours(open_times)
        self.rows = hours - hours[0] if len(hours) else hours
        """Position on the grid of each given hour."""
        self.size = int(self.rows[-1]) + 1 if len(hours) else 0

    def spread(self, values: pd.Series) -> Series:
        """One value per given hour, laid onto the grid: nan in the hours that are missing."""
        return spread(values.to_numpy("float64"), self.rows, self.size)


def spread(values: Series, positions: Hours, size: int) -> Series:
    """A series of *size* hours with the values at their positions, nan elsewhere."""
    if len(values) == size:
        return np.ascontiguousarray(values)
    series = np.full(size, np.nan)
    series[positions] = values
    return series


def lag(series: Series, hours: int) -> Series:
    """The value *hours* earlier; unknown before the start."""
    earlier = np.full_like(series, np.nan)
    earlier[hours:] = series[: max(len(series) - hours, 0)]
    return earlier


class Past:
    """A series as seen from each of its last *span* hours, one value each; the hours before them are memory.

    It must reach back as far as is asked for: IndexError otherwise.
    """

    def __init__(self, values: Series, span: int) -> None:
        self.values = values
        self.span = span
        self._ladders: dict[str, _Ladder] = {}

    @property
    def now(self) -> Series:
        """The values of the last hours themselves."""
        return self.ago(0)

    def ago(self, hours: int) -> Series:
        """The values *hours* hours earlier."""
        end = len(self.values) - hours
        if end < self.span:
            raise IndexError(f"{hours} hours ago lies before the series' start.")
        return self.values[end - self.span : end]

    def mean(self, hours: int) -> Series:
        """Mean of the known values of the last *hours* hours, the present one included."""
        return self._ladder("sum", 0.0, _add).window(hours)[-self.span :] / self._weight(hours, 1.0, KNOWN_SHARE)

    def averages(self, memories: Mapping[int, int], known_share: float = KNOWN_SHARE) -> dict[int, Series]:
        """Exponential averages of the known values by half-life, each with the memory given, all in hours.

        Their weights fall by half every half-life, end with the memory, and are normalised over the known hours.
        """
        averages = {}
        for half_life, memory in memories.items():
            decay = 0.5 ** (1.0 / half_life)
            seen = self._filled(0.0)[-(memory + self.span - 1) :]
            total = _Ladder(seen, _decayed(decay)).window(memory)
            averages[half_life] = total / self._weight(memory, decay, known_share)
        return averages

    def maximum(self, hours: int) -> Series:
        """The largest known value of the last *hours* hours."""
        return self._extreme("maximum", -np.inf, np.maximum, hours)

    def minimum(self, hours: int) -> Series:
        """The smallest known value of the last *hours* hours."""
        return self._extreme("minimum", np.inf, np.minimum, hours)

    def _extreme(self, name: str, nothing: float, choose: np.ufunc, hours: int) -> Series:
        extreme = self._ladder(name, nothing, lambda recent, earlier, _: choose(recent, earlier)).window(hours)
        if self._all_known:
            return extreme[-self.span :]
        return np.where(np.isnan(self._weight(hours, 1.0, KNOWN_SHARE)), np.nan, extreme[-self.span :])

    def _ladder(self, name: str, nothing: float, join: _Join) -> _Ladder:
        if name not in self._ladders:
            self._ladders[name] = _Ladder(self._filled(nothing), join)
        return self._ladders[name]

    def _filled(self, nothing: float) -> Series:
        return self.values if self._all_known else np.where(self._known, self.values, nothing)

    @cached_property
    def _all_known(self) -> bool:
        return math.isfinite(self.values.sum())

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.values)

    def _weight(self, hours: int, decay: float, share: float) -> Series:
        """The weight of the known hours in each window; nan where it is less than *share* of the window's."""
        ramp = _ramp(hours, decay)
        if self._all_known:
            return ramp[-1:]
        first = int(self._known.argmax())
        if self._known[first:].all():  # unknown before a start only
            known_hours = np.arange(len(self.values) - self.span, len(self.values)) + 1 - first
            weight = ramp[np.clip(known_hours, 0, hours)]
        else:
            weight = _Ladder(self._known.astype("float64"), _decayed(decay)).window(hours)[-self.span :]
        return np.where(weight >= share * ramp[-1], weight, np.nan)


_Join = Callable[[Series, Series, int], Series]
"""``join(recent, earlier, span of recent)``"""


class _Ladder:
    """Joins of the last 1, 2, 4, .. values of a series, out of which a window of any length is put together."""

    def __init__(self, series: Series, join: _Join) -> None:
        self._powers, self._join = [series], join

    def window(self, hours: int) -> Series:
        """The last *hours* values joined, for every hour but the first *hours* - 1."""
        digits = [digit for digit in range(hours.bit_length()) if hours >> digit & 1]
        result, covered = self._power(digits[0]), 1 << digits[0]
        for digit in digits[1:]:
            span = 1 << digit
            result = self._join(result[span:], self._power(digit)[:-covered], covered)
            covered += span
        return result

    def _power(self, digit: int) -> Series:
        while len(self._powers) <= digit:
            highest, span = self._powers[-1], 1 << len(self._powers) - 1
            self._powers.append(self._join(highest[span:], highest[:-span], span))
        return self._powers[digit]


def _add(recent: Series, earlier: Series, _: int) -> Series:
    return recent + earlier


def _decayed(decay: float) -> _Join:
    return lambda recent, earlier, span: recent + decay**span * earlier


@lru_cache
def _ramp(hours: int, decay: float) -> Series:
    """The weight of a window of which the newest 0, 1, .. *hours* hours are known."""
    ones = np.concatenate([np.zeros(hours), np.ones(hours)])
    return np.concatenate([[0.0], _Ladder(ones, _decayed(decay)).window(hours)[1:]])
