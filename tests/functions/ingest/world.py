"""Ingest in a world of its own: a market with a known truth, an empty lake on moto's S3, a bus that remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from candlecast import candles, features, labels, settings
from candlecast.errors import CandlecastError
from candlecast.events import Bus
from candlecast.exchange import Fetched
from candlecast.gaps import GapStore
from candlecast.lake import Lake
from candlecast.settings import Exchange, ExchangeSettings, Settings
from lambdas.ingest.ingest import Outcome, Platform, ingest
from lambdas.ingest.request import Span
from tests.cloud import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SYMBOL = "BTC-USDT"
FIRST = datetime(2026, 8, 1, tzinfo=UTC)
"""The hour in which the market opened."""


def local_settings() -> Settings:
    return settings.resolve(settings.read(settings.location()), "local")


Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass
class Market:
    """Exchanges that serve one truth, the open candle included, except for what a test withholds or spoils."""

    truth: pd.DataFrame
    clock: datetime
    withheld: set[datetime] = field(default_factory=set)
    """Hours that no exchange serves."""
    down: dict[str, CandlecastError] = field(default_factory=dict)
    """What an exchange fails with."""
    spoiled: dict[str, Spoil] = field(default_factory=dict)
    """What becomes of an exchange's answer."""
    requests: list[Span] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Whom each request went to."""

    def fetch(
        self, exchange: Exchange, symbol: str, start: datetime, end: datetime, settings: ExchangeSettings
    ) -> Fetched:
        self.requests.append(Span(start, end))
        self.asked.append(exchange)
        if exchange in self.down:
            raise self.down[exchange]
        hour = self.truth["open_time"]
        served = (hour >= start) & (hour < end) & (hour <= self.clock) & ~hour.isin(list(self.withheld))
        rows = self.truth[served].assign(source=exchange).reset_index(drop=True)
        return Fetched(self.spoiled.get(exchange, candles.conform)(rows), exchange, requests=1, seconds=0.25)

    def correct(self, hour: datetime, **values: float) -> None:
        self.truth.loc[self.truth["open_time"] == hour, list(values)] = list(values.values())


def spoiling(hour: datetime, **values: float) -> Spoil:
    """One hour served with other values than the true ones."""

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows["open_time"] == hour, list(values)] = list(values.values())
        return rows

    return spoil


def random_walk(count: int, seed: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(random.standard_t(4, count) * 0.004))
    opened = np.concatenate([[60_000], close[:-1]])
    reach = np.exp(np.abs(random.normal(0, 0.002, (2, count))))
    return candles.conform(
        pd.DataFrame(
            {
                "open_time": pd.date_range(FIRST, periods=count, freq="h", unit="us"),
                "open": opened,
                "high": np.maximum(opened, close) * reach[0],
                "low": np.minimum(opened, close) / reach[1],
                "close": close,
                "volume": random.uniform(10, 100, count),
                "source": "binance",
                "ingested_at": pd.NaT,
            }
        )
    )


class World:
    def __init__(self, s3: S3Client) -> None:
        self.s3 = s3
        self.settings = local_settings()
        self.market = Market(random_walk(24 * 100), clock=FIRST)
        self.events: list[dict[str, Any]] = []
        self.lake = Lake(s3, BUCKET, self.settings.exchange.primary)
        self.gaps = GapStore(s3, BUCKET)
        self.sources: tuple[Exchange, ...] = ("binance",)
        self.platform = Platform(
            settings=self.settings,
            lake=self.lake,
            gaps=self.gaps,
            bus=Bus(self, "bus"),
            fetch=self.market.fetch,
            order=lambda _: self.sources,
        )

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.events += Entries
        return {"FailedEntryCount": 0}

    def hour(self, hour: datetime, delay: timedelta = timedelta(minutes=1)) -> Outcome:
        """The hourly run that the schedule starts *delay* after *hour* began."""
        self.market.clock = hour + delay
        return ingest(SYMBOL, hour + delay, None, self.platform)

    def backfill(self, start: datetime, end: datetime, hour: datetime) -> Outcome:
        """A direct call for a range, a minute after *hour* began."""
        self.market.clock = now = hour + timedelta(minutes=1)
        return ingest(SYMBOL, now, Span(start, end), self.platform)

    def stored(self, dataset: Any = "candles") -> pd.DataFrame:
        return self.lake.read(dataset, SYMBOL, FIRST, FIRST + timedelta(days=120))

    def etags(self) -> dict[str, str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: entry["ETag"] for entry in listed}

    def assert_true_up_to(self, last: datetime) -> None:
        """Every stored candle is the market's, none is missing, and features and targets are those of a clean run."""
        table = self.stored()
        first = table["open_time"].iloc[0]
        hour = self.market.truth["open_time"]
        truth = self.market.truth[(hour >= first) & (hour <= last)].reset_index(drop=True)
        identity = ["open_time", *candles.VALUES]
        pd.testing.assert_frame_equal(table[identity], truth[identity])
        clean = features.compute(truth)
        clean["target_return"] = labels.target_return(clean)
        pd.testing.assert_frame_equal(self.stored("features"), clean, check_exact=True)


def some_hour(days: int, hour: int = 0) -> datetime:
    """An hour counted from the market's first."""
    return FIRST + timedelta(days=days, hours=hour)
