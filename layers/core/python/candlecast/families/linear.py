"""Least absolute deviations: a linear median, fitted by iteratively reweighted least squares. Plain numpy.

Each round solves a ridge regression whose weights are the inverse sizes of the last round's errors (Schlossmacher
1973). Features are standardised and clipped, so that no single hour carries the fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from candlecast.families.point import Matrix, Parameters
from candlecast.features import NAMES
from candlecast.windows import Series

PART = "model.json"
DEFAULTS: Mapping[str, float] = {"ridge": 0.03}
_CYCLIC = ("hour_of_day", "day_of_week")  # numbers without an order that a line could follow
_USED = np.array([name not in _CYCLIC for name in NAMES])
_LARGEST = 5.0  # standard deviations
_ROUNDS = 15
_SMALLEST_ERROR = 0.01  # volatilities; below it all errors weigh alike
_SETTLED = 1e-5


@dataclass(frozen=True)
class Linear:
    """The fitted line. Arrays have one value per feature of features.NAMES; unused ones have the coefficient 0."""

    mean: Series
    deviation: Series
    coefficients: Series
    constant: float
    parameters: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    family = "linear"

    def predict(self, matrix: Matrix) -> Series:
        """The median per row, in volatilities."""
        median: Series = self.contributions(matrix).sum(axis=1)  # row by row: alike for one row and for many
        return median

    def contributions(self, matrix: Matrix) -> Matrix:
        """Coefficient times standardised feature, and the constant."""
        terms = standardised(matrix, self.mean, self.deviation) * self.coefficients
        return np.column_stack([terms, np.full(len(terms), self.constant)])

    def parts(self) -> dict[str, bytes]:
        """Names and numbers as JSON; numbers keep every bit."""
        columns = zip(NAMES, self.mean.tolist(), self.deviation.tolist(), self.coefficients.tolist(), strict=True)
        features = {
            name: {"mean": mean, "deviation": deviation, "coefficient": coefficient}
            for name, mean, deviation, coefficient in columns
        }
        return {PART: json.dumps({"constant": self.constant, "features": features}, indent=1).encode()}


def standardised(matrix: Matrix, mean: Series, deviation: Series) -> Matrix:
    """In standard deviations from the mean, neither beyond 5."""
    clipped: Matrix = np.clip((matrix - mean) / deviation, -_LARGEST, _LARGEST)
    return clipped


def fit(matrix: Matrix, target: Series, parameters: Parameters) -> Linear:
    """The line through the medians. *target*: returns in volatilities. No randomness, no threads."""
    given: dict[str, float | int] = {**DEFAULTS, **parameters}
    mean, deviation = matrix.mean(axis=0), matrix.std(axis=0)
    deviation[deviation == 0] = 1.0  # a feature that never moves says nothing
    design = np.column_stack([standardised(matrix, mean, deviation)[:, _USED], np.ones(len(matrix))])
    penalty = given["ridge"] * len(design) * np.eye(design.shape[1])
    penalty[-1, -1] = 0.0
    weights, solution = np.ones(len(design)), np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        weighted = design * weights[:, None]
        # einsum adds in one fixed order, whatever the number of threads: same data, same bytes
        gram, cross = np.einsum("ij,ik->jk", weighted, design), np.einsum("ij,i->j", weighted, target)
        previous, solution = solution, np.linalg.solve(gram + penalty, cross)
        if np.abs(solution - previous).max() < _SETTLED:
            break
        weights = 1 / np.maximum(np.abs(target - np.einsum("ij,j->i", design, solution)), _SMALLEST_ERROR)
    coefficients = np.zeros(len(NAMES))
    coefficients[_USED] = solution[:-1]
    return Linear(mean, deviation, coefficients, float(solution[-1]), given)


def read(parts: Mapping[str, bytes]) -> Linear:
    """The line in *parts*. Raises KeyError, TypeError or ValueError where it is none over these features."""
    document: dict[str, Any] = json.loads(parts[PART])
    features = document["features"]
    if list(features) != list(NAMES):
        raise ValueError(f"{PART} has other features")
    mean, deviation, coefficients = (
        np.array([float(features[name][key]) for name in NAMES]) for key in ("mean", "deviation", "coefficient")
    )
    return Linear(mean, deviation, coefficients, float(document["constant"]))
