"""The mean of a fit on one symbol's own hours and a fit on those of all symbols.

Neither is enough: what symbols have in common is learnt from far more hours, what sets one apart only from its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from candlecast.families.point import Matrix, Point
from candlecast.windows import Series

OWN, COMMON = "own", "common"


@dataclass(frozen=True)
class Mean:
    """The mean of two points of one family."""

    own: Point
    common: Point

    @property
    def family(self) -> str:
        """Of both."""
        return self.own.family

    @property
    def parameters(self) -> Mapping[str, float | int | str | bool]:
        """Of the fit on all symbols."""
        return self.common.parameters

    def predict(self, matrix: Matrix) -> Series:
        """The median per row, in volatilities."""
        return (self.own.predict(matrix) + self.common.predict(matrix)) / 2

    def contributions(self, matrix: Matrix) -> Matrix:
        """The mean of both ones'."""
        return (self.own.contributions(matrix) + self.common.contributions(matrix)) / 2

    def parts(self) -> dict[str, bytes]:
        """Those of both, each in its folder."""
        points = {OWN: self.own, COMMON: self.common}
        return {f"{folder}/{name}": part for folder, point in points.items() for name, part in point.parts().items()}
