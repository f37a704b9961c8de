"""The features of a whole month, made anew from the candles that are stored.

However runs interleave, the last one that writes a month's features has seen every candle: it looks at the features
first, at the candles after that, and writes only over the features that it looked at.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from candlecast import candles, features, hours, labels
from candlecast.hours import HOUR
from candlecast.series import Series

WARM_UP = features.WARM_UP * HOUR


def look(series: Series, start: datetime, end: datetime) -> None:
    """Looks at the features of the hours [start, end) and of the one before. Where no candle was, none are expected."""
    for month in hours.months(start - HOUR, end):
        if series.month("candles", month).empty:
            series.expect_nothing("features", month)
        series.month("features", month)


def refresh(series: Series, start: datetime, end: datetime, *, heal: bool) -> None:
    """Brings the features up to date that candles in [start, end) can change: of their months and a warm-up behind.

    Of the month before only its last target. With *heal* all of that month too, where *start* is its neighbour or
    the first month has no features at all: a run may have died between the candles and the features of both.
    """
    first = hours.month_start(start)
    before = hours.month_start(first - HOUR)
    if start == first and not heal:
        _refresh_month(series, before, only_last=True)
    elif heal and (start == first or series.month("features", hours.month(first)).empty):
        _refresh_month(series, before)
    while first < end + WARM_UP:
        _refresh_month(series, first)
        first = hours.next_month(first)


def _has_candles(series: Series, month: datetime) -> bool:
    """Whether there are any, seen after this run's own last write: who writes some later, sees that write."""
    return not series.month("candles", hours.month(month), since=series.written("candles")).empty


def _refresh_month(series: Series, first: datetime, *, only_last: bool = False) -> None:
    """Writes the features of the month that begins with the hour *first*, unless they are what its candles make.

    *only_last*: no more than the target of its last row, if it has that row.
    """
    if not _has_candles(series, first):
        return
    month, end = hours.month(first), hours.next_month(first)
    since = max(series.seen("features", month), series.written("candles"))

    def made_of_candles(stored: pd.DataFrame) -> pd.DataFrame:
        nonlocal since
        settles = only_last and len(candles.between(stored, end - HOUR, end)) == 1
        start = end - HOUR if settles else first - WARM_UP
        window = series.rows("candles", start, end + HOUR, since)  # one hour more: the last row's target
        since = series.now()  # whoever is asked again has lost a race: all candles must be looked at once more
        if settles:
            targets = [*stored["target_return"].iloc[:-1], labels.target_return(window).iloc[0]]
            return stored.assign(target_return=targets)
        rows = features.compute(window, start=first)
        rows["target_return"] = labels.target_return(rows)
        return candles.between(rows, first, end)

    series.update("features", month, made_of_candles)
