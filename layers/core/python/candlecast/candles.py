"""Candle tables: what a closed, sound, complete series of hourly candles is.

A candle table has the columns COLUMNS, one row per hour, sorted by open time, with a plain 0.. index.
Open times are the UTC starts of the hours; prices are in quote currency, volume in base units.
Everything here is pure: tables in, new tables out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
COLUMNS = ("open_time", *VALUES, "source", "ingested_at")
HOUR = pd.Timedelta(hours=1)

JUMP_MULTIPLE = 100.0
"""A move counts as a jump beyond this many times the median absolute hourly move of the week before it ..."""
JUMP_FLOOR = 0.15
"""... and beyond this log move, so that a market which stood still may start to move."""
_INSTANT = "datetime64[us, UTC]"
TYPES = {"open_time": _INSTANT, **dict.fromkeys(VALUES, "float64"), "source": "object", "ingested_at": _INSTANT}
"""Type of each column, in order."""
_MICROSECONDS = HOUR // pd.Timedelta(microseconds=1)
_FAULTS = (
    "",
    "open time is not the start of an hour",
    "a price is not a finite positive number",
    "high and low do not enclose open and close",
    "volume is not a finite number of at least 0",
)
_JUMP_LIMIT_UNKNOWN = 0.7  # log move allowed where there is no week to compare with: prices may halve or double
_JUMP_HISTORY = 168
_JUMP_HISTORY_MINIMUM = 24


def empty() -> pd.DataFrame:
    """A candle table without rows."""
    return without_rows().copy()


def conform(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a candle table: contract columns and types, sorted by open time (equal hours keep their order)."""
    table = rows
    if list(rows.columns) != list(COLUMNS) or list(rows.dtypes) != list(without_rows().dtypes):
        times = {name: pd.to_datetime(rows[name], utc=True).dt.as_unit("us") for name in ("open_time", "ingested_at")}
        table = rows[list(COLUMNS)].assign(**times).astype(TYPES)
    hours = open_times(table)
    if (hours[1:] < hours[:-1]).any():
        return table.sort_values("open_time", kind="stable", ignore_index=True)
    return indexed(table)


def indexed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a plain 0.. index: itself, where it has one."""
    return table if table.index.equals(pd.RangeIndex(len(table))) else table.reset_index(drop=True)


def open_times(table: pd.DataFrame) -> NDArray[np.int64]:
    """The open times of any table that has them, as microseconds since 1970-01-01T00:00Z."""
    return micros(table["open_time"])


def micros(instants: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Instants as microseconds since 1970-01-01T00:00Z."""
    return instants.to_numpy("datetime64[us]").view("int64")


def between(table: pd.DataFrame, start: datetime, end: datetime, hour: str = "open_time") -> pd.DataFrame:
    """The rows of the hours [start, end) of a table sorted by *hour*, with their index in it."""
    bounds = [round(bound.timestamp() * 1e6) for bound in (start, end)]
    first, stop = np.searchsorted(micros(table[hour]), bounds)
    return table.iloc[first:stop]


def instants(stamps: Sequence[float] | NDArray[np.float64]) -> pd.DatetimeIndex:
    """UTC instants of epoch numbers in seconds, milli-, micro- or nanoseconds, told apart one by one by magnitude.

    Exchanges' dumps have changed unit from one month to the next.
    Unambiguous for instants from 1973 to 5138.
    """
    numbers = np.asarray(stamps, dtype="float64")
    per_microsecond = np.select([numbers < 1e11, numbers < 1e14, numbers < 1e17], [1e6, 1e3, 1.0], default=1e-3)
    micros = np.round(numbers * per_microsecond).astype("int64")
    return pd.DatetimeIndex(micros.view("datetime64[us]")).tz_localize("UTC")


