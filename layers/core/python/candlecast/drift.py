"""Whether forecasts have stopped being good: a verdict over the settled forecasts of a sliding window, and why.

The absolute rule compares the window's mean absolute error with a threshold. It measures the market as much as the
model: when hours get wilder every forecast errs more. The relative rule therefore divides by the error of forecasting
no change over the same hours, and counts only if it says so at many hourly checks in a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from candlecast import baseline, hours
from candlecast.settings import DriftSettings

Cause = Literal["none", "model decay", "market volatility", "frozen forecast", "data fault"]
Figure = float | int | str | bool | None

FROZEN_HOURS = 24
"""So many equal forecasts in a row, of a model, are a fault: real ones never repeat."""
_HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Verdict:
    """What a drift check concluded."""

    breach: bool
    retrain: bool
    """A breach outside the cooldown."""
    cause: Cause
    reason: str
    """One sentence, with the numbers."""
    figures: dict[str, Figure]
    """The rule's numbers beside their thresholds; errors are returns. Null where nothing was settled."""
    checks: pd.DataFrame = field(compare=False, repr=False)
    """Hourly checks for plots: hour (end of the window, UTC), mae, zero_change_mae, relative, settled_hours."""


def history_hours(rule: DriftSettings) -> int:
    """How many hours of forecasts before now an assessment looks at."""
    return 2 * rule.window_hours + rule.consecutive_checks


def assess(forecasts: pd.DataFrame, now: datetime, rule: DriftSettings, last_retrain: datetime | None) -> Verdict:
    """The verdict at *now* (aware) on *forecasts*: records as of Forecast.record, one per hour, settled or not.

    Forecasts of hours that have not ended at *now* are ignored, and those older than :func:`history_hours`.
    *last_retrain*: when the last retraining was started; the relative rule starts afresh there.
    """
    end = pd.Timestamp(hours.floor(now))
    table = _hourly(forecasts, end, rule)
    checks = _checks(table, rule)
    newest = checks.iloc[-1]
    window = table.tail(rule.window_hours)
    settled = int(newest["settled_hours"])
    over, raised = _relative_state(checks, rule, last_retrain)
    absolute = bool(newest["mae"] > rule.absolute_threshold)
    broken = {
        "absolute": absolute,
        "relative": raised,
        "any": absolute or raised,
        "all": absolute and raised,
    }[rule.mode]
    cause = _cause(settled >= rule.minimum_hours, _frozen(window), broken, raised)
    breach = cause not in ("none", "data fault")
    rests_until = last_retrain + timedelta(hours=rule.cooldown_hours) if last_retrain else None
    resting = rests_until is not None and now < rests_until
    inside = window["inside_interval"].mean()
    figures: dict[str, Figure] = {
        "mode": rule.mode,
        "window_start": hours.text((end - rule.window_hours * _HOUR).to_pydatetime()),
        "window_end": hours.text(end.to_pydatetime()),
        "window_hours": rule.window_hours,
        "settled_hours": settled,
        "minimum_hours": rule.minimum_hours,
        "mae": _number(newest["mae"]),
        "absolute_threshold": rule.absolute_threshold,
        "absolute_breach": absolute,
        "zero_change_mae": _number(newest["zero_change_mae"]),
        "relative": _number(newest["relative"]),
        "relative_threshold": rule.relative_threshold,
        "relative_clear": rule.relative_clear,
        "checks_over_threshold": over,
        "consecutive_checks": rule.consecutive_checks,
        "relative_breach": raised,
        "coverage": _number(inside),
        "cooldown_until": hours.text(rests_until) if resting and rests_until else None,
    }
    reason = _sentence(cause, figures)
    if breach and resting:
        reason += f" No retraining before {figures['cooldown_until']}: the last one was less than the cooldown ago."
    return Verdict(breach, breach and not resting, cause, reason, figures, checks)


