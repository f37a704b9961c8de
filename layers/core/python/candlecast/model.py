"""The model: LightGBM on absolute loss, forecasting the next hour's return in volatilities.

Squared loss loses to forecasting no change on these fat tails; the median of a strongly regularised small model does
not. What is served is a share (`shrinkage`) of that median, inside an interval from :mod:`candlecast.intervals`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from candlecast import hours
from candlecast.errors import TooLittleData
from candlecast.features import FEATURES, NAMES
from candlecast.intervals import Intervals, Matrix
from candlecast.windows import Series

if TYPE_CHECKING:
    from lightgbm import Booster

SCHEMA_VERSION = 1
MINIMUM_HOURS = 500
"""Rows without nulls that a fit needs."""
TREES = 150
PARAMETERS: Mapping[str, Any] = {
    "objective": "regression_l1",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 20.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_LEAF_HOURS = 500  # a leaf rests on this many hours at least; on a sixtieth of a history too short for that
_LARGEST_TARGET = 8.0  # volatilities; what lies beyond teaches only that tails are fat


@dataclass(frozen=True)
class Model:
    """A fitted model. `manifest` says what it is: features, training range, parameters; with a bundle also its version.

    Forecasting runs on one thread and needs no state but this.
    """

    booster: Booster
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
        results = np.full((4, len(features)), np.nan)
        if known.any():
            results[:, known] = self._forecast(matrix[known], volatility[known])
        names = ("predicted_return", "lower_return", "upper_return", "probability_up")
        return pd.DataFrame(
            {"open_time": features["open_time"], **dict(zip(names, results, strict=True))}, index=features.index
        )

    def _forecast(self, matrix: Matrix, volatility: Series) -> tuple[Series, ...]:
        median = np.asarray(self.booster.predict(matrix, num_threads=1), "float64") * volatility
        point = self.manifest["shrinkage"] * median
        lower, upper = self.intervals.bounds(matrix, volatility, point)
        return point, lower, upper, self.intervals.probability_up(matrix, volatility, median)


def fit(rows: pd.DataFrame, *, coverage: float, shrinkage: float, seed: int = 7, threads: int = 1) -> Model:
    """A model fitted on *rows*: open_time, volatility, the declared features and target_return, in order of time.

    Rows with nulls are left out. The result does not depend on *threads* (0: all cores); trees this small gain
    little from more than one.
    Raises TooLittleData with fewer than MINIMUM_HOURS rows left.
    """
    import lightgbm

    matrix, volatility, known = _inputs(rows)
    returns = rows["target_return"].to_numpy("float64")
    known &= np.isfinite(returns)
    if known.sum() < MINIMUM_HOURS:
        raise TooLittleData(
            f"{known.sum()} of {len(rows)} hours have every feature and a target; a fit needs {MINIMUM_HOURS}:"
            " backfill a longer history."
        )
    matrix, volatility, returns = np.ascontiguousarray(matrix[known]), volatility[known], returns[known]
    target = np.clip(returns / volatility, -_LARGEST_TARGET, _LARGEST_TARGET)
    parameters = {
        **PARAMETERS,
        "min_data_in_leaf": max(10, min(_LEAF_HOURS, len(target) // 60)),
        "seed": seed,
    }
    data = lightgbm.Dataset(matrix, target, feature_name=list(NAMES), params=parameters)
    booster = lightgbm.train({**parameters, "num_threads": threads}, data, num_boost_round=TREES)
    times = rows["open_time"][known]
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "features": [{"name": feature.name, "warm_up": feature.warm_up} for feature in FEATURES],
        "training": {"start": hours.text(times.min()), "end": hours.text(times.max()), "hours": int(known.sum())},
        "parameters": {**parameters, "num_iterations": TREES},
        "coverage": coverage,
        "shrinkage": shrinkage,
        "libraries": {
            "python": ".".join(map(str, sys.version_info[:3])),
            "lightgbm": lightgbm.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }
    return Model(booster, Intervals.fit(matrix, volatility, returns, coverage), manifest)


def booster_text(booster: Booster) -> str:
    """LightGBM's own text of the model, without the number of threads that happened to fit it."""
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 1]", booster.model_to_string())


def _inputs(features: pd.DataFrame) -> tuple[Matrix, Series, np.ndarray]:
    """The feature matrix in declared order, the volatility, and which rows of them are known."""
    matrix = features[list(NAMES)].to_numpy("float64")
    volatility = features["volatility"].to_numpy("float64")
    return matrix, volatility, np.isfinite(matrix).all(axis=1) & np.isfinite(volatility)
