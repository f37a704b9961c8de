"""How far the next hour may go: a scale that knows volatility's habits, times what recent hours did on that scale.

The scale is a heterogeneous autoregression in logarithms (ordinary least squares on volatility at several memories, the
last hours' moves, candle shapes, volume, hour and weekday). The quantiles are conformal: those of return / scale over
recent hours that the scale was not fitted on, each tail for itself. All pure numpy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candlecast.features import NAMES
from candlecast.windows import Series

Matrix = NDArray[np.float64]
"""Rows of known features in the order of features.NAMES."""

CALIBRATION_HOURS = 90 * 24
"""How many recent hours the quantiles are taken from."""
_SMALLEST = 0.02  # a return of 0 has no logarithm: sizes count from this share of the volatility on
_RIDGE = 1e-6
_PROBABILITY_GRID = 100

_LOGS = ("volatility_ratio_6", "volatility_ratio_24", "mean_range_1", "mean_range_24")
_SIZES = (
    *(f"scaled_return_{lag}" for lag in (0, 1, 2, 3, 4, 5, 23)),
    *(f"momentum_{hours}" for hours in (6, 24, 168)),
    "upper_wick",
    "lower_wick",
)


def _columns(*names: str) -> list[int]:
    return [NAMES.index(name) for name in names]


_LOG_COLUMNS, _SIZE_COLUMNS = _columns(*_LOGS), _columns(*_SIZES)
_VOLUME, _HOUR, _DAY = _columns("relative_volume_168", "hour_of_day", "day_of_week")


def _design(matrix: Matrix, volatility: Series) -> Matrix:
    """What the log scale is linear in; the hours' and the weekdays' indicators include the constant."""
    return np.column_stack(
        [
            np.log(np.maximum(matrix[:, _LOG_COLUMNS], _SMALLEST)),
            np.log1p(np.abs(matrix[:, _SIZE_COLUMNS])),
            matrix[:, _VOLUME],
            np.log(volatility),
            matrix[:, [_HOUR]] == np.arange(24),
            matrix[:, [_DAY]] == np.arange(6),
        ]
    )


@dataclass(frozen=True)
class _Moments:
    """All that least squares needs to know of some rows; those of more rows are the sum."""

    gram: Matrix
    cross: Series

    @classmethod
    def of(cls, design: Matrix, sizes: Series) -> Self:
        # einsum adds in one fixed order, whatever the number of threads: same data, same bytes
        return cls(np.einsum("ij,ik->jk", design, design), np.einsum("ij,i->j", design, sizes))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.gram + other.gram, self.cross + other.cross)


@dataclass(frozen=True)
class Scale:
    """The typical size of the next hour's return."""

    coefficients: tuple[float, ...]
    lowest: float
    """With `highest`: the range of log(scale / volatility) met in fitting; nothing beyond it is believed."""
    highest: float

    @classmethod
    def solve(cls, design: Matrix, moments: _Moments) -> Self:
        """The scale that the moments determine; its range is that over the rows of *design*."""
        coefficients = np.linalg.solve(moments.gram + _RIDGE * len(design) * np.eye(len(moments.gram)), moments.cross)
        fitted = design @ coefficients
        return cls(tuple(coefficients.tolist()), float(fitted.min()), float(fitted.max()))

    def of(self, matrix: Matrix, volatility: Series) -> Series:
        """The scale for the hour after each row, as a return."""
        return self.relative_to_volatility(_design(matrix, volatility)) * volatility

    def relative_to_volatility(self, design: Matrix) -> Series:
        """The scale over the volatility, for rows of the design."""
        relative: Series = np.exp(np.clip(design @ np.array(self.coefficients), self.lowest, self.highest))
        return relative


@dataclass(frozen=True)
class Intervals:
    """The calibrated distribution of the next hour's return."""

    scale: Scale
    lower: float
    """Quantile of return / scale below which lies half of what the coverage leaves out."""
    upper: float
    sizes: tuple[float, ...]
    """Quantiles of |return| / scale at 0, 1, .. 100 percent."""

    @classmethod
    def fit(cls, matrix: Matrix, volatility: Series, target: Series, coverage: float) -> Self:
        """Intervals for *coverage* from rows in order of time; *target*: simple returns of the hours after them.

        The newest 90 days (a quarter of the rows if there are fewer) are scaled by a fit on the rows before them.
        """
        held = min(CALIBRATION_HOURS, len(target) // 4)
        design = _design(matrix, volatility)
        relative = target / volatility
        sizes = np.log(np.maximum(np.abs(relative), _SMALLEST))
        earlier = _Moments.of(design[:-held], sizes[:-held])
        recent = _Moments.of(design[-held:], sizes[-held:])
        scaled = relative[-held:] / Scale.solve(design[:-held], earlier).relative_to_volatility(design[-held:])
        tail = (1 - coverage) / 2
        return cls(
            scale=Scale.solve(design, earlier + recent),
            lower=float(np.quantile(scaled, tail, method="lower")),
            upper=float(np.quantile(scaled, 1 - tail, method="higher")),
            sizes=tuple(np.quantile(np.abs(scaled), np.linspace(0, 1, _PROBABILITY_GRID + 1)).tolist()),
        )

    def bounds(self, matrix: Matrix, volatility: Series, point: Series) -> tuple[Series, Series]:
        """Lower and upper bound of the return over the hour after each row; they enclose the *point* forecast."""
        scale = self.scale.of(matrix, volatility)
        return np.minimum(self.lower * scale, point), np.maximum(self.upper * scale, point)

    def probability_up(self, matrix: Matrix, volatility: Series, point: Series) -> Series:
        """Probability of a rise when *point* is the median: above 0.5 just where the point is above 0."""
        distance = np.abs(point) / self.scale.of(matrix, volatility)
        between = np.interp(distance, self.sizes, np.linspace(0, 0.98, _PROBABILITY_GRID + 1))  # never quite certain
        probability: Series = 0.5 + np.sign(point) * between / 2
        return probability

    def record(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The inverse of :meth:`record`. Raises KeyError or TypeError if it is no such record."""
        scale = record["scale"]
        return cls(
            scale=Scale(tuple(map(float, scale["coefficients"])), float(scale["lowest"]), float(scale["highest"])),
            lower=float(record["lower"]),
            upper=float(record["upper"]),
            sizes=tuple(map(float, record["sizes"])),
        )