def _hourly(forecasts: pd.DataFrame, end: pd.Timestamp, rule: DriftSettings) -> pd.DataFrame:
    """One row per hour up to *end*: the settled forecast of that hour, or nulls."""
    grid = pd.date_range(end=end - _HOUR, periods=history_hours(rule), freq="h", unit="us", name="target_hour")
    settled = forecasts[forecasts["actual_return"].notna()].set_index("target_hour")
    numbers = settled[["predicted_return", "actual_return", "absolute_error", "inside_interval"]].astype("float64")
    table = numbers.assign(model_version=settled["model_version"]).reindex(grid)
    scored = np.isfinite(table["absolute_error"]) & np.isfinite(table["predicted_return"])
    return table.assign(
        error=table["absolute_error"].where(scored), zero_change_error=table["actual_return"].abs().where(scored)
    )


def _checks(table: pd.DataFrame, rule: DriftSettings) -> pd.DataFrame:
    """What the window looked like at the end of each of the newest hours, as far back as it is whole."""
    windows = table[["error", "zero_change_error"]].rolling(rule.window_hours, min_periods=1)
    means, counts = windows.mean(), windows.count()["error"]
    checks = pd.DataFrame(
        {
            "hour": table.index + _HOUR,
            "mae": means["error"].to_numpy(),
            "zero_change_mae": means["zero_change_error"].to_numpy(),
            "relative": (means["error"] / means["zero_change_error"].where(means["zero_change_error"] > 0)).to_numpy(),
            "settled_hours": counts.to_numpy(dtype="int64"),
        }
    )
    return checks.iloc[rule.window_hours - 1 :].reset_index(drop=True)


def _relative_state(checks: pd.DataFrame, rule: DriftSettings, last_retrain: datetime | None) -> tuple[int, bool]:
    """How many checks in a row, to the newest, were over the threshold; and whether the relative rule is broken.

    It breaks after `consecutive_checks` over the threshold and mends after as many below the clear level.
    A check with too few settled hours interrupts both.
    """
    since = checks if last_retrain is None else checks[checks["hour"] > pd.Timestamp(last_retrain)]
    relative = since["relative"].where(since["settled_hours"] >= rule.minimum_hours)
    over = clear = 0
    raised = False
    for value in relative:
        over = over + 1 if value > rule.relative_threshold else 0
        clear = clear + 1 if value < rule.relative_clear else 0
        if over >= rule.consecutive_checks:
            raised = True
        elif clear >= rule.consecutive_checks:
            raised = False
    return over, raised


def _frozen(window: pd.DataFrame) -> bool:
    """Whether a model has forecast one and the same for a day. The baseline always does, rightly."""
    newest = window.dropna(subset="actual_return").tail(FROZEN_HOURS)
    if len(newest) < FROZEN_HOURS or (newest["model_version"] == baseline.VERSION).any():
        return False
    return newest["predicted_return"].nunique(dropna=False) == 1


def _cause(enough: bool, frozen: bool, broken: bool, raised: bool) -> Cause:
    if not enough:
        return "data fault"
    if frozen:
        return "frozen forecast"
    if not broken:
        return "none"
    return "model decay" if raised else "market volatility"


def _sentence(cause: Cause, figures: dict[str, Figure]) -> str:
    settled, window = figures["settled_hours"], figures["window_hours"]
    if cause == "data fault":
        return (
            f"Data fault: {settled} of the last {window} hours have a settled forecast, {figures['minimum_hours']} are"
            " needed for a verdict; see whether ingest and predict run."
        )
    if cause == "frozen forecast":
        return f"Frozen forecast: the last {FROZEN_HOURS} settled hours were all forecast alike; the model is at fault."
    error = (
        f"over {settled} of {window} hours the mean absolute error was {figures['mae']:.5f}"
        f" (threshold {figures['absolute_threshold']:.5f}), {_times(figures['relative'])} that of no change"
    )
    match cause:
        case "model decay":
            return (
                f"Model decay: {error}; that ratio was over {figures['relative_threshold']:g} at"
                f" {figures['checks_over_threshold']} hourly checks in a row ({figures['consecutive_checks']} make a"
                f" breach, as many below {figures['relative_clear']:g} end it)."
            )
        case "market volatility":
            return (
                f"Market volatility: {error}, which erred by {figures['zero_change_mae']:.5f}: the market moves more,"
                " and nothing shows that the model has decayed."
            )
        case _:
            return f"No drift: {error} (threshold {figures['relative_threshold']:g})."


def _times(relative: Figure) -> str:
    return "no multiple of" if relative is None else f"{relative:.3f} times"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
