"""The model: the median of the next hour's return in volatilities, and an interval around what is served of it.

The median comes from one of :mod:`candlecast.families`, fitted on one symbol's hours or, pooled, as the mean of that
and a fit on all symbols' hours. What is served is a share (`shrinkage`) of it, inside an interval from
:mod:`candlecast.intervals`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from candlecast import families, hours
from candlecast.errors import BadRequest, TooLittleData
from candlecast.families import Family, Matrix, Parameters, Point
from candlecast.features import FEATURES, NAMES
from candlecast.intervals import Intervals
from candlecast.windows import Series

SCHEMA_VERSION = 1
MINIMUM_HOURS = 500
"""Rows without nulls that a fit needs."""
_LARGEST_TARGET = 8.0  # volatilities; what lies beyond teaches only that tails are fat


class Forecasts(NamedTuple):
    """One value per row; returns are simple returns."""

    predicted_return: Series
    lower_return: Series
    upper_return: Series
    probability_up: Series


@dataclass(frozen=True)
class Model:
    """A fitted model. `manifest` says what it is: features, training range, parameters; with a bundle also its version.

    Forecasting runs on one thread and needs no state but this.
    """

    point: Point
    intervals: Intervals
    manifest: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The registered version, or `unregistered` before there is one."""
        return str(self.manifest.get("version", "unregistered"))

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """The forecast of the hour after each row's candle.

        *features*: open_time, volatility and the declared features, as features.compute gives them, in any order.
        Returns open_time, predicted_return, lower_return, upper_return (simple returns) and probability_up, with the
        same index; all null but the time in rows where a feature or the volatility is unknown.
        """
        matrix, volatility, known = _inputs(features)
        results = np.full((len(Forecasts._fields), len(features)), np.nan)
        if known.any():
            results[:, known] = self.forecast_matrix(matrix[known], volatility[known])
        columns = dict(zip(Forecasts._fields, results, strict=True))
        return pd.DataFrame({"open_time": features["open_time"], **columns}, index=features.index)

    def forecast_matrix(self, matrix: Matrix, volatility: Series) -> Forecasts:
        """The same from known values alone: *matrix* in the order of features.NAMES, one *volatility* per row."""
        median = self.point.predict(matrix) * volatility
        served = self.manifest["shrinkage"] * median
        lower, upper = self.intervals.bounds(matrix, volatility, served)
        return Forecasts(served, lower, upper, self.intervals.probability_up(matrix, volatility, median))

    def contributions(self, matrix: Matrix, volatility: Series) -> Matrix:
        """Each feature's share of predicted_return, per row; the last column is what no feature accounts for."""
        shares: Matrix = self.point.contributions(matrix) * (self.manifest["shrinkage"] * volatility)[:, None]
        return shares


def fit(
    rows: pd.DataFrame,
    *,
    coverage: float,
    shrinkage: float,
    family: Family = "lightgbm",
    symbol: str | None = None,
    common: Point | None = None,
    parameters: Parameters | None = None,
    seed: int = 7,
    threads: int = 1,
) -> Model:
    """A model fitted on *rows*: open_time, volatility, the declared features and target_return, in order of time.

    Rows with a column `symbol` make a pooled model of *symbol*: the mean of a fit on its own rows and of *common*, by
    default a fit on all rows; the interval is its own. *parameters* are laid over the family's own.
    Rows with nulls are left out. The result does not depend on *threads* (0: all cores); trees this small gain
    little from more than one.
    Raises TooLittleData with fewer than MINIMUM_HOURS rows left, BadRequest for pooled rows without a symbol.
    """
    own = rows
    if "symbol" in rows:
        if symbol is None:
            raise BadRequest("rows of several symbols need the symbol to fit a model for.")
        common = common or fit_point(rows, family=family, parameters=parameters, seed=seed, threads=threads)
        own = rows[rows["symbol"] == symbol]
    sample = _Sample.of(own)
    point = families.fit(family, sample.matrix, sample.target, seed=seed, threads=threads, parameters=parameters)
    point = families.Mean(point, common) if common else point
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "family": family,
        "pooled": sorted(rows["symbol"].unique()) if "symbol" in rows else None,
        "features": [{"name": feature.name, "warm_up": feature.warm_up} for feature in FEATURES],
        "training": {
            "start": hours.text(sample.times.min()),
            "end": hours.text(sample.times.max()),
            "hours": len(sample.times),
        },
        "parameters": dict(point.parameters),
        "coverage": coverage,
        "shrinkage": shrinkage,
        "libraries": {
            "python": ".".join(map(str, sys.version_info[:3])),
            **{name: import_module(name).__version__ for name in ("numpy", "pandas", *families.LIBRARIES[family])},
        },
    }
    return Model(point, Intervals.fit(sample.matrix, sample.volatility, sample.returns, coverage), manifest)


def fit_point(
    rows: pd.DataFrame,
    *,
    family: Family = "lightgbm",
    parameters: Parameters | None = None,
    seed: int = 7,
    threads: int = 1,
) -> Point:
    """The point alone, without an interval: of all rows alike, those of several symbols too. Arguments as :func:`fit`.

    Raises TooLittleData with fewer than MINIMUM_HOURS rows without nulls.
    """
    sample = _Sample.of(rows)
    return families.fit(family, sample.matrix, sample.target, seed=seed, threads=threads, parameters=parameters)


@dataclass(frozen=True)
class _Sample:
    """The rows that a fit can use: features and return known."""

    times: pd.Series
    matrix: Matrix
    volatility: Series
    returns: Series
    target: Series
    """Returns in volatilities."""

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        matrix, volatility, known = _inputs(rows)
        returns = rows["target_return"].to_numpy("float64")
        known &= np.isfinite(returns)
        if known.sum() < MINIMUM_HOURS:
            raise TooLittleData(
                f"{known.sum()} of {len(rows)} hours have every feature and a target; a fit needs {MINIMUM_HOURS}:"
                " backfill a longer history."
            )
        volatility, returns = volatility[known], returns[known]
        target = np.clip(returns / volatility, -_LARGEST_TARGET, _LARGEST_TARGET)
        return cls(rows["open_time"][known], np.ascontiguousarray(matrix[known]), volatility, returns, target)


def _inputs(features: pd.DataFrame) -> tuple[Matrix, Series, np.ndarray]:
    """The feature matrix in declared order, the volatility, and which rows of them are known."""
    matrix = features[list(NAMES)].to_numpy("float64")
    volatility = features["volatility"].to_numpy("float64")
    return matrix, volatility, np.isfinite(matrix).all(axis=1) & np.isfinite(volatility)
