"""Hourly candles from one exchange's public REST interface: a range, page by page, patiently but within bounds.

Which exchange is asked, and whether what it gave is believed, is the caller's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep

import numpy as np
import pandas as pd

from candlecast import candles, hours
from candlecast.errors import ExchangeRefused
from candlecast.exchange_clients import Client, Rows, leased
from candlecast.exchange_faults import Blame, Fault
from candlecast.exchange_traffic import traffic
from candlecast.settings import Exchange, ExchangeSettings

LONGEST_WAIT = 20.0
"""Seconds that one Retry-After is obeyed; an exchange that asks for more is left for the next one."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


@dataclass(frozen=True)
class Fetched:
    """What one exchange served of a range."""

    candles: pd.DataFrame
    """A candle table, unchecked; `source` is the exchange, `ingested_at` is left null."""
    exchange: Exchange
    requests: int
    """Requests made, repeated ones included."""
    seconds: float
    """Time it took, waiting included."""


def order(settings: ExchangeSettings) -> tuple[Exchange, ...]:
    """The exchanges in the order in which to ask them: as configured, but last those that have just failed for good."""
    return tuple(sorted(settings.order, key=lambda name: traffic(name, settings.endpoints.get(name)).rests))


def fetch(exchange: Exchange, symbol: str, start: datetime, end: datetime, settings: ExchangeSettings) -> Fetched:
    """Candles that opened in [start, end), aware and on the hour, as this one exchange gives them.

    Unchecked: hours may be missing or repeated, and the last candle may still be open. An exchange that serves only its
    newest candles gives those that lie in the range. A resting exchange has one attempt to show that it is back.
    Raises ExchangeThrottled or ExchangeUnavailable when asking again later may help, ExchangeRefused when the exchange
    will not serve us, the symbol or any hour of the range, BadSettings when it cannot be asked at all.
    """
    began = monotonic()
    with leased(exchange, settings) as client:
        try:
            rows = _paged(client, symbol, start, end, settings.attempts)
        except Fault as fault:
            if fault.blame is not Blame.REQUEST:
                rest = max(fault.wait, settings.rest_seconds)
                client.traffic.failed(rest, certain=fault.blame is Blame.EXCHANGE)
            raise fault.error from fault
        requests = client.requests
    return Fetched(_table(exchange, rows), exchange, requests, monotonic() - began)


def _table(exchange: Exchange, rows: Rows) -> pd.DataFrame:
    if not len(rows):
        return candles.empty()
    columns = dict(zip(candles.VALUES, rows[:, 1:].T, strict=True))
    opened = candles.instants(rows[:, 0])
    unknown = pd.DatetimeIndex(np.full(len(rows), "NaT", "datetime64[us]")).tz_localize("UTC")
    return candles.conform(pd.DataFrame({"open_time": opened, **columns, "source": exchange, "ingested_at": unknown}))


def _paged(client: Client, symbol: str, start: datetime, end: datetime, attempts: int) -> Rows:
    """The rows of [start, end), page by page, forwards."""
    pages: list[Rows] = [np.empty((0, 6))]
    page, cursor = client.dialect.page * hours.HOUR, start
    while cursor < end:
        window_end = min(cursor + page, end)
        answer = _patiently(client, symbol, cursor, window_end, attempts)
        opened = candles.instants(answer[:, 0])
        if client.dialect.newest_only and len(answer) >= client.dialect.page and opened.min() >= end:
            raise Fault(_out_of_reach(client, symbol, end), Blame.REQUEST)
        pages.append(answer[(opened >= pd.Timestamp(start)) & (opened < pd.Timestamp(end))])
        # A page that ends early goes on behind its last candle; an empty one is a hole, or the end of what there is.
        ahead = opened[opened >= pd.Timestamp(cursor)]
        cursor = hours.floor(ahead.max().to_pydatetime()) + hours.HOUR if len(ahead) else window_end
    return np.concatenate(pages)


def _out_of_reach(client: Client, symbol: str, end: datetime) -> ExchangeRefused:
    return ExchangeRefused(
        f"{client.exchange} serves the newest {client.dialect.page} candles of {symbol}, all later than "
        f"{hours.text(end)}; put another exchange into exchange.order for older ones."
    )


def _patiently(client: Client, symbol: str, start: datetime, end: datetime, attempts: int) -> Rows:
    """A page of the candles of [start, end), asked for again after passing faults."""
    since, count = round(start.timestamp() * 1000), -((start - end) // hours.HOUR)
    attempts = 1 if client.traffic.rests else attempts
    for attempt in range(1, attempts + 1):
        try:
            page = client.page(symbol, since, count)
        except Fault as fault:
            jitter = random.uniform(0.5, 1)  # noqa: S311 (spreads, guards nothing)
            pause = max(fault.wait, jitter * min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE))
            if not fault.again or attempt == attempts or pause > LONGEST_WAIT:
                raise
            throttled = fault.throttled
        else:
            client.traffic.served()
            return page
        if throttled:
            client.traffic.hold(pause)  # for every thread: the limit is the exchange's, not the client's
        else:
            sleep(pause)
    raise AssertionError("settings demand at least one attempt")
