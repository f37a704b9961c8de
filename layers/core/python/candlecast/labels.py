"""What a forecast is scored against. The only code of the project that looks ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd


def target_return(candles: pd.DataFrame) -> pd.Series:
    """Simple return over the hour after each row: close of the next hour / close - 1; null where that hour is missing.

    *candles*: any table with open_time (UTC, strictly increasing) and close; the answer has its index.
    """
    hours, closes = candles["open_time"].to_numpy("datetime64[us]"), candles["close"].to_numpy("float64")
    targets = np.full(len(closes), np.nan)
    follows = np.diff(hours) == np.timedelta64(1, "h")
    targets[:-1][follows] = closes[1:][follows] / closes[:-1][follows] - 1
    return pd.Series(targets, index=candles.index, name="target_return")
