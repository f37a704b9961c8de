"""The declared features by mlforecast's preprocess: lags and windows are its own, what is made of them is pandas.

preprocess knows one series at a time and looks back from the hour to be forecast: so each base series has a call of
its own, "one hour ago" is the present candle, and one hour is added at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMax, RollingMean, RollingMin

from candlecast.measures import HALF_LIVES


def compute(candles: pd.DataFrame) -> pd.DataFrame:
    """volatility and every feature, one row per candle."""
    high, low, close, opened = (np.log(candles[name].to_numpy()) for name in ("high", "low", "close", "open"))
    volume, time = candles["volume"].to_numpy(), candles["open_time"]
    change = np.diff(close, prepend=close[0])
    height = high - low
    naive = time.dt.tz_localize(None)  # with a zone its checks take ten times as long
    following = pd.concat([naive, naive.iloc[-1:] + pd.Timedelta(hours=1)], ignore_index=True)

    def made(series: np.ndarray, lags: list[int], windows: Mapping[int, list[Any]]) -> pd.DataFrame:
        table = pd.DataFrame({"unique_id": "candles", "ds": following, "y": np.append(series, 0.0)})
        forecast = MLForecast(
            models=[], freq="h", lags=lags or None, lag_transforms=dict(windows) or None, num_threads=1
        )
        answer: pd.DataFrame = forecast.preprocess(table, static_features=[], dropna=False)
        return answer[1:].reset_index(drop=True)

    alphas = {half: 1 - 0.5 ** (1 / half) for half in HALF_LIVES}
    averaging: dict[int, list[Any]] = {1: [ExponentiallyWeightedMean(alpha) for alpha in alphas.values()]}
    for half, memory in HALF_LIVES.items():
        averaging.setdefault(memory + 1, []).append(ExponentiallyWeightedMean(alphas[half]))
    averaging[1].append(RollingMean(14))
    sizes = made(np.abs(change), [], averaging)
    averages = {half: finite_average(sizes, alphas[half], memory) for half, memory in HALF_LIVES.items()}
    scale = sum(averages.values(), pd.Series(0.0, index=sizes.index)) / len(averages)

    returns = made(change, [1, 2, 3, 4, 5, 6, 24], {})
    closes = made(close, [7, 13, 25, 73, 169], {})
    volumes = made(volume, [], {1: [RollingMean(6), RollingMean(24), RollingMean(168)]})
    signed = made(np.sign(change) * volume, [], {1: [RollingMean(6), RollingMean(24)]})
    heights = made(height, [], {1: [RollingMean(24)]})
    lows = made(low, [], {1: [RollingMin(24), RollingMin(168)]})
    highs = made(high, [], {1: [RollingMax(24), RollingMax(168)]})
    rises = made(np.maximum(change, 0), [], {1: [RollingMean(14)]})

    columns: dict[str, Any] = {"volatility": scale}
    columns |= {f"scaled_return_{lag}": returns[f"lag{lag + 1}"] / scale for lag in (0, 1, 2, 3, 4, 5, 23)}
    columns["absolute_return_0"] = np.abs(change) / scale
    for hours in (6, 12, 24, 72, 168):
        columns[f"momentum_{hours}"] = (close - closes[f"lag{hours + 1}"]) / (scale * math.sqrt(hours))
    columns |= {f"volatility_ratio_{half}": averages[half] / scale for half in (6, 24)}
    columns["mean_range_1"] = height / scale
    columns["mean_range_24"] = heights["rolling_mean_lag1_window_size24"] / scale
    columns["close_location"] = ((close - low) - (high - close)) / height
    columns["upper_wick"] = (high - np.maximum(opened, close)) / scale
    columns["lower_wick"] = (np.minimum(opened, close) - low) / scale
    usual = volumes["rolling_mean_lag1_window_size168"]
    columns["relative_volume_168"] = np.log((volume / usual).clip(lower=math.exp(-5)))
    columns["volume_push_168"] = columns["scaled_return_0"] * columns["relative_volume_168"]
    for hours in (6, 24):
        name = f"rolling_mean_lag1_window_size{hours}"
        columns[f"volume_balance_{hours}"] = signed[name] / volumes[name]
    for hours in (24, 168):
        lowest = lows[f"rolling_min_lag1_window_size{hours}"]
        columns[f"range_position_{hours}"] = (close - lowest) / (highs[f"rolling_max_lag1_window_size{hours}"] - lowest)
    window = "rolling_mean_lag1_window_size14"
    columns["relative_strength_14"] = rises[window] / sizes[window]
    hour = time.dt.hour
    columns |= {"hour_of_day": hour, "day_of_week": time.dt.dayofweek}
    columns |= {"hour_sine": np.sin(2 * np.pi * hour / 24), "hour_cosine": np.cos(2 * np.pi * hour / 24)}
    return pd.DataFrame(columns)


def finite_average(made: pd.DataFrame, alpha: float, memory: int) -> pd.Series:
    """mlforecast's endless exponential average without what lies further back than *memory* hours."""
    name = f"exponentially_weighted_mean_lag{{}}_alpha{alpha}"
    forgotten = (1 - alpha) ** memory
    average: pd.Series = (made[name.format(1)] - forgotten * made[name.format(memory + 1)]) / (1 - forgotten)
    return average
