"""Walk-forward evaluation: every forecast scored here was made by a model that had seen nothing of its hour.

The model is fitted anew at the start of each UTC month on everything known an hour before (the embargo), and forecasts
that month. Used by every training run and by `candlecast backtest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from training.dataset import known_at

HOUR = pd.Timedelta(hours=1)
EMBARGO = HOUR
"""Between the newest label that a model was fitted on and the first origin it forecasts from."""


class Forecaster(Protocol):
    """A fitted model."""

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """open_time, predicted_return, lower_return, upper_return and probability_up, one row per given row."""
        ...


Fit = Callable[[pd.DataFrame], Forecaster]


@dataclass(frozen=True)
class Fold:
    """One refit: what the model may learn from and what it is then asked."""

    train: pd.DataFrame
    test: pd.DataFrame


def folds(rows: pd.DataFrame, start: datetime) -> Iterator[Fold]:
    """A fold per UTC month of origins from *start* (aware) on; the training window expands."""
    origin = rows["open_time"] + HOUR
    scored = rows[origin >= pd.Timestamp(start)]
    month = (scored["open_time"] + HOUR).dt.strftime("%Y-%m")
    for _, test in scored.groupby(month, sort=True):
        first_origin = max(pd.Timestamp(start), test["open_time"].iloc[0] + HOUR)
        yield Fold(train=known_at(rows, first_origin - EMBARGO), test=test)


def walk_forward(
    rows: pd.DataFrame, start: datetime, fit: Fit, progress: Callable[[Fold], None] | None = None
) -> pd.DataFrame:
    """Out-of-sample forecasts of every origin from *start* (aware) on.

    *rows*: open_time, the features and target_return, in order of time. *progress* is told of each fold before its fit.
    Returns, see :func:`outcomes`, one row per forecast hour.
    """
    parts = []
    for fold in folds(rows, start):
        if progress:
            progress(fold)
        parts.append(outcomes(fit(fold.train), fold.test))
    return pd.concat(parts, ignore_index=True)


def outcomes(model: Forecaster, rows: pd.DataFrame) -> pd.DataFrame:
    """What *model* forecasts for *rows*, beside what happened.

    target_hour (UTC), predicted_return, lower_return, upper_return, probability_up, actual_return (simple returns).
    """
    made = model.forecast(rows).reset_index(drop=True)
    made.insert(0, "target_hour", (made.pop("open_time") + HOUR).dt.as_unit("us"))
    return made.assign(actual_return=rows["target_return"].to_numpy())