def closed(candles: pd.DataFrame, now: datetime, grace: timedelta) -> pd.DataFrame:
    """The candles whose hour had ended, and *grace* passed, at *now* (aware). Judged by clock, never by position."""
    latest = (pd.Timestamp(now) - HOUR - grace).tz_convert("UTC").as_unit("us").to_numpy().view("int64")
    is_closed = open_times(candles) <= latest
    return candles if is_closed.all() else candles[is_closed].reset_index(drop=True)


class Judged(NamedTuple):
    """What validation made of some candles; each table sorted by open time."""

    valid: pd.DataFrame
    quarantined: pd.DataFrame
    """What cannot be a candle; an extra column `reason`."""
    doubted: pd.DataFrame
    """Jumps: candles that a second source has to show before they are believed; `reason` and `limit`, log price."""


def validate(
    fetched: pd.DataFrame, before: pd.DataFrame | None = None, *, jump_multiple: float = JUMP_MULTIPLE
) -> Judged:
    """The sound candles of *fetched*, the faulty ones and the doubtful ones.

    *before*: stored candles against which the first fetched ones are judged for jumps; overlap is harmless.
    Identical duplicates are dropped, conflicting ones all quarantined: nobody can say which one is true.
    """
    rows = conform(fetched)
    faults = _faults(rows)
    kept, quarantined = rows, without_rows("reason")
    if faults.any():
        kept = rows[faults == 0].reset_index(drop=True)
        quarantined = rows.assign(reason=np.array(_FAULTS, dtype=object)[faults])[faults != 0]
    hours = open_times(kept)
    if (hours[1:] == hours[:-1]).any():
        kept = kept.drop_duplicates(["open_time", *VALUES])
        conflicting = kept.duplicated("open_time", keep=False)
        clashes = kept[conflicting].assign(reason="conflicting candles for one hour")
        quarantined = clashes if quarantined.empty else pd.concat([quarantined, clashes])
        kept = kept[~conflicting].reset_index(drop=True)
    if len(quarantined):
        quarantined = quarantined.sort_values("open_time", kind="stable", ignore_index=True)
    jumps = _jumps(kept, before, jump_multiple)
    if not jumps:
        return Judged(kept, quarantined, without_rows("reason", "limit"))
    doubted = kept.loc[list(jumps)].assign(
        reason=[reason for reason, _ in jumps.values()], limit=[limit for _, limit in jumps.values()]
    )
    return Judged(kept.drop(index=list(jumps)).reset_index(drop=True), quarantined, doubted.reset_index(drop=True))


@cache
def without_rows(*extra: str) -> pd.DataFrame:
    """A candle table without rows, with the columns that validation adds; the same one each time."""
    kinds = {"reason": "object", "limit": "float64"}
    return pd.DataFrame(columns=[*COLUMNS, *extra]).astype(TYPES | {name: kinds[name] for name in extra})


def confirmed(doubted: pd.DataFrame, witness: Judged) -> pd.DataFrame:
    """The doubted candles (as of Judged.doubted) that another source shows too: no price further off than the limit.

    The other source's candle may look like a jump itself; if it is faulty, it shows nothing.
    """
    seen = pd.concat([witness.valid, witness.doubted])[["open_time", *PRICES]]
    pairs = doubted[["open_time", *PRICES, "limit"]].merge(seen, on="open_time", how="left", suffixes=("", "_seen"))
    shown = pairs[[f"{name}_seen" for name in PRICES]].to_numpy()
    apart = np.abs(np.log(pairs[list(PRICES)].to_numpy()) - np.log(shown)).max(axis=1)
    is_shown: NDArray[np.bool_] = apart <= pairs["limit"].to_numpy()  # nan, of what is not shown, is never within
    return doubted[is_shown].reset_index(drop=True)


