"""The rows a model may learn from at a given instant, read from the job's features channel.

The channel holds the features of one symbol, or for a pooled model those of all, in folders symbol=<symbol>.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from candlecast import features, hours
from candlecast.errors import TooLittleData

COLUMNS = ("open_time", "close", "volatility", *features.NAMES, "target_return")

MINIMUM_HOURS = 1000
"""Complete rows that must be left to fit on, once the evaluated hours and the hold-out are put aside."""
MINIMUM_EVALUATED_HOURS = 168
"""Of less than a week nothing can be told."""
LABEL_DELAY = pd.Timedelta(hours=2)
"""From the open of a candle to the instant its target return is known: its own hour and the next one."""


@dataclass(frozen=True)
class Dataset:
    """Complete rows of one symbol, in order of time."""

    symbol: str
    as_of: datetime
    rows: pd.DataFrame
    """COLUMNS, no nulls, every target return known at `as_of`."""
    learnable: pd.DataFrame
    """What models learn from: `rows`, or for a pooled model those of all symbols, with a column symbol."""
    fingerprint: str
    """sha256 of the learnable rows' content: equal rows, equal fingerprint, however they were stored."""

    def before(self, instant: datetime) -> pd.DataFrame:
        """The learnable rows whose target return was known at *instant*."""
        return known_at(self.learnable, instant)

    def evaluation_start(self, days: int, end: datetime) -> datetime:
        """The first origin to evaluate: *days* before *end*, or later where that would leave too little to fit on."""
        origin: datetime = self.rows["open_time"].iloc[MINIMUM_HOURS].to_pydatetime() + hours.HOUR
        return max(origin, end - timedelta(days=days))


def known_at(rows: pd.DataFrame, instant: datetime | pd.Timestamp) -> pd.DataFrame:
    """The rows whose target return was known at *instant* (aware)."""
    return rows[rows["open_time"] + LABEL_DELAY <= pd.Timestamp(instant)]


def load(channel: Path, symbol: str, as_of: datetime, holdout_hours: int, *, pool: Collection[str] = ()) -> Dataset:
    """The data set known at *as_of*, from the Parquet files under *channel*.

    *pool*: the symbols of a pooled model, each with a folder symbol=<symbol> there; one without a folder is left out.

    Raises TooLittleData, with what is missing and the remedy, when less than MINIMUM_HOURS complete rows would be left
    beside MINIMUM_EVALUATED_HOURS and a hold-out of *holdout_hours*. Other symbols may have any number of rows.
    """
    past = known_at(_stored(channel / f"symbol={symbol}" if pool else channel, symbol), as_of)
    rows = _complete(past)
    needed = MINIMUM_HOURS + MINIMUM_EVALUATED_HOURS + holdout_hours
    if len(rows) < needed:
        raise TooLittleData(_shortage(symbol, as_of, past, len(rows), needed))
    learnable = rows
    if pool:
        folders = {other: channel / f"symbol={other}" for other in pool if other != symbol}
        others = {other: _stored(folder, other) for other, folder in folders.items() if folder.exists()}
        tables = [_complete(known_at(stored, as_of)).assign(symbol=other) for other, stored in others.items()]
        learnable = pd.concat([rows.assign(symbol=symbol), *tables])
        learnable = learnable.sort_values(["open_time", "symbol"], ignore_index=True)
    return Dataset(symbol, as_of, rows, learnable, _fingerprint(learnable))


def _stored(folder: Path, symbol: str) -> pd.DataFrame:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise TooLittleData(f"{symbol} has no features under {folder}; backfill its history first.")
    table = pa.concat_tables([_read(file, symbol) for file in files])
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values("open_time", ignore_index=True)


def _complete(rows: pd.DataFrame) -> pd.DataFrame:
    complete: pd.DataFrame = rows[np.isfinite(rows[list(COLUMNS[1:])].to_numpy()).all(axis=1)]
    return complete.reset_index(drop=True)


def _read(file: Path, symbol: str) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        missing = [name for name in COLUMNS if name not in parquet.schema_arrow.names]
        if missing:
            raise TooLittleData(
                f"{symbol}: {file.parent.name}/{file.name} lacks {', '.join(missing[:3])}"
                f"{' and more' if len(missing) > 3 else ''}; its features are of another version: backfill them anew."
            )
        table = parquet.read(columns=list(COLUMNS))
    fields: list[pa.Field[Any]] = [pa.field("open_time", pa.timestamp("us", "UTC"))]
    fields += [pa.field(name, pa.float64()) for name in COLUMNS[1:]]
    return table.select(list(COLUMNS)).cast(pa.schema(fields))


def _shortage(symbol: str, as_of: datetime, past: pd.DataFrame, complete: int, needed: int) -> str:
    found = f"{symbol} has {complete} complete hours known at {hours.text(as_of)}, training needs {needed}"
    closes = past["close"].to_numpy()
    if len(past) < needed + features.WARM_UP:
        return f"{found}: only {len(past)} hours are stored; backfill a longer history."
    if closes.min() == closes.max():
        return f"{found}: its price never moved from {closes[0]:g}, so there is nothing to learn; check its candles."
    nulls = past.isna().sum().drop("open_time")
    return f"{found}: {nulls.idxmax()} is null in {nulls.max()} of {len(past)} rows; backfill its features anew."


def _fingerprint(rows: pd.DataFrame) -> str:
    digest = hashlib.sha256(",".join(rows.columns).encode())
    digest.update(rows["open_time"].to_numpy("datetime64[us]").tobytes())
    for name in COLUMNS[1:]:
        digest.update(rows[name].to_numpy("float64").tobytes())
    if "symbol" in rows:
        digest.update(",".join(rows["symbol"]).encode())
    return digest.hexdigest()
