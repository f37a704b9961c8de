"""LightGBM's trees on absolute loss: boosted (the default family) or as a random forest.

Squared loss loses to forecasting no change on these fat tails; the median of a few small, strongly regularised trees
does not. LightGBM's text format and library also carry the trees of :mod:`candlecast.families.xgboost_trees`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from candlecast.families.point import Matrix, Parameters
from candlecast.features import NAMES
from candlecast.windows import Series

if TYPE_CHECKING:
    from lightgbm import Booster

PART = "model.txt"
MANY_HOURS = 100_000
"""Rows, those of several symbols, from which on trees may be larger and steps longer."""
BINNED_HOURS = 8760
"""Features are cut into bins by their quantiles in the first year of one symbol's hours: without a scale, they stay
what they were, and sorting all hours anew for each refit takes a sixth of its time."""
COMMON: Mapping[str, Any] = {
    "objective": "regression_l1",
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,  # same trees as row-wise, a quarter faster: it reads only the features drawn for a tree
    "verbosity": -1,
}
BOOSTED: Mapping[str, Any] = {
    "num_iterations": 300,  # many small steps: the draws of hours and features matter less
    "learning_rate": 0.025,
    "num_leaves": 7,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "lambda_l2": 20.0,
}
FOREST: Mapping[str, Any] = {
    "boosting": "rf",
    "num_iterations": 100,
    "num_leaves": 31,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.3,
}
LEAF_HOURS = 500  # a leaf rests on this many hours at least; on a sixtieth of a history too short for that


@dataclass(frozen=True)
class Trees:
    """A sum or mean of regression trees in LightGBM's library."""

    family: str
    booster: Booster
    parameters: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    def predict(self, matrix: Matrix) -> Series:
        """The median per row, in volatilities. One thread."""
        return np.asarray(self.booster.predict(self._inputs(matrix), num_threads=1), "float64")

    def contributions(self, matrix: Matrix) -> Matrix:
        """Shapley values of the trees (LightGBM's TreeSHAP)."""
        sums = np.asarray(self.booster.predict(self._inputs(matrix), num_threads=1, pred_contrib=True), "float64")
        return sums / self.booster.num_trees() if self.family == "random_forest" else sums

    def parts(self) -> dict[str, bytes]:
        """LightGBM's own text, without the number of threads that happened to fit it."""
        text = self.booster.model_to_string()
        return {PART: re.sub(r"\[num_threads: \d+\]", "[num_threads: 1]", text).encode()}

    def _inputs(self, matrix: Matrix) -> Matrix:
        # XGBoost learns and decides on single precision: beside a threshold the digits beyond it would tell otherwise
        return matrix.astype("float32").astype("float64") if self.family == "xgboost" else matrix


def fit_boosted(matrix: Matrix, target: Series, seed: int, threads: int, parameters: Parameters) -> Trees:
    """Gradient boosting. *target*: returns in volatilities. The trees do not depend on *threads* (0: all cores)."""
    many = len(target) >= MANY_HOURS
    size = {"num_leaves": 15, "num_iterations": 150, "learning_rate": 0.05} if many else {}
    size["min_data_in_leaf"] = 2 * LEAF_HOURS if many else max(10, min(LEAF_HOURS, len(target) // 60))
    return _fit("lightgbm", matrix, target, {**COMMON, **BOOSTED, **size, **parameters, "seed": seed}, threads)


def fit_forest(matrix: Matrix, target: Series, seed: int, threads: int, parameters: Parameters) -> Trees:
    """A random forest: the mean of larger trees, each on its own share of hours and features."""
    leaf = max(10, min(LEAF_HOURS // 2, len(target) // 60))
    given = {**COMMON, **FOREST, "min_data_in_leaf": leaf, **parameters, "seed": seed}
    return _fit("random_forest", matrix, target, given, threads)


def read(family: str, parts: Mapping[str, bytes]) -> Trees:
    """The trees in *parts*. Raises KeyError or ValueError where they are no LightGBM model over these features."""
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=parts[PART].decode())
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"{PART}: {error}") from None
    if booster.num_feature() != len(NAMES):
        raise ValueError(f"{PART} has {booster.num_feature()} features, not {len(NAMES)}")
    return Trees(family, booster)


def _fit(family: str, matrix: Matrix, target: Series, parameters: dict[str, Any], threads: int) -> Trees:
    import lightgbm

    given = {name: value for name, value in parameters.items() if name != "num_iterations"}
    described: dict[str, Any] = {"feature_name": list(NAMES), "params": given}
    year = lightgbm.Dataset(matrix[:BINNED_HOURS], **described) if BINNED_HOURS < len(target) < MANY_HOURS else None
    data = lightgbm.Dataset(matrix, target, reference=year, **described)
    booster = lightgbm.train({**given, "num_threads": threads}, data, num_boost_round=parameters["num_iterations"])
    return Trees(family, booster, parameters)
