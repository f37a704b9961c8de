"""One run of the walk-forward benchmark, in a process of its own. Arguments: whose run, and the file of candles.

Prints JSON: CPU seconds without imports, peak memory, the mean absolute error of simple returns.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd

from candlecast.families import trees
from candlecast.features import NAMES
from candlecast.model import fit
from tests.bench.walk_forward import START
from training import candle_file
from training.validation import Schedule, walk_forward

HALF_LIVES = (6, 24, 168)
LAGS = 24
WINDOWS = {"mean": (6, 12, 24, 72, 168), "std": (6, 24, 72, 168), "min": (24,), "max": (24,)}
REFIT_HOURS = 730
"""A month, where a package counts refits in hours."""
PARAMETERS: Mapping[str, Any] = {
    **trees.COMMON, **trees.BOOSTED, "min_data_in_leaf": trees.LEAF_HOURS, "seed": 7, "num_threads": 1
}  # fmt: skip


class Result(NamedTuple):
    """What a run found: one value per scored hour."""

    actual: np.ndarray
    predicted: np.ndarray
    refits: int
    features: int


def candlecast(file: Path) -> Result:
    """Ours, as `candlecast backtest --full-size` walks forward."""
    rows = candle_file.read(file, "BTC-USDT").rows()
    refits: list[object] = []
    made = walk_forward(rows, Schedule(START), partial(fit, coverage=0.8, shrinkage=1.0), refits.append)
    return Result(made["actual_return"].to_numpy(), made["predicted_return"].to_numpy(), len(refits), len(NAMES))


def mlforecast(file: Path) -> Result:
    """mlforecast's features by its preprocess(), refitted at the start of each month."""
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMax, RollingMean, RollingMin, RollingStd

    table = scaled(file)
    kinds = {"mean": RollingMean, "std": RollingStd, "min": RollingMin, "max": RollingMax}
    rolling = [kinds[kind](size) for kind, sizes in WINDOWS.items() for size in sizes]
    features = MLForecast(
        models=[], freq="h", lags=range(1, LAGS + 1), date_features=["hour", "dayofweek"], num_threads=1,
        lag_transforms={1: [*rolling, ExponentiallyWeightedMean(0.1)]},
    )  # fmt: skip
    series = pd.DataFrame({"unique_id": "BTC-USDT", "ds": table.index, "y": table["scaled"].to_numpy()})
    rows = features.preprocess(series, static_features=[])
    columns = [name for name in rows.columns if name not in ("unique_id", "ds", "y")]
    matrix, target = rows[columns].to_numpy("float64"), rows["y"].to_numpy()
    month = rows["ds"].to_numpy("datetime64[M]")
    predicted = []
    months = [m for m in np.unique(month) if m >= np.datetime64(START.replace(tzinfo=None), "M")]
    for asked in months:
        data = lightgbm.Dataset(matrix[month < asked], target[month < asked], params=dict(PARAMETERS))
        predicted.append(lightgbm.train(dict(PARAMETERS), data).predict(matrix[month == asked], num_threads=1))
    scored = table.loc[rows["ds"][month >= months[0]]]
    return Result(
        scored["return"].to_numpy(), np.concatenate(predicted) * scored["scale"].to_numpy(), len(months), len(columns)
    )


def skforecast(file: Path) -> Result:
    """skforecast's backtesting_forecaster, one step ahead, refitted every REFIT_HOURS."""
    from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster
    from skforecast.preprocessing import RollingFeatures
    from skforecast.recursive import ForecasterRecursive

    table = scaled(file)
    pairs = [(kind, size) for kind, sizes in WINDOWS.items() for size in sizes] + [("ewm", 24)]
    parameters = dict(PARAMETERS)
    forecaster = ForecasterRecursive(
        estimator=lightgbm.LGBMRegressor(n_estimators=parameters.pop("num_iterations"), n_jobs=1, **parameters),
        lags=LAGS,
        window_features=RollingFeatures(stats=[kind for kind, _ in pairs], window_sizes=[size for _, size in pairs]),
    )
    hours = pd.DatetimeIndex(table.index)
    clock = pd.DataFrame({"hour": hours.hour, "dayofweek": hours.dayofweek}, index=hours)
    first = int(table.index.searchsorted(pd.Timestamp(START.replace(tzinfo=None))))
    folds = TimeSeriesFold(steps=1, initial_train_size=first, refit=REFIT_HOURS, fixed_train_size=False, verbose=False)
    _, made = backtesting_forecaster(
        forecaster, table["scaled"], folds, "mean_absolute_error", exog=clock, n_jobs=1, show_progress=False
    )
    scored = table.iloc[first:]
    refits = -(-len(scored) // REFIT_HOURS)
    features = LAGS + len(pairs) + clock.shape[1]
    return Result(scored["return"].to_numpy(), made["pred"].to_numpy() * scored["scale"].to_numpy(), refits, features)


def scaled(file: Path) -> pd.DataFrame:
    """Hourly returns, the scale known an hour before, and one over the other, from where all are known on."""
    candles = pd.read_parquet(file, columns=["timestamp", "close"])
    close = candles.set_index(pd.DatetimeIndex(candles["timestamp"]).tz_localize(None))["close"].asfreq("h")
    returns = close.pct_change()
    averages = pd.concat([returns.abs().ewm(halflife=hours).mean() for hours in HALF_LIVES], axis=1)
    scale = averages.mean(axis=1).shift(1)
    table = pd.DataFrame({"return": returns, "scale": scale, "scaled": (returns / scale).clip(-8, 8)})
    return table.iloc[max(HALF_LIVES) :].asfreq("h")


def main(name: str, file: Path) -> None:
    """Runs one and prints what it took."""
    run: Callable[[Path], Result] = {"candlecast": candlecast, "mlforecast": mlforecast, "skforecast": skforecast}[name]
    warnings.simplefilter("ignore")
    for module in {"mlforecast": ["mlforecast"], "skforecast": ["skforecast.model_selection"]}.get(name, []):
        __import__(module)
    began = time.process_time()
    result = run(file)
    error = float(np.abs(result.actual - result.predicted).mean())
    taken = time.process_time() - began
    found = {
        "cpu_seconds": taken,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "mae": error,
        "skill": 1 - error / float(np.abs(result.actual).mean()),
        "hours": len(result.actual),
        "refits": result.refits,
        "features": result.features,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
