"""The typical size of the next hour's return: what volatility, time of day and week let expect.

A heterogeneous autoregression with a logarithmic link: the log of the expected size, in volatilities, is linear in
logs of volatility at several memories, in the last hours' moves, candle shapes and volume, and has a level of its own
for each hour of working days and of weekends. It is fitted by gamma quasi-likelihood, which unlike least squares on
logarithms is not ruled by returns near zero, with weights that halve with each year of age. All pure numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candlecast.features import NAMES
from candlecast.windows import Series

Matrix = NDArray[np.float64]
"""Rows of known features in the order of features.NAMES."""

HALF_LIFE = 365 * 24
"""Hours after which a row counts half in the fit."""
_ITERATIONS = 5
_BLOCK_ROWS = 128
_SMALLEST = 0.02  # a return of 0 has no logarithm: sizes count from this share of the volatility on
_LARGEST = 8.0  # and up to so many volatilities
_PRIOR = 30.0  # rows that speak for the volatility alone, against what a short history would make of chance
_LEVELS = 48  # hours of working days, then of weekends
_USUAL_VOLATILITY = np.log(0.005)  # centre of the interactions

_LOGS = ("volatility_ratio_6", "volatility_ratio_24", "mean_range_1", "mean_range_24")
_SIZES = (
    *(f"scaled_return_{lag}" for lag in (0, 1, 2, 3, 4, 5, 23)),
    *(f"momentum_{hours}" for hours in (6, 24, 168)),
    "upper_wick",
    "lower_wick",
)
_SINGLED_OUT_DAYS = np.array([0, 1, 2, 3, 5])  # Friday and Sunday are what working days and weekends begin from


def _columns(*names: str) -> list[int]:
    return [NAMES.index(name) for name in names]


_LOG_COLUMNS, _SIZE_COLUMNS = _columns(*_LOGS), _columns(*_SIZES)
_VOLUME, _HOUR, _DAY = _columns("relative_volume_168", "hour_of_day", "day_of_week")


@dataclass(frozen=True)
class Design:
    """What the log size is made of, for some rows."""

    terms: Matrix
    """What it is linear in."""
    level: NDArray[np.intp]
    """Which hour of working days or of weekends it is."""

    @classmethod
    def of(cls, matrix: Matrix, volatility: Series) -> Self:
        """The design of rows of known features and their volatility."""
        logs = np.log(np.maximum(matrix[:, _LOG_COLUMNS], _SMALLEST))
        volatility_log = np.log(volatility)[:, None]
        centred = volatility_log - _USUAL_VOLATILITY
        day = matrix[:, _DAY]
        terms = (
            logs,
            np.log1p(np.abs(matrix[:, _SIZE_COLUMNS])),
            matrix[:, [_VOLUME]],
            volatility_log,
            logs**2,
            centred * logs,
            centred**2,
            day[:, None] == _SINGLED_OUT_DAYS,
        )
        return cls(np.concatenate(terms, axis=1), (matrix[:, _HOUR] + 24 * (day >= 5)).astype("intp"))

    def head(self, rows: int) -> Self:
        """The design of the first *rows* rows."""
        return type(self)(self.terms[:rows], self.level[:rows])

    def tail(self, rows: int) -> Self:
        """The design of the last *rows* rows."""
        return type(self)(self.terms[-rows:], self.level[-rows:])


@dataclass(frozen=True)
class Scale:
    """The typical size of the next hour's return."""

    coefficients: tuple[float, ...]
    levels: tuple[float, ...]
    lowest: float
    """With `highest`: the range of log(scale / volatility) met in fitting; nothing beyond it is believed."""
    highest: float

    @classmethod
    def fit(cls, design: Design, relative: Series) -> Self:
        """The scale of rows in order of time; *relative*: the returns of the hours after them, in volatilities.

        Penalised Fisher scoring, begun at least squares on logarithms. Its matrix does not change between iterations,
        and the levels are solved for by centring. Everything is added in one order, whatever the number of threads.
        """
        terms, level = design.terms, design.level
        sizes = np.minimum(np.abs(relative), _LARGEST)
        weights = 0.5 ** (np.arange(len(sizes))[::-1] / HALF_LIFE)

        def by_level(values: Series) -> Series:
            return np.bincount(level, weights * values, _LEVELS).astype("float64")

        per_level = np.maximum(np.bincount(level, weights, _LEVELS), 1e-9)  # a level without rows keeps 0
        means = np.column_stack([by_level(column) for column in terms.T]) / per_level[:, None]
        centred = terms - means[level]
        weighted = centred * weights[:, None]
        information = _products(weighted, centred) + _PRIOR * np.eye(terms.shape[1])
        coefficients, levels = np.zeros(terms.shape[1]), np.zeros(_LEVELS)
        fitted = np.zeros(len(sizes))
        score = np.log(np.maximum(sizes, _SMALLEST))
        for _ in range(1 + _ITERATIONS):
            step = np.linalg.solve(information, np.einsum("ij,i->j", weighted, score) - _PRIOR * coefficients)
            coefficients = coefficients + step
            levels = levels + by_level(score) / per_level - means @ step
            fitted = np.einsum("ij,j->i", terms, coefficients) + levels[level]
            score = sizes / np.exp(fitted) - 1
        return cls(tuple(coefficients.tolist()), tuple(levels.tolist()), float(fitted.min()), float(fitted.max()))

    def of(self, matrix: Matrix, volatility: Series) -> Series:
        """The scale for the hour after each row, as a return."""
        return self.relative_to_volatility(Design.of(matrix, volatility)) * volatility

    def relative_to_volatility(self, design: Design) -> Series:
        """The scale over the volatility, for rows of the design."""
        fitted = np.einsum("ij,j->i", design.terms, self._coefficients) + self._levels[design.level]
        relative: Series = np.exp(np.clip(fitted, self.lowest, self.highest))
        return relative

    @property
    def _coefficients(self) -> Series:
        return np.array(self.coefficients)

    @property
    def _levels(self) -> Series:
        return np.array(self.levels)

    def record(self) -> dict[str, Any]:
        """The scale as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`record`. Raises KeyError, TypeError or ValueError if it is no such record."""
        coefficients, levels = (tuple(map(float, record[name])) for name in ("coefficients", "levels"))
        if len(levels) != _LEVELS:
            raise ValueError(f"a scale has {_LEVELS} levels, not {len(levels)}")
        return cls(coefficients, levels, float(record["lowest"]), float(record["highest"]))


def _products(left: Matrix, right: Matrix) -> Matrix:
    """The transposed *left* times *right*, added up over blocks too small to be shared out among threads."""
    whole = len(left) // _BLOCK_ROWS * _BLOCK_ROWS
    shape = (-1, _BLOCK_ROWS, left.shape[1])
    blocks = left[:whole].reshape(shape).transpose(0, 2, 1) @ right[:whole].reshape(shape)
    products: Matrix = blocks.sum(axis=0) + np.einsum("ij,ik->jk", left[whole:], right[whole:])
    return products
