"""What every family of models gives: a median of the next return, and the files that it can be read from again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from candlecast.windows import Series

Matrix = NDArray[np.float64]
"""Rows of known features in the order of features.NAMES."""
Parameters = Mapping[str, float | int]
"""A family's own names and values, laid over its defaults."""


class Point(Protocol):
    """A fitted model of the median of the next hour's return, in volatilities, not yet shrunken."""

    @property
    def family(self) -> str:
        """One of families.FAMILIES."""
        ...

    @property
    def parameters(self) -> Mapping[str, float | int | str | bool]:
        """What it was fitted with; empty for a point that was read."""
        ...

    def predict(self, matrix: Matrix) -> Series:
        """One median per row; a row's does not depend on the rows beside it."""
        ...

    def contributions(self, matrix: Matrix) -> Matrix:
        """Per row each feature's share of the median, and in the last column the rest: they add up to predict()."""
        ...

    def parts(self) -> dict[str, bytes]:
        """The files of a bundle, by name: text or JSON, nothing that can run. Equal points give equal bytes."""
        ...
