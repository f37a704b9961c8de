"""The declared features in plain pandas, as one would write them for candles without a gap."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from candlecast.measures import HALF_LIVES


def compute(candles: pd.DataFrame) -> pd.DataFrame:
    """volatility and every feature, one row per candle."""
    high, low, close, opened = (np.log(candles[name]) for name in ("high", "low", "close", "open"))
    volume, time = candles["volume"], candles["open_time"]
    returns, height = close.diff(), high - low
    averages = {half: finite_average(returns.abs(), half, memory) for half, memory in HALF_LIVES.items()}
    scale = sum(averages.values(), pd.Series(0.0, index=candles.index)) / len(averages)
    columns = {"volatility": scale}
    columns |= {f"scaled_return_{lag}": returns.shift(lag) / scale for lag in (0, 1, 2, 3, 4, 5, 23)}
    columns["absolute_return_0"] = returns.abs() / scale
    for hours in (6, 12, 24, 72, 168):
        columns[f"momentum_{hours}"] = close.diff(hours) / (scale * math.sqrt(hours))
    columns |= {f"volatility_ratio_{half}": averages[half] / scale for half in (6, 24)}
    columns["mean_range_1"] = height / scale
    columns["mean_range_24"] = height.rolling(24).mean() / scale
    columns["close_location"] = ((close - low) - (high - close)) / height
    columns["upper_wick"] = (high - np.maximum(opened, close)) / scale
    columns["lower_wick"] = (opened.where(opened < close, close) - low) / scale
    columns["relative_volume_168"] = pd.Series(np.log((volume / volume.rolling(168).mean()).clip(math.exp(-5))))
    columns["volume_push_168"] = columns["scaled_return_0"] * columns["relative_volume_168"]
    signed = np.sign(returns) * volume
    for hours in (6, 24):
        columns[f"volume_balance_{hours}"] = signed.rolling(hours).mean() / volume.rolling(hours).mean()
    for hours in (24, 168):
        lowest = low.rolling(hours).min()
        columns[f"range_position_{hours}"] = (close - lowest) / (high.rolling(hours).max() - lowest)
    rising = returns.clip(lower=0).rolling(14).mean()
    columns["relative_strength_14"] = rising / returns.abs().rolling(14).mean()
    hour = time.dt.hour
    columns |= {"hour_of_day": hour, "day_of_week": time.dt.dayofweek}
    columns |= {"hour_sine": np.sin(2 * np.pi * hour / 24), "hour_cosine": np.cos(2 * np.pi * hour / 24)}
    return pd.DataFrame(columns)


def finite_average(series: pd.Series, half_life: int, memory: int) -> pd.Series:
    """pandas' endless exponential average without what lies further back than *memory* hours."""
    decay = 0.5 ** (1 / half_life)
    endless = series.fillna(0.0).ewm(halflife=half_life, adjust=False).mean()
    recent: pd.Series = (endless - decay**memory * endless.shift(memory)) / (1 - decay**memory)
    return recent
