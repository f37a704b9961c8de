"""Bringing one symbol up to date: the missing candles, then the features of every hour that they touch.

A run looks at what is stored, never at what the last run meant to do. So a missed hour, a crash between two writes and
a repeated or late event all heal in the next run, and a run with nothing to do writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from candlecast import candles, features, hours, labels
from candlecast.events import Bus, CandlesStored
from candlecast.gaps import GapStore
from candlecast.hours import HOUR
from candlecast.lake import Lake
from candlecast.series import Series
from candlecast.settings import ExchangeSettings, Settings
from lambdas.ingest.request import Span

Fetch = Callable[[str, datetime, datetime, ExchangeSettings], pd.DataFrame]

RECENT = timedelta(hours=48)
"""Gaps younger than this are asked for again, and features younger than this are computed again, in every run."""
WARM_UP = features.WARM_UP * HOUR
JUMP_HISTORY = timedelta(days=8)
"""What fetched candles are compared with to find absurd jumps."""


@dataclass(frozen=True)
class Platform:
    """What a run works with."""

    settings: Settings
    lake: Lake
    bus: Bus
    fetch: Fetch
    gaps: GapStore


@dataclass(frozen=True)
class Outcome:
    """What a run did and found."""

    stored: int
    """Candles that are new or corrected."""
    newest: datetime | None
    """Open time of the newest candle before the end of what was asked, in this month or the one before."""
    quarantined: int
    missing: int
    """Hours of the range that still have no candle."""
    source: str | None
    """The exchange that served the newest candle."""

    def record(self) -> dict[str, Any]:
        """The function's answer for this symbol."""
        return vars(self) | {"newest": hours.text(self.newest) if self.newest else None}


def ingest(symbol: str, now: datetime, span: Span | None, platform: Platform) -> Outcome:
    """Stores what is missing of a symbol up to the last hour that had closed at *now*, or of *span*.

    An hourly run (no span) tells the bus once its newest hour is there. A repeated event tells it again: whether
    the first one died before or after telling cannot be known, and predict makes one forecast of any number of events.
    Raises what the exchanges, the lake and the bus raise.
    """
    last = hours.last_closed(now, platform.settings.exchange.grace)
    series = Series(platform.lake, symbol)
    asked = span or Span(_hourly_start(series, last), last + HOUR)
    due = Span(asked.start, min(asked.end, last + HOUR))
    stored = quarantined = 0
    for part in _by_month(due):
        new, bad = _complete(series, part, now, platform)
        stored, quarantined = stored + new, quarantined + bad
    _refresh_features(series, due, last, hourly=span is None)
    rows = series.rows("candles", min(due.start, _month_before(due.end)), due.end)
    outcome = Outcome(
        stored=stored,
        newest=rows["open_time"].iloc[-1].to_pydatetime() if len(rows) else None,
        quarantined=quarantined,
        missing=len(candles.missing_hours(rows, due.start, due.end)),
        source=str(rows["source"].iloc[-1]) if len(rows) else None,
    )
    overtaken = not series.rows("candles", last + HOUR, last + 2 * HOUR).empty
    if span is None and outcome.newest == last and not overtaken:
        timeframe = platform.settings.timeframe
        event = CandlesStored(
            symbol=symbol, timeframe=timeframe, hour=last, hours_stored=stored, source=outcome.source or "unknown"
        )
        platform.bus.publish(event, now)
    return outcome


def _hourly_start(series: Series, last: datetime) -> datetime:
    """From where an hourly run looks for missing hours.

    Without a candle in this month and the one before: as far back as the features' warm-up, the rest is a backfill's.
    """
    known = series.rows("candles", _month_before(last), last + HOUR)["open_time"]
    if known.empty:
        return last + HOUR - WARM_UP - RECENT
    newest: datetime = known.iloc[-1].to_pydatetime()
    return min(newest + HOUR, last + HOUR - RECENT)


def _complete(series: Series, part: Span, now: datetime, platform: Platform) -> tuple[int, int]:
    """Fetches and stores a month's missing candles: how many were stored, how many failed validation."""
    month, exchange = hours.month(part.start), platform.settings.exchange
    before = series.month("candles", month)
    missing = candles.missing_hours(before, part.start, part.end)
    if not missing:
        return 0, 0
    fetched = platform.fetch(series.symbol, missing[0], missing[-1] + HOUR, exchange).assign(ingested_at=now)
    closed = candles.closed(fetched, now, exchange.grace)
    known = series.rows("candles", missing[0] - JUMP_HISTORY, missing[0])
    valid, quarantined = candles.validate(closed, known)
    if not quarantined.empty:
        series.update("quarantine", month, lambda stored: _with_quarantined(stored, quarantined))
    after = series.update("candles", month, lambda stored: candles.merge(stored, valid))
    identity = ["open_time", *candles.VALUES]
    unchanged = pd.concat([before[identity], after[identity]]).duplicated().sum()
    return len(after) - int(unchanged), len(quarantined)


def _with_quarantined(stored: pd.DataFrame, quarantined: pd.DataFrame) -> pd.DataFrame:
    """Both, each faulty candle once: it is met again in every run that asks for its hour."""
    both = pd.concat([stored, quarantined], ignore_index=True) if len(stored) else quarantined
    return both.drop_duplicates(["open_time", *candles.VALUES, "source"], keep="first")


def _refresh_features(series: Series, due: Span, last: datetime, *, hourly: bool) -> None:
    """Computes the features of all hours that candles in *due* can have changed.

    That is the hour before it, whose target is known now, up to a warm-up behind it. Values do not depend on where the
    computation starts, so an hour that did not change gets the bytes it has.
    """
    touched = [due.start, *(_hours_without_features(series, last) if hourly else [])]
    start = min(touched) - HOUR
    end = min(due.end + WARM_UP, last + HOUR)
    window = series.rows("candles", start - WARM_UP, end + HOUR)  # one hour more: the last row's target
    if window.empty:
        return
    rows = features.compute(window, start=start)
    rows["target_return"] = labels.target_return(rows)
    for part in _by_month(Span(start, end)):
        fresh = rows[(rows["open_time"] >= part.start) & (rows["open_time"] < part.end)]
        if len(fresh):
            series.update("features", hours.month(part.start), _replacing(fresh))


def _replacing(fresh: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(stored: pd.DataFrame) -> pd.DataFrame:
        kept = stored[~stored["open_time"].isin(fresh["open_time"])]
        return pd.concat([kept, fresh], ignore_index=True) if len(kept) else fresh

    return change


def _hours_without_features(series: Series, last: datetime) -> list[datetime]:
    """The first candle without features in this month, or in the one before if this one lacks its first: at most one.

    They are what a run leaves that stored candles and then died.
    """
    found: list[datetime] = []
    for month in (hours.month(last), hours.month(_month_before(last))):
        stored = series.month("candles", month)["open_time"]
        lacking = stored[~stored.isin(series.month("features", month)["open_time"])]
        if lacking.empty:
            break
        found = [lacking.iloc[0].to_pydatetime()]
        if found[0] != stored.iloc[0]:
            break
    return found


def _month_before(instant: datetime) -> datetime:
    """The start of the month before the instant's."""
    first = hours.floor(instant).replace(day=1, hour=0)
    return (first - HOUR).replace(day=1, hour=0)


def _by_month(span: Span) -> list[Span]:
    """The span, cut where months begin."""
    parts, start = [], span.start
    while start < span.end:
        following = (start.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
        parts.append(Span(start, min(following, span.end)))
        start = following
    return parts
