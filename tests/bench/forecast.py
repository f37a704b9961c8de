"""One forecast from a warm bundle: from the warm-up candles to point, interval, probability, largest contributions."""

from __future__ import annotations

import os
import time

import numpy as np
import pandas as pd
from rich.table import Table

from candlecast import features, labels
from candlecast.bundle import from_bundle, to_bundle
from candlecast.features import WARM_UP
from candlecast.model import Model, fit
from tests.domain.conftest import simulate_market

MEDIAN_BAR, TAIL_BAR = 3.0, 10.0
"""Milliseconds, median and 99th percentile."""
TRAINED_ON = 3 * 365 * 24
LARGEST = 5


def measure(forecasts: int = 2000) -> Table:
    """Wall time of each part and of the whole, for *forecasts* successive hours on one thread."""
    market = simulate_market(TRAINED_ON + WARM_UP + forecasts)
    model, bundle = _warm(market.head(TRAINED_ON))
    parts: dict[str, list[tuple[float, float]]] = {"features": [], "forecast": [], "contributions": [], "in all": []}
    for hour in range(forecasts):
        candles = market.iloc[TRAINED_ON + hour : TRAINED_ON + hour + WARM_UP].reset_index(drop=True)
        for name, spent in _timed(model, candles).items():
            parts[name].append(spent)
    median, tail = np.percentile(np.array(parts["in all"])[:, 0] * 1000, (50, 99)).tolist()
    table = Table(
        "", "median ms", "p99 ms", "most ms", "CPU median ms", "CPU p99 ms",
        title=f"{forecasts:,} forecasts, each from {WARM_UP} candles; bundle of {len(bundle) / 1024:.0f} KiB",
        caption=f"Wall and CPU time, one thread; load {os.getloadavg()[0]:.1f}. Bars, wall: "
        f"median {MEDIAN_BAR:g} ms {_met(median <= MEDIAN_BAR)}, p99 {TAIL_BAR:g} ms {_met(tail <= TAIL_BAR)}.",
    )  # fmt: skip
    for name, measured in parts.items():
        wall, cpu = np.array(measured).T * 1000
        figures = (*np.percentile(wall, (50, 99, 100)).tolist(), *np.percentile(cpu, (50, 99)).tolist())
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    return table


def _warm(market: pd.DataFrame) -> tuple[Model, bytes]:
    rows = features.compute(market)
    fitted = fit(rows.assign(target_return=labels.target_return(rows)), coverage=0.8, shrinkage=0.5)
    bundle = to_bundle(fitted, {"version": "1"})
    model = from_bundle(bundle, None)
    _timed(model, market.tail(WARM_UP).reset_index(drop=True))
    return model, bundle


def _timed(model: Model, candles: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each part."""
    newest = candles["open_time"].iloc[-1].to_pydatetime()
    marks = [_now()]
    row = features.matrix(candles, newest)
    marks.append(_now())
    volatility, matrix = row[:, 1], row[:, 2:]
    model.forecast_matrix(matrix, volatility)
    marks.append(_now())
    model.explain(matrix, volatility, LARGEST)
    marks.append(_now())
    pairs = {"features": (0, 1), "forecast": (1, 2), "contributions": (2, 3), "in all": (0, 3)}
    return {
        name: (marks[last][0] - marks[first][0], marks[last][1] - marks[first][1])
        for name, (first, last) in pairs.items()
    }


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
