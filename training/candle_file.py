"""Candle files as people have them, checked by the rules of ingest and turned into the rows that models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from candlecast import candles, features, labels
from candlecast.errors import BadRequest, TooLittleData
from training.dataset import COLUMNS

TIMES = ("open_time", "timestamp", "date", "datetime", "time")
"""What the column of open times may be called; the first that is there counts."""
_UNKNOWN_INGESTION = pd.Timestamp(0, tz="UTC")


@dataclass(frozen=True)
class CandleFile:
    """The candles of one file."""

    symbol: str
    candles: pd.DataFrame
    """A candle table: sound, in order, one per hour."""
    set_aside: dict[str, int]
    """How many rows were no candles, by reason."""

    @property
    def missing_hours(self) -> int:
        """Hours between the first and the last candle that have none."""
        return len(candles.missing_hours(self.candles))

    def rows(self) -> pd.DataFrame:
        """The complete rows (dataset.COLUMNS), in order of time: hours whose features and outcome are all known.

        Raises TooLittleData where there is none.
        """
        table = features.compute(self.candles)
        table["target_return"] = labels.target_return(table)
        known = np.isfinite(table[list(COLUMNS[1:])].to_numpy()).all(axis=1)
        if not known.any():
            raise TooLittleData(
                f"{self.symbol}: none of {len(table)} candles has all its features known;"
                f" the first {features.WARM_UP} hours only warm them up: give a longer history."
            )
        return table.loc[known, list(COLUMNS)].reset_index(drop=True)


def read(path: Path, symbol: str) -> CandleFile:
    """The candles of *symbol* in a Parquet file: a time column (see TIMES), open, high, low, close and volume.

    Times are instants or epoch numbers in s, ms, us or ns, UTC unless they say otherwise; rows may be in any order.
    Other columns are ignored, but for `symbol`, by which rows are chosen. Raises BadRequest for other files.
    """
    try:
        table = pq.read_table(path)
    except OSError as error:
        raise BadRequest(
            f"{path} cannot be read ({error.strerror or error}); give a Parquet file of candles."
        ) from None
    except pa.ArrowException:
        raise BadRequest(f"{path} is no Parquet file; give one with the columns {_wanted()}.") from None
    found = table.to_pandas()
    if not isinstance(found.index, pd.RangeIndex):
        found = found.reset_index()
    time = next((name for name in TIMES if name in found), None)
    missing = [name for name in candles.VALUES if name not in found]
    if time is None or missing:
        raise BadRequest(f"{path} has the columns {', '.join(map(str, found.columns))}; candles need {_wanted()}.")
    if "symbol" in found:
        found = found[found["symbol"].astype(str).str.replace("/", "-") == symbol]
    if found.empty:
        raise TooLittleData(f"{path} has no candle of {symbol}.")
    given = found.assign(open_time=_instants(found[time], path), source=path.stem, ingested_at=_UNKNOWN_INGESTION)
    sound, *others = candles.validate(given[list(candles.COLUMNS)])
    counts = pd.concat([rows["reason"] for rows in others]).value_counts()
    return CandleFile(symbol, sound, {str(reason): int(count) for reason, count in counts.items()})


def _instants(times: pd.Series, path: Path) -> pd.DatetimeIndex:
    if pd.api.types.is_numeric_dtype(times):
        return candles.instants(times.tolist())
    try:
        return pd.DatetimeIndex(pd.to_datetime(times, utc=True))
    except (TypeError, ValueError) as error:
        raise BadRequest(f"{path}: {times.name} holds no times ({error}); give instants or epoch numbers.") from None


def _wanted() -> str:
    return f"{' or '.join(TIMES[:2])}, {', '.join(candles.VALUES)}"
