"""What tests of exchanges share: the instant at which they are asked, how, and a clock that no test waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pandas as pd

from candlecast import candles, exchange, hours, settings
from candlecast.settings import ExchangeSettings
from tests.market.server import Server

SYMBOL = "BTC-USDT"
NOW = datetime(2026, 3, 20, 12, 30, tzinfo=UTC)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
DIALECTS: Any = ("binance", "bitstamp", "coinbase", "kraken")


@dataclass
class Clock:
    """A monotonic clock that moves by what is slept."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)
    """Slept by one thread before it asks again."""
    turns: list[float] = field(default_factory=list)
    """Slept until the exchange may be asked by anyone."""
    lock: Lock = field(default_factory=Lock)

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def turn(self, seconds: float) -> None:
        with self.lock:
            self.turns.append(seconds)
            self.now += seconds


def configured(market: Server, timeout: float = 5, attempts: int = 3, order: Any = DIALECTS) -> ExchangeSettings:
    section = settings.read(settings.location())["defaults"]["exchange"]
    endpoints = {name: f"{market.url}/{name}" for name in DIALECTS}
    chosen = {"order": order, "endpoints": endpoints, "timeout_seconds": timeout, "attempts": attempts}
    return ExchangeSettings.model_validate(section | chosen)


def fetched(
    market: Server, dialect: Any, start: datetime, end: datetime, symbol: str = SYMBOL, **given: Any
) -> exchange.Fetched:
    return exchange.fetch(dialect, symbol, start, end, configured(market, **given))


def served(market: Server, dialect: Any, start: datetime, end: datetime, **given: Any) -> pd.DataFrame:
    return fetched(market, dialect, start, end, **given).candles


def hourly(market: Server, dialect: Any, **given: Any) -> pd.DataFrame:
    """The candles of the three hours before noon."""
    return served(market, dialect, NOON - 3 * hours.HOUR, NOON, **given)


def assert_is_the_truth(
    market: Server, table: pd.DataFrame, start: datetime, end: datetime, symbol: str = SYMBOL
) -> None:
    truth = market.truth(symbol, hours.text(start), hours.text(end))
    assert list(table["open_time"]) == [pd.Timestamp(row[0], unit="ms", tz="UTC") for row in truth]
    assert table[list(candles.VALUES)].to_numpy().tolist() == [row[1:] for row in truth]


def missing(table: pd.DataFrame, start: datetime, end: datetime) -> list[datetime]:
    """The hours of [start, end) that the table lacks."""
    present = set(table["open_time"])
    return [hour for hour in hours.span(start, end) if hour not in present]


def closed(table: pd.DataFrame) -> pd.DataFrame:
    return candles.closed(table, NOW, timedelta(seconds=5))
