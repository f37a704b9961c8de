"""Runs in .venv-bench: the same features by candlecast, pandas, polars and mlforecast, one process, in turns.

Prints a JSON document: CPU seconds of each, and how far its values lie from candlecast's.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from candlecast import features
from tests.bench import features_in_mlforecast, features_in_pandas, features_in_polars

TOLERANCE = 1e-8
"""Of features, relative to 1 or their own size: running sums and endless averages drift by about 1e-11."""
COLUMNS = ["volatility", *features.NAMES]
WHOLE_ROUNDS, LIVE_ROUNDS, LIVE_ROUNDS_OF_MLFORECAST = 9, 15, 2
LIVE_CALLS = 20
"""Calls one after another in each round of the live row, as a container forecasts one symbol after the other."""

Run = Callable[[], Any]


def main(file: str) -> None:
    """Measures on the candles of a Parquet file."""
    candles = pd.read_parquet(file)
    history = candles.tail(features.WARM_UP).reset_index(drop=True)
    whole, live = _runs(candles), _runs(history)
    start = history["open_time"].iloc[-1].to_pydatetime()
    live["candlecast"] = lambda: features.matrix(history, start)
    apart = _apart({name: _table(run()) for name, run in whole.items()})
    for name, distance in apart.items():
        if not distance <= TOLERANCE:
            sys.exit(f"{name} computes other features: {distance:.3g} apart, {TOLERANCE:g} allowed.")
    whole_seconds = _timed(whole, dict.fromkeys(whole, WHOLE_ROUNDS))
    live_rounds = dict.fromkeys(live, LIVE_ROUNDS) | {"mlforecast": LIVE_ROUNDS_OF_MLFORECAST}
    live_seconds = _timed(live, live_rounds, LIVE_CALLS)
    print(json.dumps({"rows": len(candles), "whole": whole_seconds, "live": live_seconds, "apart": apart}))


def _runs(candles: pd.DataFrame) -> dict[str, Run]:
    """What each makes of the candles, which it gets in the form that is its own."""
    frame = pl.from_pandas(candles)
    return {
        "candlecast": lambda: features.compute(candles),
        "pandas": lambda: features_in_pandas.compute(candles),
        "polars": lambda: features_in_polars.compute(frame),
        "mlforecast": lambda: features_in_mlforecast.compute(candles),
    }


def _table(answer: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The features of the hours whose warm-up is complete, in one order."""
    table = answer.to_pandas() if isinstance(answer, pl.DataFrame) else answer
    values: np.ndarray[Any, np.dtype[np.float64]] = table[COLUMNS].to_numpy("float64")
    return values[features.WARM_UP - 1 :]


def _apart(tables: dict[str, np.ndarray[Any, np.dtype[np.float64]]]) -> dict[str, float]:
    """The largest difference of each from candlecast; not a number where one of both is null."""
    ours = tables["candlecast"]
    scale = np.maximum(1, np.abs(ours))
    return {name: float(np.max(np.abs(values - ours) / scale)) for name, values in tables.items()}


def _timed(runs: dict[str, Run], rounds: dict[str, int], calls: int = 1) -> dict[str, float]:
    """Median CPU seconds of a call of each; they take turns, so that all have the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(max(rounds.values())):
        for name, run in runs.items():
            for _ in range(calls if turn < rounds[name] else 0):
                began = time.process_time()
                run()
                taken[name].append(time.process_time() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main(sys.argv[1])
