"""Bringing one symbol up to date: the missing candles, then the features of every month that they touch.

A run looks at what is stored, never at what the last run meant to do. So a missed hour, a crash between two writes and
a repeated or late event all heal in the next run, and a run with nothing to do writes nothing.

Runs in any order and number, at once or interrupted, end in the same candles, features and gaps as one clean run. Of an
hour that several events could store, `ingested_at` tells the time of the one that did; no later run changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from candlecast import candles, exchange, hours, revisions
from candlecast.events import Bus, CandlesStored
from candlecast.gaps import GapRecord, GapStore
from candlecast.hours import HOUR
from candlecast.lake import Lake, Name
from candlecast.revisions import Corrections
from candlecast.series import Series
from candlecast.settings import Exchange, ExchangeSettings, Settings
from lambdas.ingest import refresh
from lambdas.ingest.collection import Collected, Fetch, collect
from lambdas.ingest.request import Span

RECENT = timedelta(hours=48)
"""Gaps younger than this are asked for again in every hourly run."""
LOOKED_AT_AGAIN = 3
"""Newest stored candles that an hourly run asks for once more: an exchange may have corrected them."""
JUMP_HISTORY = timedelta(days=8)
"""What fetched candles are compared with to find absurd jumps."""


Change = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Platform:
    """What a run works with."""

    settings: Settings
    lake: Lake
    gaps: GapStore
    bus: Bus
    fetch: Fetch
    order: Callable[[ExchangeSettings], tuple[Exchange, ...]] = exchange.order


@dataclass(frozen=True)
class Outcome:
    """What a run did and found."""

    stored: int
    """Candles of hours that had none."""
    corrected: int
    """Candles that became a new version."""
    quarantined: int
    missing: int
    """Hours of the range that still have no candle."""
    gap_hours: int
    """Hours without a candle in the whole stored history."""
    newest: datetime | None
    """Open time of the newest candle before the end of what was asked, in this month or the one before."""
    source: str | None
    """The exchange that served the newest candle."""
    taken: Mapping[str, int]
    """Candles stored, by the exchange that served them."""
    requests: int
    """Made to exchanges, repeated ones included."""
    seconds: float
    """That the exchanges took, waiting included."""

    def record(self) -> dict[str, Any]:
        """The function's answer for this symbol."""
        return asdict(self) | {"newest": hours.text(self.newest) if self.newest else None}


@dataclass(frozen=True)
class _Part:
    """What became of a part of the range."""

    span: Span
    collected: Collected
    taken: Mapping[str, int]
    corrected: int


def ingest(symbol: str, now: datetime, span: Span | None, platform: Platform) -> Outcome:
    """Stores what is missing of a symbol up to the last hour that had closed at *now*, or of *span*.

    An hourly run (no span) ends by telling the bus of its newest hour, even if that has no candle, unless a later run
    has overtaken it: a forecast made afterwards would be none. A repeated event tells it again: whether the first one
    died before or after telling cannot be known, and predict makes one forecast of any number of events.
    Raises what the lake and the bus raise, and what exchanges raised if there is no hope but in asking them again.
    """
    last = hours.last_closed(now, platform.settings.exchange.grace)
    series, hourly = Series(platform.lake, symbol), span is None
    start = span.start if span else _hourly_start(series, last)
    due = Span(start, max(start, min(span.end, last + HOUR) if span else last + HOUR))
    spans = [due] if hourly else list(due.by_month())
    parts = [_complete(series, part, now, platform, LOOKED_AT_AGAIN if hourly else 0) for part in spans]
    refresh.refresh(series, due.start, due.end, heal=hourly)
    record = platform.gaps.update(symbol, lambda known: _with_gaps(known, series, parts))
    outcome = _outcome(series, due, parts, record)
    failure = next((part.collected.failure for part in parts if part.collected.failure), None)
    if failure and not (hourly and outcome.newest == last):
        raise failure
    if hourly and series.rows("candles", last + HOUR, last + 2 * HOUR).empty:
        platform.bus.publish(_stored(symbol, last, outcome, platform.settings), now)
    return outcome


def _stored(symbol: str, last: datetime, outcome: Outcome, settings: Settings) -> CandlesStored:
    source = outcome.source if outcome.newest == last else None
    return CandlesStored(
        symbol=symbol, timeframe=settings.timeframe, hour=last, hours_stored=outcome.stored, source=source
    )