def merge(stored: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Both tables as one. Where both know an hour the stored candle stands: corrections are `revisions`' matter."""
    if stored.empty or fresh.empty:
        return conform(fresh if stored.empty else stored)
    new = fresh[~np.isin(open_times(fresh), open_times(stored))]
    return conform(pd.concat([stored, new], ignore_index=True)) if len(new) else stored


def missing_hours(
    candles: pd.DataFrame, start: datetime | None = None, end: datetime | None = None
) -> pd.DatetimeIndex:
    """The hours of [start, end) without a candle, UTC; by default from the first candle to the last."""
    hours = open_times(candles) // _MICROSECONDS
    if not len(hours) and (start is None or end is None):
        return pd.DatetimeIndex([], dtype=_INSTANT)
    first = hours[0] if start is None else math.ceil(start.timestamp() / 3600)
    stop = hours[-1] + 1 if end is None else math.ceil(end.timestamp() / 3600)
    missing = np.setdiff1d(np.arange(first, stop, dtype="int64"), hours, assume_unique=True) * _MICROSECONDS
    return pd.DatetimeIndex(missing.view("datetime64[us]")).tz_localize("UTC")


def _faults(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Why each row cannot be a candle, looked at alone: its first reason's position in _FAULTS, 0 for none."""
    hours, prices, volume = open_times(rows), rows[list(PRICES)].to_numpy(), rows["volume"].to_numpy()
    opened, high, low, close = prices.T
    rules = [
        hours % _MICROSECONDS != 0,
        ~(np.isfinite(prices) & (prices > 0)).all(axis=1),
        (low > np.minimum(opened, close)) | (high < np.maximum(opened, close)),
        ~(np.isfinite(volume) & (volume >= 0)),
    ]
    return np.select(rules, range(1, len(_FAULTS)), default=0)


def _jumps(candles: pd.DataFrame, before: pd.DataFrame | None, multiple: float) -> dict[int, tuple[str, float]]:
    """Index labels of candles too far from the last believed one, with the reason and the limit.

    A far close is believed once the next candle confirms the new level; a far wick has nothing to confirm it.
    """
    if candles.empty:
        return {}
    known = None
    if before is not None:
        known = before[open_times(before) < open_times(candles)[0]].tail(_JUMP_HISTORY + 1)
    offset = 0 if known is None else len(known)
    hour, prices = open_times(candles), candles[list(PRICES)].to_numpy()
    if known is not None and offset:
        hour = np.concatenate([open_times(known), hour])
        prices = np.concatenate([known[list(PRICES)].to_numpy(), prices])
    hour = hour // _MICROSECONDS
    opens, highs, lows, closes = np.log(prices).T
    moves = np.diff(closes, prepend=closes[0])
    reach = np.maximum(highs - np.maximum(opens, closes), np.minimum(opens, closes) - lows)
    # The floor is the least limit there is: only what passes it needs a closer look.
    suspects = np.flatnonzero((np.abs(moves) > JUMP_FLOOR) | (reach > JUMP_FLOOR))
    rejected: dict[int, tuple[str, float]] = {}
    for i in suspects[suspects >= offset]:
        last = i - 1
        while last - offset in rejected:
            last -= 1
        limit = _jump_limit(moves, i, multiple)
        allowed = limit * np.sqrt(hour[i] - hour[last]) if last >= 0 else np.inf
        far = last >= 0 and abs(closes[i] - closes[last]) > allowed
        confirmed = i + 1 < len(closes) and abs(closes[i + 1] - closes[i]) <= limit
        if reach[i] > limit or (far and not confirmed):
            what = "a wick" if reach[i] > limit else "a jump"
            rejected[int(i - offset)] = f"{what} beyond {limit:.3g} in log price", float(limit)
    return rejected


def _jump_limit(moves: NDArray[np.float64], position: int, multiple: float) -> float:
    recent = np.abs(moves[max(1, position - _JUMP_HISTORY) : position])
    if len(recent) < _JUMP_HISTORY_MINIMUM:
        return _JUMP_LIMIT_UNKNOWN
    return max(JUMP_FLOOR, multiple * float(np.median(recent)))
