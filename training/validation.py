"""Walk-forward evaluation: every forecast scored here was made by a model that had seen nothing of its hour.

The hours to score are cut into periods (calendar months by default). At the start of each the model is fitted anew on
what was known by then: outcomes that were still open are purged, and those of the last `embargo` are left out besides.
Used alike by training runs and by `candlecast backtest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pandas as pd

from candlecast import hours
from candlecast.errors import BadRequest, TooLittleData
from candlecast.settings import Refit
from training.dataset import LABEL_DELAY

HOUR = pd.Timedelta(hours=1)
EMBARGO = HOUR
"""Between the newest label that a model was fitted on and the first origin it forecasts from."""

_PERIODS: dict[Refit, str] = {"daily": "D", "weekly": "W-SUN", "monthly": "M", "quarterly": "Q", "yearly": "Y"}


class Forecaster(Protocol):
    """A fitted model."""

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        """open_time, predicted_return, lower_return, upper_return and probability_up, one row per given row."""
        ...


Fit = Callable[[pd.DataFrame], Forecaster]
"""Fits on rows as walk_forward takes them."""


@dataclass(frozen=True)
class Schedule:
    """Which hours are scored, and when a model learns what."""

    start: datetime
    """First origin scored (aware)."""
    end: datetime | None = None
    """Origins from here on stay untouched: the final hold-out, scored by nothing that this evaluation chose."""
    refit: Refit = "monthly"
    """The model is fitted anew at the start of each such UTC calendar period; `never`: once."""
    window_days: int | None = None
    """Days before a refit that it learns from; None: everything (an expanding window)."""
    embargo: timedelta = EMBARGO
    train_until: datetime | None = None
    """The first model learns nothing that became known later (aware). Later refits learn all that was known by then."""

    def __post_init__(self) -> None:
        if self.end and self.end <= self.start:
            raise BadRequest(f"there is no hour from {hours.text(self.start)} to {hours.text(self.end)} to score.")
        if self.train_until and self.train_until > self.start:
            raise BadRequest(
                f"training until {hours.text(self.train_until)} would see the hours scored from"
                f" {hours.text(self.start)} on; end it there or earlier."
            )

    def periods(self, origins: pd.Series) -> pd.Series:
        """What each origin (UTC) is forecast in: equal values, one fitted model."""
        if self.refit == "never":
            return pd.Series(0, index=origins.index)
        periods: pd.Series = origins.dt.tz_localize(None).dt.to_period(_PERIODS[self.refit])
        return periods


def window_days(window: str) -> int | None:
    """Days of a window written `expanding` (None) or `rolling:DAYS`. Raises BadRequest for anything else."""
    kind, _, days = window.partition(":")
    if window == "expanding":
        return None
    if kind == "rolling" and days.isdecimal() and int(days) > 0:
        return int(days)
    raise BadRequest(f"{window!r} is no training window; write expanding, or rolling:DAYS like rolling:730.")


@dataclass(frozen=True)
class Fold:
    """One refit: what the model may learn from and what it is then asked."""

    train: pd.DataFrame
    test: pd.DataFrame


def folds(rows: pd.DataFrame, schedule: Schedule, symbol: str | None = None) -> Iterator[Fold]:
    """The refits of *schedule* in order of time. Arguments and errors as :func:`walk_forward`."""
    if not rows["open_time"].is_monotonic_increasing:
        raise BadRequest("walk-forward evaluation needs rows in order of time; sort them by open_time.")
    origins = rows["open_time"] + HOUR
    scored = origins >= pd.Timestamp(schedule.start)
    if schedule.end:
        scored &= origins < pd.Timestamp(schedule.end)
    if "symbol" in rows:
        scored &= rows["symbol"] == symbol
    if not scored.any():
        raise TooLittleData(
            f"there is no complete hour to score from {hours.text(schedule.start)} on; the rows end with"
            f" {rows['open_time'].max()}."
        )
    limit = pd.Timestamp(schedule.train_until) if schedule.train_until else None
    known_from = rows["open_time"] + LABEL_DELAY
    for _, test in rows[scored].groupby(schedule.periods(origins[scored]), sort=True):
        # the period's own start, where a gap hides its first hours, would be no later than this
        known = test["open_time"].iloc[0] + HOUR - schedule.embargo
        known, limit = min(known, limit) if limit else known, None
        last = int(known_from.searchsorted(known, side="right"))
        first = 0
        if schedule.window_days:
            first = int(known_from.searchsorted(known - pd.Timedelta(days=schedule.window_days), side="right"))
        yield Fold(train=rows.iloc[first:last], test=test)


def walk_forward(
    rows: pd.DataFrame,
    schedule: Schedule,
    fit: Fit,
    progress: Callable[[Fold], None] | None = None,
    *,
    symbol: str | None = None,
) -> pd.DataFrame:
    """Out-of-sample forecasts of every hour that *schedule* scores, see :func:`outcomes`, in order of time.

    *rows*: open_time, close, volatility, the features and target_return, in order of time. Rows of several symbols
    (then with a column symbol) are all learnt from; those of *symbol* are forecast. *progress* is told of each fold
    before its fit. Raises TooLittleData where there is nothing to score, and what *fit* raises.
    """
    parts = []
    for fold in folds(rows, schedule, symbol):
        if progress:
            progress(fold)
        parts.append(outcomes(fit(fold.train), fold.test))
    return pd.concat(parts, ignore_index=True)


def outcomes(model: Forecaster, rows: pd.DataFrame) -> pd.DataFrame:
    """What *model* forecasts for *rows*, beside what happened.

    target_hour (UTC), predicted_return, lower_return, upper_return, probability_up, actual_return (simple returns),
    reference_close (the close that returns start from, quote currency) and volatility (the scale known at the origin).
    """
    made = model.forecast(rows).reset_index(drop=True)
    made.insert(0, "target_hour", (made.pop("open_time") + HOUR).dt.as_unit("us"))
    given = {"actual_return": "target_return", "reference_close": "close", "volatility": "volatility"}
    return made.assign(**{name: rows[column].to_numpy() for name, column in given.items()})
