"""What a forecast is scored against. The only code of the project that looks ahead."""

from __future__ import annotations

import pandas as pd


def target_return(candles: pd.DataFrame) -> pd.Series:
    """Simple return over the hour after each row: close of the next hour / close - 1; null where that hour is missing.

    *candles*: any table with open_time (UTC, strictly increasing) and close; the answer has its index.
    """
    next_open = candles["open_time"].shift(-1)
    ratio = candles["close"].shift(-1) / candles["close"] - 1
    return ratio.where(next_open - candles["open_time"] == pd.Timedelta(hours=1)).rename("target_return")
