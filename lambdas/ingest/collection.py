"""Collecting the candles that a symbol lacks from several exchanges, hour by hour.

The exchanges are asked in order, each for what is still missing once the answers before it were judged: an hour that
was never served, that only a lagging exchange served, or whose candle cannot be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candlecast import candles, hours
from candlecast.candles import open_times
from candlecast.errors import CandlecastError, ExchangeRefused, Retry
from candlecast.exchange import Fetched
from candlecast.hours import HOUR
from candlecast.settings import Exchange, ExchangeSettings
from lambdas.ingest.request import Span

PAGE = 300
"""Hours that every exchange serves in one answer: missing hours that lie closer are asked for together."""
LIVE_EDGE = timedelta(hours=48)
"""Behind the newest closed hour; there an exchange may lag, so that its newest candle is still forming."""

Micros = NDArray[np.int64]
"""Hours as candlecast.candles.open_times gives them."""


Fetch = Callable[[Exchange, str, datetime, datetime, ExchangeSettings], Fetched]
"""candlecast.exchange.fetch: what one exchange has of a symbol's hours [start, end)."""


@dataclass(frozen=True)
class Collected:
    """What the exchanges gave."""

    valid: pd.DataFrame
    """Sound, closed candles of missing hours, and of stored hours by the exchange that served the stored candle."""
    quarantined: pd.DataFrame
    """What is not believed, with its `reason`."""
    asked: tuple[Exchange, ...]
    """The exchanges that answered whatever they were asked for."""
    requests: int
    seconds: float
    failure: CandlecastError | None
    """Why asking again may help: exchanges failed, and nothing that is missing could be had, or not the newest hour."""


def collect(
    symbol: str,
    missing: pd.DatetimeIndex,
    known: pd.DataFrame,
    now: datetime,
    settings: ExchangeSettings,
    fetch: Fetch,
    sources: Iterable[Exchange],
    again: int = 0,
) -> Collected:
    """Candles of the *missing* hours (UTC), closed at *now*, from the *sources* in order.

    *known*: stored candles, against which new ones are judged for jumps and told to be corrections. The newest *again*
    of them are asked for once more, in the same request, if the exchange that is asked served them.
    A jump is believed if a second exchange shows it too, and gives way to that exchange's candle if it does not.
    """
    search = _Search(symbol, candles.micros(missing), known, now, settings)
    looked_at_again = known.tail(again)
    for source in sources:
        if search.asked and not len(search.left):
            break
        again_there = open_times(looked_at_again[looked_at_again["source"] == source])
        search.ask(source, np.union1d(search.left, again_there), fetch)
    return search.result()


class _Search:
    """How far the collecting of one symbol's candles has come."""

    def __init__(
        self, symbol: str, missing: Micros, known: pd.DataFrame, now: datetime, settings: ExchangeSettings
    ) -> None:
        self.left = self._missing = missing
        self.asked: list[Exchange] = []
        self._symbol, self._known, self._now, self._settings = symbol, known, now, settings
        self._last = hours.last_closed(now, settings.grace)
        self._valid = candles.empty()
        self._quarantined: list[pd.DataFrame] = []
        self._doubted: list[pd.DataFrame] = []
        self._failures: list[CandlecastError] = []
        self._requests, self._seconds = 0, 0.0

    def ask(self, source: Exchange, wanted: Micros, fetch: Fetch) -> None:
        """Asks one exchange and judges what it gives. Its failure is noted: the next one may have the hours."""
        for window in _windows(wanted, self._last):
            try:
                fetched = fetch(source, self._symbol, window.start, window.end, self._settings)
            except (Retry, ExchangeRefused) as failure:
                self._failures.append(failure)
                return
            self._requests += fetched.requests
            self._seconds += fetched.seconds
            self._judge(source, fetched.candles)
        if len(wanted):
            self.asked.append(source)

    def _judge(self, source: Exchange, fetched: pd.DataFrame) -> None:
        rows = candles.closed(fetched, self._now, self._settings.grace)
        rows = _settled(rows, self._last).assign(ingested_at=pd.Timestamp(self._now).as_unit("us"))
        judged = candles.validate(rows, self._known, jump_multiple=self._settings.jump_multiple)
        self._quarantined.append(judged.quarantined)
        own = self._known[(self._known["source"] == source).to_numpy()]
        self._take(_of_hours(judged.valid, open_times(own)))
        for position, doubted in enumerate(self._doubted):
            confirmed = _of_hours(candles.confirmed(doubted, judged), self.left)
            self._doubted[position] = _but_hours(doubted, open_times(confirmed))
            self._take(confirmed[list(candles.COLUMNS)])
        self._doubted.append(_but_hours(judged.doubted, open_times(self._valid)))
        self._take(_of_hours(judged.valid, self.left))

    def _take(self, rows: pd.DataFrame) -> None:
        if len(rows):
            self._valid = candles.merge(self._valid, rows)
            self.left = np.setdiff1d(self.left, open_times(rows))

    def result(self) -> Collected:
        """What was collected."""
        doubted = [rows.drop(columns="limit") for rows in self._doubted]
        distrusted = [rows for rows in [*self._quarantined, *doubted] if len(rows)]
        return Collected(
            valid=self._valid,
            quarantined=pd.concat(distrusted, ignore_index=True) if distrusted else candles.without_rows("reason"),
            asked=tuple(self.asked),
            requests=self._requests,
            seconds=self._seconds,
            failure=self._failure(),
        )

    def _failure(self) -> CandlecastError | None:
        nothing = len(self.left) == len(self._missing) > 0
        newest = len(self.left) > 0 and self.left[-1] == pd.Timestamp(self._last).value // 1000
        if not self._failures or not (nothing or newest):
            return None
        worst = next((f for f in self._failures if isinstance(f, Retry)), self._failures[0])
        if self.asked and not isinstance(worst, Retry):
            return None  # the others do not have it, and this one will never serve us: a gap
        return type(worst)(f"No exchange served all of {self._symbol}: {' '.join(map(str, self._failures))}")


def _windows(wanted: Micros, last: datetime) -> Iterator[Span]:
    """The ranges to ask for: what lies a page or more apart on its own; what ends near *last*, up to there."""
    instants = pd.DatetimeIndex(wanted.view("datetime64[us]")).tz_localize("UTC")
    cuts = np.flatnonzero(np.diff(wanted) >= PAGE * HOUR // timedelta(microseconds=1)) + 1
    for first, following in zip([0, *cuts], [*cuts, len(wanted)], strict=True):
        if first < following:
            newest = instants[following - 1].to_pydatetime()
            yield Span(instants[first].to_pydatetime(), (last if last - newest <= LIVE_EDGE else newest) + HOUR)


def _settled(rows: pd.DataFrame, last: datetime) -> pd.DataFrame:
    """The rows without the newest, where the exchange lags behind *last*: by its clock that candle may be forming."""
    if rows.empty:
        return rows
    newest = rows["open_time"].max()
    lags = last - LIVE_EDGE <= newest < last
    return rows[rows["open_time"] < newest.floor("h")].reset_index(drop=True) if lags else rows


def _of_hours(rows: pd.DataFrame, wanted: Micros) -> pd.DataFrame:
    chosen = np.isin(open_times(rows), wanted)
    return rows if chosen.all() else rows[chosen].reset_index(drop=True)


def _but_hours(rows: pd.DataFrame, unwanted: Micros) -> pd.DataFrame:
    return rows[~np.isin(open_times(rows), unwanted)]
