"""What returns are on the scale, carried on as hours settle: quantiles of recent hours and a correction for change.

Conformal: the quantiles are those of return / scale over the last 90 days, each tail for itself. Adaptive: a factor on
both tails grows a little with every return outside and shrinks a little with every one inside, so that their share
finds back to what the coverage leaves out whatever the market does (online quantile tracking on the log of the score:
Gibbs and Candès 2021, Angelopoulos, Candès and Tibshirani 2023).

The same code walks forward through a backtest, carries the live state on by an hour, and makes good what was missed.
An outcome is learnt once and in order: `until` says up to which hour. Plain Python: one step takes about 10 us.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, isfinite
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from candlecast.windows import Series

HOURS = 90 * 24
"""How many recent residuals the quantiles are taken from."""
RATE = 0.01
"""How far one hour moves the log of the correction: found on 2022 to 2024, where half and double do nearly as well."""
_LARGEST_CORRECTION = 2.0  # of its log, either way
_NEVER_QUITE = 0.98  # certain


class Followed(NamedTuple):
    """One value per row, each from what was known before it."""

    lower: Series
    """Quantile of return / scale, below 0 in any market that moves both ways."""
    upper: Series
    within: Series
    """Share of the returns that are smaller than the row's distance, either way; below 1, above 0 if that is."""


@dataclass(frozen=True)
class Calibration:
    """The state after some hours."""

    coverage: float
    residuals: tuple[float, ...]
    """return / scale of the last known hours, oldest first; at most HOURS."""
    until: int
    """The newest hour learnt from: the start of the target hour, in hours since 1970-01-01T00:00Z."""
    correction: float = 0.0
    """The log of the factor on both tails."""

    @classmethod
    def of(cls, residuals: Series, coverage: float, until: int) -> Self:
        """The state to begin with. *residuals*: return / scale, oldest first, from a scale that has not seen them."""
        return cls(coverage, tuple(map(_short, residuals[-HOURS:].tolist())), until)

    @property
    def lower(self) -> float:
        """Quantile of return / scale below which lies half of what the coverage leaves out."""
        return self._run.bounds()[0]

    @property
    def upper(self) -> float:
        """The one above which lies the other half."""
        return self._run.bounds()[1]

    def within(self, distances: Series) -> Series:
        """The share of returns smaller than each distance (return / scale, 0 or more), as the state is."""
        return np.array([self._run.within(distance) for distance in distances.tolist()])

    def settled(self, hour: int, residual: float) -> Self:
        """The state once the target hour *hour* has closed; the same where it is no news or nan."""
        return self.follow(np.array([hour]), np.array([residual]), np.zeros(1))[1]

    def follow(self, hours: NDArray[np.int64], residuals: Series, distances: Series) -> tuple[Followed, Self]:
        """Row by row in order of time: what the state says of the row, then what it learns from its outcome.

        *hours*: increasing target hours, since 1970. *residuals*: their return / scale, nan where it is not known.
        An outcome is known once its hour has closed, which is when the next row is forecast and not before.
        """
        run, until = _Run(self), self.until
        told = np.empty((3, len(hours)))
        rows = zip(hours.tolist(), residuals.tolist(), distances.tolist(), strict=True)
        for row, (hour, residual, distance) in enumerate(rows):
            told[0, row], told[1, row] = run.bounds()
            told[2, row] = run.within(distance)
            if hour > until and isfinite(residual):
                run.settle(_short(residual))
                until = hour
        return Followed(*told), type(self)(self.coverage, tuple(run.recent), until, run.correction)

    @cached_property
    def _run(self) -> _Run:
        return _Run(self)

    def record(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return {
            "coverage": self.coverage,
            "until": self.until,
            "correction": self.correction,
            "residuals": list(self.residuals),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`record`. Raises KeyError, TypeError or ValueError if it is no such record."""
        residuals = tuple(map(float, record["residuals"]))
        state = cls(float(record["coverage"]), residuals, int(record["until"]), float(record["correction"]))
        if not 2 <= len(residuals) <= HOURS or not all(map(isfinite, (state.correction, *residuals))):
            raise ValueError(f"a calibration has 2 to {HOURS} residuals and a correction, all of them finite numbers")
        if not 0 < state.coverage < 1 or abs(state.correction) > _LARGEST_CORRECTION:
            raise ValueError("a calibration's coverage lies between 0 and 1, its correction within its limits")
        return state


class _Run:
    """The state while it changes: the same residuals by age and by size."""

    def __init__(self, state: Calibration) -> None:
        self.recent: deque[float] = deque(state.residuals)
        self.correction = state.correction
        self._ordered = sorted(state.residuals)
        self._tail = (1 - state.coverage) / 2
        self._missing = 1 - state.coverage

    def bounds(self) -> tuple[float, float]:
        factor = exp(self.correction)
        return _quantile(self._ordered, self._tail) * factor, _quantile(self._ordered, 1 - self._tail) * factor

    def within(self, distance: float) -> float:
        """Also by its size where no residual is as small, so that more is always more."""
        reach = distance / exp(self.correction)
        inside = bisect_right(self._ordered, reach) - bisect_left(self._ordered, -reach)
        return _NEVER_QUITE * (inside + reach / (1 + reach)) / (len(self._ordered) + 1)

    def settle(self, residual: float) -> None:
        lower, upper = self.bounds()
        outside = residual < lower or residual > upper
        moved = self.correction + RATE * (outside - self._missing)
        self.correction = min(max(moved, -_LARGEST_CORRECTION), _LARGEST_CORRECTION)
        if len(self.recent) == HOURS:
            del self._ordered[bisect_left(self._ordered, self.recent.popleft())]
        self.recent.append(residual)
        insort(self._ordered, residual)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 2)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def _short(residual: float) -> float:
    """To six digits: a state that was written and read goes on as the one that was not."""
    return float(f"{residual:.6g}")
