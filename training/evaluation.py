"""The model beside every other forecaster, walk-forward over the same hours: what a report and its JSON are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from candlecast import hours
from candlecast.settings import Refit
from training import slices
from training.metrics import Scores, rolling_band, score
from training.validation import Fit, Fold, Schedule, folds, walk_forward

Tell = Callable[[str, int, int], None]
"""Is told of every fit: the contender, which of its refits begins (from 1), and of how many."""


@dataclass(frozen=True)
class Contender:
    """Something that can be fitted and then forecasts."""

    name: str
    fit: Fit
    refit: Refit | None = None
    """How often it is fitted anew; None: as the schedule says."""


@dataclass(frozen=True)
class Assessment:
    """How one contender's out-of-sample forecasts did."""

    name: str
    refit: Refit
    refits: int
    forecasts: pd.DataFrame
    """As walk_forward makes them, with the columns of rolling_band."""
    total: Scores
    by_month: Mapping[str, Scores]
    by_regime: Mapping[str, Scores]
    by_hour: Mapping[str, Scores]

    @classmethod
    def of(
        cls, contender: Contender, schedule: Schedule, refits: int, made: pd.DataFrame, coverage: float
    ) -> Assessment:
        """All scores of the forecasts *made*."""
        return cls(
            name=contender.name,
            refit=schedule.refit,
            refits=refits,
            forecasts=made,
            total=score(made, coverage),
            by_month=slices.by_month(made, coverage),
            by_regime=slices.by_regime(made, coverage),
            by_hour=slices.by_hour(made, coverage),
        )

    def record(self) -> dict[str, Any]:
        """The scores as plain JSON values, those of all hours at the top."""
        parts = {"by_month": self.by_month, "by_regime": self.by_regime, "by_hour": self.by_hour}
        return {
            **self.total.record(),
            "refit": self.refit,
            "refits": self.refits,
            **{name: {key: scores.record() for key, scores in part.items()} for name, part in parts.items()},
        }


@dataclass(frozen=True)
class Evaluation:
    """The model's assessment and those of what it is compared with."""

    coverage: float
    """What the intervals promise."""
    schedule: Schedule
    model: Assessment
    others: tuple[Assessment, ...]

    @property
    def assessments(self) -> tuple[Assessment, ...]:
        """All of them, the model's first."""
        return self.model, *self.others

    @property
    def reliability(self) -> pd.DataFrame:
        """See slices.reliability."""
        return slices.reliability(self.model.forecasts)

    def record(self) -> dict[str, Any]:
        """Everything as plain JSON values: the model's scores at the top, and every contender's under `models`."""
        target_hour = self.model.forecasts["target_hour"]
        return {
            "model": self.model.name,
            "first_target_hour": hours.text(target_hour.iloc[0]),
            "last_target_hour": hours.text(target_hour.iloc[-1]),
            "train_until": hours.text(self.schedule.train_until) if self.schedule.train_until else None,
            "window_days": self.schedule.window_days,
            "embargo_hours": self.schedule.embargo.total_seconds() / 3600,
            "nominal_coverage": self.coverage,
            **self.model.record(),
            "reliability": self.reliability.to_dict("records"),
            "models": {each.name: each.record() for each in self.assessments},
        }


def evaluate(
    rows: pd.DataFrame,
    schedule: Schedule,
    model: Contender,
    others: Iterable[Contender],
    coverage: float,
    *,
    symbol: str | None = None,
    tell: Tell | None = None,
) -> Evaluation:
    """Walks *model* and *others* forward over the hours that *schedule* scores.

    *rows*, *symbol*: as walk_forward takes them. *coverage*: what the contenders' intervals promise.
    Raises TooLittleData where there is nothing to score, and what a contender's fit raises.
    """
    own = rows[rows["symbol"] == symbol] if "symbol" in rows else rows
    band = rolling_band(own, coverage).set_index(own["open_time"] + pd.Timedelta(hours=1))

    def assess(contender: Contender) -> Assessment:
        plan = replace(schedule, refit=contender.refit or schedule.refit)
        refits = sum(1 for _ in folds(rows, plan, symbol))
        begun = 0

        def begin(_: Fold) -> None:
            nonlocal begun
            begun += 1
            if tell:
                tell(contender.name, begun, refits)

        made = walk_forward(rows, plan, contender.fit, begin, symbol=symbol)
        bounds = band.reindex(made["target_hour"]).to_numpy()
        return Assessment.of(
            contender, plan, refits, made.assign(band_lower=bounds[:, 0], band_upper=bounds[:, 1]), coverage
        )

    return Evaluation(coverage, schedule, assess(model), tuple(assess(each) for each in others))
