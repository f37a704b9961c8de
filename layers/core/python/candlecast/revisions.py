"""Corrections: what an exchange now says otherwise than when its candle was stored, and the versions before.

Only the exchange that served a candle can correct it; another one's view of the hour is no correction. The versions
before are kept in the dataset `revisions`: a candle table with the extra column `superseded_at`.
Everything here is pure: tables in, new tables out.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import candles


class Corrections(NamedTuple):
    """Two candle tables of the same hours."""

    before: pd.DataFrame
    after: pd.DataFrame


def corrections(stored: pd.DataFrame, fetched: pd.DataFrame) -> Corrections:
    """The stored candles whose own exchange gives other values now, and what it gives."""
    old, new = _common_hours(stored, fetched)
    if not len(old):
        return Corrections(candles.empty(), candles.empty())
    from_the_same = stored["source"].to_numpy()[old] == fetched["source"].to_numpy()[new]
    differs = (_values(stored)[old] != _values(fetched)[new]).any(axis=1)
    chosen = from_the_same & differs
    return Corrections(*(t.iloc[at[chosen]].reset_index(drop=True) for t, at in ((stored, old), (fetched, new))))


def corrected(stored: pd.DataFrame, changes: Corrections) -> pd.DataFrame:
    """The stored candles with the corrections made; a candle that is no longer as it was seen before stands.

    It was replaced by another run meanwhile, which asked the exchange at about the same time.
    """
    if changes.after.empty:
        return stored
    at, change = _common_hours(stored, changes.before)
    as_seen = (_values(stored)[at] == _values(changes.before)[change]).all(axis=1)
    at, change = at[as_seen], change[as_seen]
    if not len(at):
        return stored
    kept = stored.drop(index=stored.index[at])
    return candles.conform(pd.concat([kept, changes.after.iloc[change]], ignore_index=True))


def superseded(stored: pd.DataFrame, before: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The stored revisions with the candles *before* added, each version once however often it is added."""
    fresh = before.assign(superseded_at=pd.Timestamp(now))
    both = pd.concat([stored, fresh], ignore_index=True) if len(stored) else fresh
    return both.drop_duplicates(list(candles.COLUMNS), keep="first")


def _common_hours(left: pd.DataFrame, right: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the hours that both tables have."""
    _, at_left, at_right = np.intersect1d(
        candles.open_times(left), candles.open_times(right), assume_unique=True, return_indices=True
    )
    return at_left, at_right


def _values(table: pd.DataFrame) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table[list(candles.VALUES)].to_numpy()
    return values
