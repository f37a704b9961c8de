"""Candle tables: what a closed, sound, complete series of hourly candles is.

A candle table has the columns COLUMNS, one row per hour, sorted by open time, with a plain 0.. index.
Open times are the UTC starts of the hours; prices are in quote currency, volume in base units.
Everything here is pure: tables in, new tables out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
COLUMNS = ("open_time", *VALUES, "source", "ingested_at")
HOUR = pd.Timedelta(hours=1)

JUMP_MULTIPLE = 100.0
"""A move counts as a jump beyond this many times the median absolute hourly move of the week before it ..."""
JUMP_FLOOR = 0.15
"""... and beyond this log move, so that a market which stood still may start to move."""
_JUMP_LIMIT_UNKNOWN = 0.7  # log move allowed where there is no week to compare with: prices may halve or double
_JUMP_HISTORY = 168
_JUMP_HISTORY_MINIMUM = 24


def empty() -> pd.DataFrame:
    """A candle table without rows."""
    return conform(pd.DataFrame({name: [] for name in COLUMNS}))


def conform(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a candle table: contract columns and types, sorted by open time (equal hours keep their order)."""
    times = {name: pd.to_datetime(rows[name], utc=True).dt.as_unit("us") for name in ("open_time", "ingested_at")}
    values = {name: rows[name].astype("float64") for name in VALUES}
    table = pd.DataFrame({**times, **values, "source": rows["source"].astype(object)})
    return table[list(COLUMNS)].sort_values("open_time", kind="stable", ignore_index=True)


def instants(stamps: Sequence[float]) -> pd.DatetimeIndex:
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
    is_closed = candles["open_time"] + HOUR + grace <= pd.Timestamp(now)
    return candles[is_closed].reset_index(drop=True)


def validate(
    fetched: pd.DataFrame, before: pd.DataFrame | None = None, *, jump_multiple: float = JUMP_MULTIPLE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sound candles of *fetched*, and the others with an extra column ``reason``; both sorted by open time.

    *before*: stored candles against which the first fetched ones are judged for jumps; overlap is harmless.
    Identical duplicates are dropped, conflicting ones all quarantined: nobody can say which one is true.
    """
    rows = conform(fetched)
    reasons = _faults(rows)
    sound = rows[reasons == ""]
    repeated = sound.drop(index=sound.index[sound.duplicated(["open_time", *VALUES])])
    conflicting = repeated.index[repeated.duplicated("open_time", keep=False)]
    reasons[conflicting] = "conflicting candles for one hour"
    kept = repeated.drop(index=conflicting)
    jumps = _jumps(kept, before, jump_multiple)
    for index, reason in jumps.items():
        reasons[index] = reason
    quarantined = rows.assign(reason=reasons)[reasons != ""].reset_index(drop=True)
    return kept.drop(index=list(jumps)).reset_index(drop=True), quarantined


def merge(stored: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Both tables as one. A fresh candle replaces a stored one only where its prices or volume differ.

    An identical candle keeps its stored source and ingestion time, so that repeating a run changes nothing.
    """
    if stored.empty or fresh.empty:
        return conform(fresh if stored.empty else stored)
    both = pd.concat([stored, fresh], ignore_index=True)
    distinct = both.drop_duplicates(["open_time", *VALUES], keep="first")
    return conform(distinct.drop_duplicates("open_time", keep="last"))


def missing_hours(candles: pd.DataFrame, start: datetime | None = None, end: datetime | None = None) -> list[datetime]:
    """The hours of [start, end) without a candle; by default from the first candle to the last."""
    times = candles["open_time"]
    if times.empty and (start is None or end is None):
        return []
    first = times.min() if start is None else pd.Timestamp(start)
    stop = times.max() + HOUR if end is None else pd.Timestamp(end)
    expected = pd.date_range(first.ceil("h"), stop, freq="h", inclusive="left", unit="us")
    return [hour.to_pydatetime() for hour in expected.difference(pd.DatetimeIndex(times))]


def _faults(rows: pd.DataFrame) -> pd.Series:
    """Why each row cannot be a candle, looked at alone; an empty text where it can."""
    prices = rows[list(PRICES)].to_numpy()
    volume = rows["volume"].to_numpy()
    bodies = rows[["open", "close"]].to_numpy()
    rules = {
        "open time is not the start of an hour": (rows["open_time"] != rows["open_time"].dt.floor("h")).to_numpy(),
        "a price is not a finite positive number": ~(np.isfinite(prices) & (prices > 0)).all(axis=1),
        "high and low do not enclose open and close": (rows["low"].to_numpy() > bodies.min(axis=1))
        | (rows["high"].to_numpy() < bodies.max(axis=1)),
        "volume is not a finite number of at least 0": ~(np.isfinite(volume) & (volume >= 0)),
    }
    return pd.Series(np.select(list(rules.values()), list(rules), default=""), index=rows.index, dtype=object)


def _jumps(candles: pd.DataFrame, before: pd.DataFrame | None, multiple: float) -> dict[int, str]:
    """Index labels of candles too far from the last believed one, with the reason.

    A far close is believed once the next candle confirms the new level; a far wick has nothing to confirm it.
    """
    if candles.empty:
        return {}
    known = empty()
    if before is not None:
        known = before[before["open_time"] < candles["open_time"].iloc[0]].tail(_JUMP_HISTORY + 1)
    offset = len(known)
    table = pd.concat([known, candles]) if offset else candles
    hour = table["open_time"].to_numpy("datetime64[us]").astype("datetime64[h]").astype("int64")
    opens, highs, lows, closes = np.log(table[list(PRICES)].to_numpy().T)
    moves = np.diff(closes, prepend=closes[0])
    reach = np.maximum(highs - np.maximum(opens, closes), np.minimum(opens, closes) - lows)
    # The floor is the least limit there is: only what passes it needs a closer look.
    suspects = np.flatnonzero((np.abs(moves) > JUMP_FLOOR) | (reach > JUMP_FLOOR))
    rejected: dict[int, str] = {}
    for i in suspects[suspects >= offset]:
        believed = i - 1
        while believed >= offset and int(candles.index[believed - offset]) in rejected:
            believed -= 1
        limit = _jump_limit(moves, i, multiple)
        allowed = limit * np.sqrt(hour[i] - hour[believed]) if believed >= 0 else np.inf
        far = believed >= 0 and abs(closes[i] - closes[believed]) > allowed
        confirmed = i + 1 < len(closes) and abs(closes[i + 1] - closes[i]) <= limit
        if reach[i] > limit or (far and not confirmed):
            what = "a wick" if reach[i] > limit else "a jump"
            rejected[int(candles.index[i - offset])] = f"{what} beyond {limit:.3g} in log price"
    return rejected


def _jump_limit(moves: np.ndarray, position: int, multiple: float) -> float:
    recent = np.abs(moves[max(1, position - _JUMP_HISTORY) : position])
    if len(recent) < _JUMP_HISTORY_MINIMUM:
        return _JUMP_LIMIT_UNKNOWN
    return max(JUMP_FLOOR, multiple * float(np.median(recent)))
