"""The interval around no change on the recorded markets, 2022-01..2024-03: refitted monthly, learning as hours settle.

What the point adds moves a bound only where it lies outside; this row needs no trees, so all symbols take a minute.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table

from candlecast import settings as configuration
from candlecast.features import NAMES
from candlecast.intervals import Intervals, Outcomes
from tests.bench.markets import recordings
from tests.bench.recipe import SCHEDULE
from training import candle_file, metrics, slices
from training.validation import walk_forward

SKILL = {"BTC-USDT": 0.08, "ETH-USDT": 0.08, "SOL-USDT": 0.10}
"""Of the mean pinball loss of the 80 and the 90 % interval over that of a rolling 30-day band."""
OVERALL, EVERY_MONTH = (0.79, 0.81), (0.77, 0.83)
_WIDER = 0.9


class _Band:
    """Intervals around no change."""

    def __init__(self, rows: pd.DataFrame, coverage: float) -> None:
        self._intervals = Intervals.fit(*_inputs(rows), _outcomes(rows), coverage)

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        matrix, volatility = _inputs(features)
        nothing = np.zeros(len(features))
        told = self._intervals.ranges(matrix, volatility, nothing, nothing, _outcomes(features))
        bounds = {"lower_return": told.lower, "upper_return": told.upper, "probability_up": told.probability_up}
        return pd.DataFrame({"open_time": features["open_time"], "predicted_return": 0.0, **bounds})


def measure(only: str | None = None) -> RenderableType:
    """The table of all recorded symbols; *only*: one of them."""
    began, coverage = time.process_time(), configuration.load().forecast.coverage
    table = Table(
        "", "coverage", "worst months", "better than the band", f"with the {_WIDER:.0%} interval", "width", "CPU s", "",
        title=f"{coverage:.0%} interval, {SCHEDULE.start:%Y-%m} to 2024-03; band: quantiles of the last 30 days",
    )  # fmt: skip
    for symbol, file in recordings().items():
        if only in (None, symbol):
            table.add_row(symbol, *_row(symbol, file, coverage))
    return Group(table, f"{time.process_time() - began:.0f} s of CPU")


def _row(symbol: str, file: Path, coverage: float) -> list[str]:
    began = time.process_time()
    rows = candle_file.read(file, symbol).rows()
    made = walk_forward(rows, SCHEDULE, lambda known: _Band(known, coverage))
    seconds = time.process_time() - began
    wider = walk_forward(rows, SCHEDULE, lambda known: _Band(known, _WIDER))
    months = [month.coverage for month in slices.by_month(made, coverage).values()]
    inside = ((made["lower_return"] <= made["actual_return"]) & (made["actual_return"] <= made["upper_return"])).mean()
    (ours, theirs), (ours_wider, theirs_wider) = (_losses(rows, *pair) for pair in ((made, coverage), (wider, _WIDER)))
    skill = 1 - (ours + ours_wider) / (theirs + theirs_wider)
    bars = {
        "overall": OVERALL[0] <= inside <= OVERALL[1],
        "every month": all(EVERY_MONTH[0] <= month <= EVERY_MONTH[1] for month in months),
        "pinball": skill >= SKILL.get(symbol, 0.0),
    }
    return [
        f"{inside:.2%}",
        f"{min(months):.1%} to {max(months):.1%}",
        f"{1 - ours / theirs:.2%}",
        f"{skill:.2%}",
        f"{(made['upper_return'] - made['lower_return']).mean() * 1e4:.0f} bp",
        f"{seconds:.1f}",
        "; ".join(f"{name} MISSED" for name, met in bars.items() if not met) or "met",
    ]


def _losses(rows: pd.DataFrame, made: pd.DataFrame, coverage: float) -> tuple[float, float]:
    """Mean pinball loss of the interval and of the band on the same hours."""
    band = metrics.rolling_band(rows, coverage).set_index(rows["open_time"] + pd.Timedelta(hours=1))
    band = band.reindex(pd.DatetimeIndex(made["target_hour"]))
    actual = made["actual_return"].to_numpy("float64")
    pairs = ((made["lower_return"], made["upper_return"]), (band["band_lower"], band["band_upper"]))
    ours, theirs = (
        metrics.pinball(actual, lower.to_numpy("float64"), upper.to_numpy("float64"), coverage)
        for lower, upper in pairs
    )
    known = np.isfinite(theirs)
    return float(ours[known].mean()), float(theirs[known].mean())


def _inputs(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows[list(NAMES)].to_numpy("float64"), rows["volatility"].to_numpy("float64")


def _outcomes(rows: pd.DataFrame) -> Outcomes:
    hours = rows["open_time"].to_numpy("datetime64[us]").astype("datetime64[h]").astype("int64") + 1
    return Outcomes(hours, rows["target_return"].to_numpy("float64"))
