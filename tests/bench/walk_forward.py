"""The BTC backtest of 2022-01..2024-03 with monthly refits: ours beside mlforecast's and skforecast's, a process each.

Each reads the candles, computes its features, learns anew each month on everything before it, forecasts every hour and
takes the mean absolute error: the same LightGBM parameters, full-size forecasts, one thread. Ours also fits intervals.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from tests.bench import environment
from tests.bench.markets import recordings

RUNS = "tests.bench.walk_forward_runs"
START = datetime(2022, 1, 1, tzinfo=UTC)
MEMORY_BAR = 400
"""MiB."""
BARS = {"mlforecast": 0.9, "skforecast": 0.45}
"""Share of each one's CPU time that ours may take."""


def measure() -> RenderableType:
    """CPU seconds, memory and error of each, and ours as a share of theirs."""
    file = recordings()["BTC-USDT"]
    found = {name: environment.run(RUNS, name, str(file)) for name in ("candlecast", *BARS)}
    return Group(_table(found), *_verdicts(found))


def _table(found: dict[str, dict[str, Any]]) -> Table:
    headings = ("", "CPU s", "of ours", "peak MiB", "refits", "features", "MAE bp", "skill")
    table = Table(*headings, title=f"BTC from {START:%Y-%m} on, {found['candlecast']['hours']:,} hours, one thread")
    for name, run in found.items():
        table.add_row(
            name, f"{run['cpu_seconds']:.1f}", f"{run['cpu_seconds'] / found['candlecast']['cpu_seconds']:.2f}",
            f"{run['peak_mib']:.0f}", str(run["refits"]), str(run["features"]), f"{run['mae'] * 1e4:.3f}",
            f"{run['skill']:+.2%}",
        )  # fmt: skip
    return table


def _verdicts(found: dict[str, dict[str, Any]]) -> list[str]:
    own = found["candlecast"]
    told = []
    for name, bar in BARS.items():
        share = own["cpu_seconds"] / found[name]["cpu_seconds"]
        told.append(f"{_met(share <= bar)}: {share:.2f} of {name}'s CPU time, at most {bar} allowed")
        told.append(f"{_met(own['mae'] <= found[name]['mae'])}: error not above {name}'s")
    told.append(f"{_met(own['peak_mib'] < MEMORY_BAR)}: {own['peak_mib']:.0f} MiB at most, below {MEMORY_BAR} allowed")
    return told


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
