"""What the demo plays: which market, which hours, and when the market changes its character."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import hours
from candlecast.settings import Settings
from localstack.demo.deployed import StageFailed

Market = Literal["live", "simulated", "recorded"]
DAY = timedelta(days=1)
QUIET_DAYS = 16
"""Days replayed before the change: the gate needs `promotion.minimum_hours` hours that the champion has not seen."""
WILD_DAYS = 7
"""Days within which the change breaks the rule of drift: its window is a week."""
AFTER_DAYS = 2
"""Days replayed after the retraining."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """All instants are UTC midnights, but for `end` of a live or simulated market, which is the present hour."""

    market: Market
    label: str
    source: str
    """What `localstack.stack` is told to serve: `live`, `simulated` or a folder."""
    symbol: str
    history_start: datetime
    replay_start: datetime
    change: datetime | None
    """From when the market is wilder than before; None where nothing can be known or arranged."""
    end: datetime
    """Replay stops here at the latest."""


def choose(asked: str, settings: Settings, now: datetime, history_days: int) -> Scenario:
    """The scenario for MARKET=auto|live|simulated|DIR. Raises StageFailed where the market cannot be had."""
    symbol = settings.symbols[0]
    match asked:
        case "auto":
            return choose("live" if _exchange_answers(settings) else "simulated", settings, now, history_days)
        case "live" | "simulated":
            end = hours.floor(now)
            start = (end - (QUIET_DAYS + WILD_DAYS + AFTER_DAYS) * DAY).replace(hour=0)
            return Scenario(
                market="live" if asked == "live" else "simulated",
                label="live market" if asked == "live" else "SIMULATED market",
                source=asked,
                symbol=symbol,
                history_start=start - history_days * DAY,
                replay_start=start,
                change=start + QUIET_DAYS * DAY if asked == "simulated" else None,
                end=end,
            )
        case folder:
            return _recorded(Path(folder), symbol, settings, history_days)


def _exchange_answers(settings: Settings) -> bool:
    """Whether a real exchange can be reached within seconds."""
    probes = {"binance": "https://api.binance.com/api/v3/ping", "coinbase": "https://api.exchange.coinbase.com/time"}
    for exchange in settings.exchange.order:
        try:
            if exchange in probes and httpx.get(probes[exchange], timeout=3).is_success:
                return True
        except httpx.HTTPError:
            continue
    return False


def _recorded(folder: Path, symbol: str, settings: Settings, history_days: int) -> Scenario:
    files = sorted(folder.glob(f"{symbol}*.parquet"))
    if not files:
        raise StageFailed(f"{folder} holds no {symbol}*.parquet; give MARKET a folder of recorded candles.")
    candles = pd.read_parquet(files[0], columns=["timestamp", "close"]).sort_values("timestamp")
    opened: list[datetime] = [t.to_pydatetime() for t in pd.to_datetime(candles["timestamp"], utc=True)]
    first, last = opened[0], opened[-1] + hours.HOUR
    errors = window_mae(candles["close"].to_numpy("float64"), settings.drift.window_hours)
    daily = [(when, mae) for when, mae in zip(opened[-len(errors) :], errors, strict=True) if when.hour == 0]
    change = _last_rise(daily, settings.drift.absolute_threshold) or last.replace(hour=0) - (AFTER_DAYS + 2) * DAY
    start = change - QUIET_DAYS * DAY
    history_start = max(first, start - history_days * DAY)
    if start - history_start < 60 * DAY:
        raise StageFailed(f"{files[0].name} is too short: it must reach back at least 60 days before {start:%Y-%m-%d}.")
    return Scenario(
        market="recorded",
        label=f"recorded candles of {symbol}, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        source=str(folder.resolve()),
        symbol=symbol,
        history_start=history_start.replace(hour=0) + (DAY if history_start.hour else timedelta(0)),
        replay_start=start,
        change=change,
        end=min(last, change + (WILD_DAYS + AFTER_DAYS) * DAY),
    )


def window_mae(close: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Zero-change MAE over each full window of hours; element i ends with the (i + window)-th candle."""
    change = np.abs(np.diff(close) / close[:-1])
    return np.convolve(change, np.full(window, 1 / window), "valid")


def _last_rise(daily: list[tuple[datetime, float]], threshold: float) -> datetime | None:
    """The last day from which the weekly error rises over *threshold*, after QUIET_DAYS below it."""
    for index in range(len(daily) - 1, QUIET_DAYS, -1):
        before = [mae for _, mae in daily[index - QUIET_DAYS : index]]
        if daily[index][1] > threshold and max(before) <= threshold:
            return daily[index][0] - DAY
    return None
