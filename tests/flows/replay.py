"""A recorded market replayed hour by hour through the deployed stack while faults strike, and the books kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from candlecast import candles, features, hours, labels
from candlecast.gaps import GapStore
from candlecast.hours import HOUR
from candlecast.lake import Lake
from localstack.demo.deployed import Deployed
from tests.flows.waiting import eventually
from tests.market.server import Server

AFTER_ALL = "2030-01-01T00:00:00Z"
"""A clock at which every recorded candle has closed."""


@dataclass(frozen=True)
class Books:
    """What is stored of some hours beside what the market says happened."""

    hours: int
    """Hours that the market had a candle of."""
    wrong: int
    """Stored candles that differ from the market's in any value, or of hours that it had none of."""
    lost: int
    """Hours that have no stored candle and are in no record of gaps."""
    duplicate: int
    """Stored candles of an hour beyond its first."""
    gaps: int
    """Hours that have no stored candle and are recorded as a gap."""
    features_off: int
    """Feature rows that are missing, too many, or not what a clean computation makes of the stored candles."""

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or invented: gaps may be, if they are recorded."""
        return not (self.wrong or self.lost or self.duplicate or self.features_off)


class Replay:
    """One symbol's way through its recorded market. What has been asked for so far ends at `cursor`."""

    def __init__(self, stack: Deployed, market: Server, symbol: str, start: datetime) -> None:
        self.stack, self.market, self.symbol = stack, market, symbol
        self.start = self.cursor = start
        s3, bucket = stack.client("s3"), stack.outputs["bucket"]
        self.lake, self.gaps = Lake(s3, bucket, stack.settings.exchange.primary), GapStore(s3, bucket)

    def clock(self, now: datetime) -> None:
        """Sets the exchanges' clock."""
        self.market.put("/_market/clock", {"now": now.isoformat()}).raise_for_status()

    @contextmanager
    def fault(self, *faults: dict[str, object]) -> Iterator[None]:
        """The exchanges misbehave so inside the block; each of the faults must have struck by its end."""
        self.market.faults(*({"symbols": [self.symbol], **fault} for fault in faults))
        try:
            yield
            declared = self.market.get("/_market/faults").json()["faults"]
        finally:
            self.market.faults()
        assert all(fault["struck"] for fault in declared), f"a fault was declared in vain: {declared}"

    def event(self, hour: datetime, **more: object) -> dict[str, object]:
        """The hourly event a minute after *hour* began, which asks for the candle before it."""
        return {"time": hours.text(hour + timedelta(minutes=1)), "symbols": [self.symbol], **more}

    def hour(self, ahead: int = 1) -> dict[str, Any]:
        """The hourly run *ahead* hours later, and its outcome. Raises StageFailed if it failed."""
        self.cursor += ahead * HOUR
        self.clock(self.cursor + timedelta(minutes=1))
        outcome: dict[str, Any] = self.stack.invoke("ingest", self.event(self.cursor))["symbols"][self.symbol]
        return outcome

    def hours(self, count: int) -> None:
        """So many hourly runs, one after another."""
        for _ in range(count):
            self.hour()

    def backfill(self, length: int) -> dict[str, Any]:
        """One run over the next *length* hours at once, as a backfill makes it."""
        start, self.cursor = self.cursor, self.cursor + length * HOUR
        self.clock(self.cursor + timedelta(minutes=1))
        return self.repair(start, self.cursor)

    def repair(self, start: datetime, end: datetime) -> dict[str, Any]:
        """A run over these hours."""
        asked = self.event(self.cursor, start=hours.text(start), end=hours.text(end))
        outcome: dict[str, Any] = self.stack.invoke("ingest", asked)["symbols"][self.symbol]
        return outcome

    def send(self, event: dict[str, object]) -> None:
        """Calls ingest asynchronously, as EventBridge does: with Lambda's own retries and dead letters."""
        name = self.stack.settings.name("ingest")
        client = self.stack.client("lambda")
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    def truth(self, start: datetime, end: datetime) -> pd.DataFrame:
        """What really happened: open_time and the five values, as exchanges write them."""
        rows = self.market.truth(self.symbol, hours.text(start), hours.text(end), clock=AFTER_ALL)
        table = pd.DataFrame(rows, columns=["open_time", *candles.VALUES])
        opened = pd.to_datetime(table["open_time"], unit="ms", utc=True).dt.as_unit("us")
        return table.assign(open_time=opened)[opened < pd.Timestamp(end)].reset_index(drop=True)

    def stored(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The stored candles of the hours [start, end)."""
        return self.lake.read("candles", self.symbol, start, end)

    def books(self, start: datetime, end: datetime) -> Books:
        """Everything that is stored of the hours [start, end), row by row against the market."""
        truth, stored = self.truth(start, end), self.stored(start, end)
        single = stored.drop_duplicates("open_time")
        both = single.merge(truth, on="open_time", how="outer", suffixes=("", "_true"), indicator=True)
        pairs = both[both["_merge"] == "both"]
        values, true = (pairs[[f"{name}{end}" for name in candles.VALUES]].to_numpy() for end in ("", "_true"))
        missing = candles.missing_hours(single, start, end).to_pydatetime()
        record = self.gaps.read(self.symbol)
        recorded = sum(record.missing(hour) for hour in missing)
        return Books(
            hours=len(truth),
            wrong=int((values != true).any(axis=1).sum()) + int((both["_merge"] == "left_only").sum()),
            lost=len(missing) - recorded,
            duplicate=len(stored) - len(single),
            gaps=recorded,
            features_off=self._features_off(start, end),
        )

    def _features_off(self, start: datetime, end: datetime) -> int:
        known = self.stored(self.start, end + HOUR)
        expected = features.compute(known, start=max(start, self.start))
        expected["target_return"] = labels.target_return(expected)
        expected = expected[expected["open_time"] < pd.Timestamp(end)].set_index("open_time")
        found = self.lake.read("features", self.symbol, start, end).set_index("open_time")
        common = found.index.intersection(expected.index)
        columns = [name for name in found.columns if name in expected.columns]
        a, b = found.loc[common, columns].to_numpy(float), expected.loc[common, columns].to_numpy(float)
        differ = ~np.isclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True).all(axis=1)
        return int(differ.sum()) + len(found.index.symmetric_difference(expected.index))

    def await_books(
        self, start: datetime, end: datetime, wanted: Callable[[Books], bool], timeout: float = 120
    ) -> Books:
        """The books once they are as *wanted*: what was called asynchronously takes its time."""
        return eventually(lambda: self.books(start, end), wanted, timeout)