def _hourly_start(series: Series, last: datetime) -> datetime:
    """From where an hourly run looks for missing hours.

    Without a candle in this month and the one before: as far back as the features' warm-up, the rest is a backfill's.
    """
    known = series.rows("candles", _month_before(last), last + HOUR)["open_time"]
    if known.empty:
        return last + HOUR - refresh.WARM_UP - RECENT
    newest: datetime = known.iloc[-1].to_pydatetime()
    return min(newest + HOUR - LOOKED_AT_AGAIN * HOUR, last + HOUR - RECENT)


def _complete(series: Series, span: Span, now: datetime, platform: Platform, again: int) -> _Part:
    """Fetches and stores a part's missing candles, and corrections of stored ones.

    What is superseded is kept before it is replaced: whatever a crash leaves out is found once more by the next run.
    """
    known = series.rows("candles", span.start - JUMP_HISTORY, span.end)
    missing = candles.missing_hours(known, span.start, span.end)
    refresh.look(series, span.start, span.end)
    settings = platform.settings.exchange
    collected = collect(series.symbol, missing, known, now, settings, platform.fetch, platform.order(settings), again)
    changes = revisions.corrections(known, collected.valid)
    fresh = collected.valid[np.isin(candles.open_times(collected.valid), candles.micros(missing))]
    both = pd.concat([fresh, changes.after], ignore_index=True) if len(changes.after) else fresh
    _keep(series, "quarantine", collected.quarantined, _with_quarantined)
    _keep(series, "revisions", changes.before, partial(revisions.superseded, now=now))
    _keep(series, "candles", candles.conform(both), partial(_with_candles, changes))
    return _Part(span, collected, Counter(fresh["source"]), len(changes.after))


def _keep(series: Series, dataset: Name, rows: pd.DataFrame, change: Change) -> None:
    """Changes every month that has some of the rows; *change* gets what is stored and the month's rows."""
    for month, own in _by_month(rows):
        series.update(dataset, month, partial(_given, own, change))


def _given(rows: pd.DataFrame, change: Change, stored: pd.DataFrame) -> pd.DataFrame:
    return change(stored, rows)


def _with_candles(changes: Corrections, stored: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    return candles.merge(revisions.corrected(stored, changes), fresh)


def _by_month(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows, sorted by open time, of each month."""
    if rows.empty:
        return
    first, newest = (rows["open_time"].iloc[at].to_pydatetime() for at in (0, -1))
    for span in Span(hours.floor(first), hours.floor(newest) + HOUR).by_month():
        own = candles.between(rows, span.start, span.end)
        if len(own):
            yield hours.month(span.start), own


def _with_quarantined(stored: pd.DataFrame, quarantined: pd.DataFrame) -> pd.DataFrame:
    """Both, each faulty candle once: it is met again in every run that asks for its hour."""
    both = pd.concat([stored, quarantined], ignore_index=True) if len(stored) else quarantined
    return both.drop_duplicates(["open_time", *candles.VALUES, "source"], keep="first")


def _with_gaps(record: GapRecord, series: Series, parts: list[_Part]) -> GapRecord:
    """The record with what the parts lack now: what seems to be missing is looked for again after the record."""
    since = series.now()
    for part in parts:
        start, end = part.span.start, part.span.end
        missing = candles.missing_hours(series.rows("candles", start, end), start, end)
        if len(missing):
            missing = candles.missing_hours(series.rows("candles", start, end, since), start, end)
        record = record.replaced(start, end, list(missing.to_pydatetime()), part.collected.asked)
    return record


def _outcome(series: Series, due: Span, parts: list[_Part], record: GapRecord) -> Outcome:
    rows = series.rows("candles", min(due.start, _month_before(due.end)), due.end)
    collected = [part.collected for part in parts]
    return Outcome(
        stored=sum(sum(part.taken.values()) for part in parts),
        corrected=sum(part.corrected for part in parts),
        quarantined=sum(len(each.quarantined) for each in collected),
        missing=len(candles.missing_hours(rows, due.start, due.end)),
        gap_hours=record.hours,
        newest=rows["open_time"].iloc[-1].to_pydatetime() if len(rows) else None,
        source=str(rows["source"].iloc[-1]) if len(rows) else None,
        taken=dict(sum((Counter(part.taken) for part in parts), Counter())),
        requests=sum(each.requests for each in collected),
        seconds=sum(each.seconds for each in collected),
    )


def _month_before(instant: datetime) -> datetime:
    """The start of the month before the instant's."""
    return hours.month_start(hours.month_start(instant) - HOUR)
