"""The families of models that settings can choose from. All forecast the median of the next return, in volatilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from candlecast.families.mean import COMMON, OWN, Mean
from candlecast.families.point import Matrix, Parameters, Point
from candlecast.settings import Family
from candlecast.windows import Series

__all__ = ["FAMILIES", "LIBRARIES", "Family", "Matrix", "Mean", "Parameters", "Point", "fit", "read"]

FAMILIES: tuple[Family, ...] = get_args(Family)
"""The default comes first."""
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm",),
    "xgboost": ("lightgbm", "xgboost"),
    "random_forest": ("lightgbm",),
    "linear": (),
}
"""What fits a family, beside numpy."""


def fit(
    family: Family, matrix: Matrix, target: Series, *, seed: int, threads: int = 1, parameters: Parameters | None = None
) -> Point:
    """A point of *family*, fitted on rows in order of time. *target*: next returns in volatilities, clipped.

    Equal rows and seed give equal bytes, whatever *threads* (0: all cores).
    """
    given = parameters or {}
    match family:
        case "lightgbm":
            from candlecast.families import trees

            return trees.fit_boosted(matrix, target, seed, threads, given)
        case "random_forest":
            from candlecast.families import trees

            return trees.fit_forest(matrix, target, seed, threads, given)
        case "xgboost":
            from candlecast.families import xgboost_trees

            return xgboost_trees.fit(matrix, target, seed, given)
        case "linear":
            from candlecast.families import linear

            return linear.fit(matrix, target, given)


def read(family: str, parts: Mapping[str, bytes]) -> Point:
    """The point that gave *parts*. Raises KeyError, TypeError or ValueError where they are no such point's."""
    if family not in FAMILIES:
        raise ValueError(f"{family!r} is none of the families {', '.join(FAMILIES)}")
    folders = {name.partition("/")[0] for name in parts if "/" in name}
    if folders:
        if folders != {OWN, COMMON}:
            raise ValueError(f"a pooled model has the folders {OWN} and {COMMON}, not {', '.join(sorted(folders))}")
        own, common = (
            read(family, {name[len(folder) + 1 :]: part for name, part in parts.items() if name.startswith(folder)})
            for folder in (OWN, COMMON)
        )
        return Mean(own, common)
    if family == "linear":
        from candlecast.families import linear

        return linear.read(parts)
    from candlecast.families import trees

    return trees.read(family, parts)
