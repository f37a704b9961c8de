"""The configured exchanges asked in turn until one serves the whole range."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from candlecast import exchange
from candlecast.errors import CandlecastError, ExchangeRefused, Retry
from candlecast.settings import ExchangeSettings


def fetch(symbol: str, start: datetime, end: datetime, settings: ExchangeSettings) -> pd.DataFrame:
    """The candles of [start, end) from the first exchange that serves them. Raises what exchange.fetch raises."""
    failures: list[CandlecastError] = []
    for source in exchange.order(settings):
        try:
            return exchange.fetch(source, symbol, start, end, settings).candles
        except (Retry, ExchangeRefused) as failure:
            failures.append(failure)
    worst = next((f for f in failures if isinstance(f, Retry)), failures[0])
    raise type(worst)(f"No exchange served {symbol}: {' '.join(map(str, failures))}")
