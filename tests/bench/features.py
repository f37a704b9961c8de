"""The declared features, whole and live, beside the same set in plain pandas, polars and mlforecast."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rich.table import Table

from candlecast import features
from tests.bench import environment
from tests.domain.conftest import simulate_market

HOURS = 10 * 365 * 24
WHOLE_BAR, LIVE_BAR = 600_000, 1.0
"""Rows per second of one core; milliseconds."""


def measure(hours: int = HOURS) -> Table:
    """Rows per second and the live row's milliseconds, both CPU time of one core, and how far the values agree."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candles.parquet"
        simulate_market(hours).to_parquet(file)
        found = environment.run("tests.bench.features_side_by_side", str(file))
    whole, live = found["whole"], found["live"]
    table = Table(
        "",
        "whole ms",
        "rows/s",
        "times",
        "live row ms",
        "times",
        "apart",
        title=f"{len(features.NAMES)} features and the volatility, {found['rows']:,} hours; "
        f"live: the newest row from {features.WARM_UP} candles",
        caption=f"Median CPU time, in turns, one thread; load {os.getloadavg()[0]:.1f}. "
        f"Bars: {WHOLE_BAR:,} rows/s {_met(found['rows'] / whole['candlecast'] >= WHOLE_BAR)}, "
        f"not slower than the others {_met(whole['candlecast'] <= min(whole.values()))}, "
        f"live at most {LIVE_BAR:g} ms {_met(live['candlecast'] * 1000 <= LIVE_BAR)}.",
    )
    for name in whole:
        table.add_row(
            name,
            f"{whole[name] * 1000:,.0f}",
            f"{found['rows'] / whole[name]:,.0f}",
            f"{whole[name] / whole['candlecast']:.1f}",
            f"{live[name] * 1000:.2f}",
            f"{live[name] / live['candlecast']:.1f}",
            f"{found['apart'][name]:.1e}",
        )
    return table


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
