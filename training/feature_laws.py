"""Before anything is learnt: that the features keep their laws on the very candles they were made of."""

from __future__ import annotations

from datetime import datetime, timedelta

from candlecast import hours, laws
from candlecast.errors import TooLittleData
from candlecast.lake import Lake

HISTORY = timedelta(days=120)
"""How much of the newest history the laws are tried on: a warm-up before and after each place, several times over."""


def uphold(lake: Lake, symbol: str, as_of: datetime) -> int:
    """Tries the laws on the symbol's newest stored candles known at *as_of*; returns how many these are.

    Raises LawBroken, naming the features, and TooLittleData where too few candles are stored to tell.
    """
    candles = lake.read("candles", symbol, hours.floor(as_of) - HISTORY, hours.floor(as_of))
    try:
        laws.uphold(candles)
    except TooLittleData as error:
        raise TooLittleData(f"{symbol}: {error} Backfill its history first.") from None
    return len(candles)
