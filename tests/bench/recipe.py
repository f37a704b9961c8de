"""The skill of the shipped recipe on the recorded markets, 2022-01..2024-03, refitted monthly: alone and pooled.

Every symbol is forecast by a model of its own hours, and by the mean of that and of one fitted on all symbols' hours.
Only the point forecast is fitted here; how its interval does is the walk-forward's matter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table

from candlecast import settings as configuration
from candlecast.errors import NotFound
from candlecast.families import Family, Point
from candlecast.features import NAMES
from candlecast.model import fit_point
from candlecast.settings import Settings
from tests.bench.markets import recordings
from training import candle_file
from training.metrics import Scores, score
from training.validation import Fit, Schedule, walk_forward

SCHEDULE = Schedule(start=datetime(2022, 1, 1, tzinfo=UTC), end=datetime(2024, 4, 1, tzinfo=UTC))
ALONE = {"BTC-USDT": (0.010, 0.007), "ETH-USDT": (0.006, 0.0035)}
"""Skill of the full-size forecast, and what its interval must lie above."""
POOLED = {"BTC-USDT": (0.010, 0.0), "ETH-USDT": (0.008, 0.0)}
ANY_POOLED = (0.004, 0.0)
DIRECTION = {"BTC-USDT": 0.55, "ETH-USDT": 0.545}
SHIPPED = {"BTC-USDT": 0.007, "ETH-USDT": 0.006}


@dataclass(frozen=True)
class Result:
    """One symbol's forecasts, full-size and as shipped."""

    symbol: str
    pooled: bool
    full: Scores
    shipped: Scores

    @property
    def shortfalls(self) -> list[str]:
        """The bars that are missed."""
        least, low = POOLED.get(self.symbol, ANY_POOLED) if self.pooled else ALONE.get(self.symbol, (-1.0, -1.0))
        bars = {
            f"skill {least:.1%}": self.full.skill >= least,
            f"interval above {low:.2%}": self.full.skill_low > low,
            "direction": self.full.directional_accuracy >= DIRECTION.get(self.symbol, 0.0),
            "shipped skill": self.shipped.skill >= SHIPPED.get(self.symbol, -1.0),
            "shipped R2 not below 0": self.shipped.r2_over_zero_change >= 0,
        }
        return [name for name, met in bars.items() if not met]


class _Median:
    """The full-size point forecast."""

    def __init__(self, point: Point) -> None:
        self._point = point

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        median = self._point.predict(features[list(NAMES)].to_numpy("float64")) * features["volatility"]
        unknown = np.full(len(features), np.nan)
        bounds = {"lower_return": unknown, "upper_return": unknown, "probability_up": unknown}
        return pd.DataFrame({"open_time": features["open_time"], "predicted_return": median, **bounds})


def measure(family: Family | None = None, only: str | None = None) -> RenderableType:
    """The table of all recorded symbols (*only*: one of them, alone); *family*: by default the one in the settings."""
    settings, began = configuration.load(), time.process_time()
    chosen = family or settings.training.family
    files = {symbol: file for symbol, file in recordings().items() if only in (None, symbol)}
    if not files:
        raise NotFound(f"there are no recorded candles of {only}; name another symbol.")
    rows = {symbol: candle_file.read(file, symbol).rows() for symbol, file in files.items()}
    alone = {symbol: walk_forward(own, SCHEDULE, _fit(chosen)) for symbol, own in rows.items()}
    results = [_result(symbol, False, made, settings) for symbol, made in alone.items()]
    if len(rows) > 1:
        pooled = _with_common(rows, alone, chosen)
        results += [_result(symbol, True, made, settings) for symbol, made in pooled.items()]
    return Group(_table(results, settings, chosen), f"{time.process_time() - began:.0f} s of CPU")


def _fit(family: Family) -> Fit:
    return lambda known: _Median(fit_point(known, family=family))


def _with_common(
    rows: Mapping[str, pd.DataFrame], alone: Mapping[str, pd.DataFrame], family: Family
) -> dict[str, pd.DataFrame]:
    """The mean of each symbol's own forecasts and those of one model per month that learnt from all symbols."""
    everything = pd.concat([own.assign(symbol=symbol) for symbol, own in rows.items()])
    everything = everything.sort_values(["open_time", "symbol"], ignore_index=True)
    fitted: dict[int, _Median] = {}

    def fit(known: pd.DataFrame) -> _Median:
        if len(known) not in fitted:
            fitted[len(known)] = _Median(fit_point(known, family=family))
        return fitted[len(known)]

    made = {}
    for symbol, own in alone.items():
        common = walk_forward(everything, SCHEDULE, fit, symbol=symbol)
        mean = (own["predicted_return"] + common["predicted_return"]) / 2
        made[symbol] = own.assign(predicted_return=mean)
    return made


def _result(symbol: str, pooled: bool, made: pd.DataFrame, settings: Settings) -> Result:
    shipped = made.assign(predicted_return=settings.forecast.shrinkage * made["predicted_return"])
    full, served = (score(table, settings.forecast.coverage) for table in (made, shipped))
    return Result(symbol, pooled, full, served)


def _table(results: list[Result], settings: Settings, family: Family) -> Table:
    headings = ("", "skill", "95 % interval", "DM", "direction", "R²", "shipped", "95 % interval", "R²", "falls short")
    title = f"{family}, {SCHEDULE.start:%Y-%m} to 2024-03; shipped: x {settings.forecast.shrinkage:g}"
    table = Table(*headings, title=title)
    for result in results:
        full, shipped = result.full, result.shipped
        table.add_row(
            f"{result.symbol}, {'pooled' if result.pooled else 'alone'}",
            f"{full.skill:+.2%}", f"{full.skill_low:+.2%} to {full.skill_high:+.2%}", f"{full.dm:.1f}",
            f"{full.directional_accuracy:.1%}", f"{full.r2_over_zero_change:+.3%}",
            f"{shipped.skill:+.2%}", f"{shipped.skill_low:+.2%} to {shipped.skill_high:+.2%}",
            f"{shipped.r2_over_zero_change:+.3%}", ", ".join(result.shortfalls) or "nowhere",
        )  # fmt: skip
    return table
