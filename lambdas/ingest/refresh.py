"""The features of a whole month, made anew from the candles that are stored.

However runs interleave, the last one that writes a month's features has seen every candle: it looks at the features
first, at the candles after that, and writes only over the features that it looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from candlecast import features, hours, labels
from candlecast.hours import HOUR
from candlecast.series import Series

WARM_UP = features.WARM_UP * HOUR


def months(series: Series, start: datetime, end: datetime, *, heal: bool) -> Iterator[datetime]:
    """The first hours of the months whose features candles in [start, end) can change, as far as there are candles.

    From the hour before, whose target is known now, up to a warm-up behind. With *heal* the month before that, too,
    where the first one has no features at all: a run may have died between the candles and the features of both.
    """
    first = hours.month_start(start - HOUR)
    before = hours.month_start(first - HOUR)
    if heal and series.month("features", hours.month(first)).empty and _has_candles(series, before):
        first = before
    while first < end + WARM_UP:
        if _has_candles(series, first):
            yield first
        first = hours.next_month(first)


def _has_candles(series: Series, month: datetime) -> bool:
    """Whether there are any, seen after this run's own last write: who writes some later, sees that write."""
    return not series.month("candles", hours.month(month), since=series.written("candles")).empty


def refresh(series: Series, first: datetime) -> None:
    """Writes the features of the month that begins with the hour *first*, unless they are what its candles make."""
    month, end = hours.month(first), hours.next_month(first)
    since = max(series.seen("features", month), series.written("candles"))

    def made_of_candles(_: pd.DataFrame) -> pd.DataFrame:
        nonlocal since
        window = series.rows("candles", first - WARM_UP, end + HOUR, since)  # one hour more: the last row's target
        since = series.now()  # whoever is asked again has lost a race: all candles must be looked at once more
        rows = features.compute(window, start=first)
        rows["target_return"] = labels.target_return(rows)
        return rows[rows["open_time"] < pd.Timestamp(end)]

    series.update("features", month, made_of_candles)
