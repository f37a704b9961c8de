"""The model: the median of the next hour's return in volatilities, and an interval around what is served of it.

The median comes from one of :mod:`candlecast.families`, fitted on one symbol's hours or, pooled, as the mean of that
and a fit on all symbols' hours. What is served is a share (`shrinkage`) of it, inside an interval from
:mod:`candlecast.intervals`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import calibration, families, hours
from candlecast.errors import BadRequest, TooLittleData
from candlecast.families import Family, Matrix, Parameters, Point
from candlecast.features import FEATURES, NAMES
from candlecast.intervals import Intervals, Outcomes
from candlecast.windows import Series

SCHEMA_VERSION = 2
MINIMUM_HOURS = 500
"""Rows without nulls that a fit needs."""
_LARGEST_TARGET = 8.0  # volatilities; what lies beyond teaches only that tails are fat


class Forecasts(NamedTuple):
    """One value per row; returns are simple returns."""

    predicted_return: Series
    lower_return: Series
    upper_return: Series
    probability_up: Series


class Contribution(NamedTuple):
    """What one feature adds to a forecast."""

    feature: str
    value: float
    predicted_return: float
    """Its share, a simple return."""


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
        With target_return (null where it is not known), in order of time: then each row's interval has learnt from the
        outcomes of the rows before it, all of them known when the row's candle closes; the point learns nothing.
        Returns open_time, predicted_return, lower_return, upper_return (simple returns) and probability_up, with the
        same index; all null but the time in rows where a feature or the volatility is unknown.
        Raises BadRequest for rows with target_return that are not in strict order of time.
        """
        matrix, volatility, known = _inputs(features)
        results = np.full((len(Forecasts._fields), len(features)), np.nan)
        if known.any():
            outcomes = _outcomes(features[known]) if "target_return" in features else None
            results[:, known] = self.forecast_matrix(matrix[known], volatility[known], outcomes)
        columns = dict(zip(Forecasts._fields, results, strict=True))
        return pd.DataFrame({"open_time": features["open_time"], **columns}, index=features.index)

    def forecast_matrix(self, matrix: Matrix, volatility: Series, outcomes: Outcomes | None = None) -> Forecasts:
        """The same from known values alone: *matrix* in the order of features.NAMES, one *volatility* per row."""
        median = self.point.predict(matrix) * volatility
        served = self.manifest["shrinkage"] * median
        return Forecasts(served, *self.intervals.ranges(matrix, volatility, served, median, outcomes))

    def settled(self, rows: pd.DataFrame) -> Self:
        """The model whose interval has learnt from the outcomes of *rows*: features and target_return, by time.

        Those it has learnt from before, in training or since, change nothing. Raises BadRequest as :meth:`forecast`.
        """
        matrix, volatility, known = _inputs(rows)
        outcomes = _outcomes(rows[known])
        return replace(self, intervals=self.intervals.settled(matrix[known], volatility[known], outcomes))

    def contributions(self, matrix: Matrix, volatility: Series) -> Matrix:
        """Each feature's share of predicted_return, per row; the last column is what no feature accounts for."""
        shares: Matrix = self.point.contributions(matrix) * (self.manifest["shrinkage"] * volatility)[:, None]
        return shares

    def explain(self, matrix: Matrix, volatility: Series, largest: int) -> list[tuple[Contribution, ...]]:
        """Per row the *largest* contributions of features to predicted_return, the largest first."""
        told = []
        for values, shares in zip(matrix, self.contributions(matrix, volatility)[:, :-1], strict=True):
            order = np.argsort(-np.abs(shares), kind="stable")[:largest]
            told.append(tuple(Contribution(NAMES[i], float(values[i]), float(shares[i])) for i in order))
        return told


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
        "features": declarations(),
        "training": {
            "start": hours.text(sample.times.min()),
            "end": hours.text(sample.times.max()),
            "hours": len(sample.times),
        },
        "parameters": dict(point.parameters),
        "coverage": coverage,
        "shrinkage": shrinkage,
        "calibration": {"hours": calibration.HOURS, "rate": calibration.RATE},
        "code_sha256": code_sha256(),
        "libraries": {
            "python": ".".join(map(str, sys.version_info[:3])),
            **{name: import_module(name).__version__ for name in ("numpy", "pandas", *families.LIBRARIES[family])},
        },
    }
    return Model(point, Intervals.fit(sample.matrix, sample.volatility, sample.outcomes, coverage), manifest)


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


def declarations() -> list[dict[str, Any]]:
    """The declared features in the order in which a model takes them, as a manifest has them."""
    return [{"name": f.name, "measure": f.measure.__name__, "hours": f.hours, "warm_up": f.warm_up} for f in FEATURES]


@cache
def code_sha256() -> str:
    """The version of this code: sha256 of the package's sources, by name."""
    folder, digest = Path(__file__).parent, hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Sample:
    """The rows that a fit can use: features and return known."""

    times: pd.Series
    matrix: Matrix
    volatility: Series
    outcomes: Outcomes
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
        volatility, times = volatility[known], rows["open_time"][known]
        target = np.clip(returns[known] / volatility, -_LARGEST_TARGET, _LARGEST_TARGET)
        outcomes = Outcomes(_target_hours(times), returns[known])
        return cls(times, np.ascontiguousarray(matrix[known]), volatility, outcomes, target)


def _inputs(features: pd.DataFrame) -> tuple[Matrix, Series, np.ndarray]:
    """The feature matrix in declared order, the volatility, and which rows of them are known."""
    matrix = features[list(NAMES)].to_numpy("float64")
    volatility = features["volatility"].to_numpy("float64")
    return matrix, volatility, np.isfinite(matrix).all(axis=1) & np.isfinite(volatility)


def _outcomes(rows: pd.DataFrame) -> Outcomes:
    """What followed rows, checked to be in order of time."""
    target_hours = _target_hours(rows["open_time"])
    if (np.diff(target_hours) <= 0).any():
        raise BadRequest("an interval learns from rows in strict order of time; sort them, one symbol's alone.")
    return Outcomes(target_hours, rows["target_return"].to_numpy("float64"))


def _target_hours(open_times: pd.Series) -> NDArray[np.int64]:
    """The hours after candles, since 1970-01-01T00:00Z."""
    return open_times.to_numpy("datetime64[us]").astype("datetime64[h]").astype("int64") + 1
