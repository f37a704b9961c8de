"""How far the next hour may go: a scale that knows volatility's habits, times what recent hours did on that scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from candlecast.calibration import HOURS, Calibration, Followed
from candlecast.scale import Design, Matrix, Scale
from candlecast.windows import Series


class Outcomes(NamedTuple):
    """What followed rows in order of time."""

    target_hours: NDArray[np.int64]
    """Start of the hour after each row's candle, hours since 1970-01-01T00:00Z; increasing."""
    returns: Series
    """Simple return over it, nan where it is not known."""


class Ranges(NamedTuple):
    """One value per row; bounds are simple returns."""

    lower: Series
    upper: Series
    probability_up: Series


@dataclass(frozen=True)
class Intervals:
    """The calibrated distribution of the next hour's return."""

    scale: Scale
    calibration: Calibration

    @classmethod
    def fit(cls, matrix: Matrix, volatility: Series, outcomes: Outcomes, coverage: float) -> Self:
        """Intervals for *coverage* from rows in order of time, all of them with known outcomes.

        The residuals of the newest 90 days (a quarter of the rows if there are fewer) are those of a scale fitted on
        the rows before them.
        """
        held = min(HOURS, len(volatility) // 4)
        design, relative = Design.of(matrix, volatility), outcomes.returns / volatility
        earlier = Scale.fit(design.head(len(relative) - held), relative[:-held])
        residuals = relative[-held:] / earlier.relative_to_volatility(design.tail(held))
        state = Calibration.of(residuals, coverage, int(outcomes.target_hours[-1]))
        return cls(Scale.fit(design, relative), state)

    def ranges(
        self, matrix: Matrix, volatility: Series, point: Series, median: Series, outcomes: Outcomes | None = None
    ) -> Ranges:
        """Bounds of the return over the hour after each row, and the probability that it is a rise.

        The bounds enclose the *point* forecast; the probability is above 0.5 just where the *median* is above 0.
        With *outcomes* each row has learnt from those of the rows before it.
        """
        scale = self.scale.of(matrix, volatility)
        distance = np.abs(median) / scale
        if outcomes is None:
            state = self.calibration
            told = Followed(np.array(state.lower), np.array(state.upper), state.within(distance))
        else:
            told, _ = self.calibration.follow(outcomes.target_hours, outcomes.returns / scale, distance)
        return Ranges(
            lower=np.minimum(told.lower * scale, point),
            upper=np.maximum(told.upper * scale, point),
            probability_up=0.5 + np.sign(median) * told.within / 2,
        )

    def settled(self, matrix: Matrix, volatility: Series, outcomes: Outcomes) -> Self:
        """The intervals that have learnt from these rows' outcomes, as far as they are news; rows in order of time."""
        residuals = outcomes.returns / self.scale.of(matrix, volatility)
        _, state = self.calibration.follow(outcomes.target_hours, residuals, np.zeros(len(residuals)))
        return replace(self, calibration=state)

    def record(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return {"scale": self.scale.record(), "calibration": self.calibration.record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`record`. Raises KeyError, TypeError or ValueError if it is no such record."""
        return cls(Scale.from_record(record["scale"]), Calibration.from_record(record["calibration"]))
