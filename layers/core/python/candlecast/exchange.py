"""Hourly candles from exchanges' public REST interfaces, by ccxt.

Nothing is signed, no key is needed, and a symbol's market is declared by hand, so that an hourly fetch is one request.
"""

from __future__ import annotations

import importlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pandas as pd
from ccxt.base import errors as ccxt_errors

from candlecast import candles, hours
from candlecast.errors import (
    BadSettings,
    CandlecastError,
    ExchangeRefused,
    ExchangeThrottled,
    ExchangeUnavailable,
    Retry,
)
from candlecast.settings import Exchange, ExchangeSettings

LONGEST_WAIT = 20.0
"""Seconds that one Retry-After is obeyed; an exchange that asks for more is left for the next one."""
_FIRST_PAUSE = 0.5
_REFUSALS = (
    ccxt_errors.BadSymbol,
    ccxt_errors.BadRequest,
    ccxt_errors.AuthenticationError,
    ccxt_errors.NotSupported,
    ccxt_errors.RestrictedLocation,
)


@dataclass(frozen=True)
class _Dialect:
    page: int
    """Candles in one answer, at most."""
    market_id: Callable[[str, str], str] | None
    """The exchange's name of a base-quote pair; None where only its own list of markets tells."""


_DIALECTS: dict[Exchange, _Dialect] = {
    "binance": _Dialect(1000, lambda base, quote: base + quote),
    "bitstamp": _Dialect(1000, lambda base, quote: (base + quote).lower()),
    "coinbase": _Dialect(300, lambda base, quote: f"{base}-{quote}"),
    "kraken": _Dialect(720, None),
}


class _Key(NamedTuple):
    exchange: Exchange
    endpoint: str | None
    timeout_seconds: float


_idle: defaultdict[_Key, list[Any]] = defaultdict(list)
"""Clients kept warm between calls. A ccxt client serves one thread at a time: each fetch takes one and puts it back."""


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


def fetch(exchange: Exchange, symbol: str, start: datetime, end: datetime, settings: ExchangeSettings) -> Fetched:
    """Candles that opened in [start, end), aware and on the hour, as this one exchange gives them.

    Unchecked: hours may be missing or repeated, and the last candle may still be open. Raises ExchangeThrottled or
    ExchangeUnavailable when asking again later may help, ExchangeRefused when the exchange will not serve the symbol
    or us, BadSettings when it cannot be asked at all.
    """
    began = time.monotonic()
    with _client(exchange, symbol, settings) as client:
        rows = _pages(client, exchange, symbol, start, end, settings.attempts)
        requests = client.asked
    return Fetched(_table(exchange, rows), exchange, requests, time.monotonic() - began)


def order(settings: ExchangeSettings) -> tuple[Exchange, ...]:
    """The exchanges in the order in which they should be asked."""
    return settings.order


def _table(exchange: Exchange, rows: list[list[Any]]) -> pd.DataFrame:
    if not rows:
        return candles.empty()
    stamps, *values = zip(*rows, strict=True)
    columns = dict(zip(candles.VALUES, values, strict=True))
    return candles.conform(
        pd.DataFrame(
            {"open_time": candles.instants(stamps), **columns, "source": exchange, "ingested_at": pd.NaT},
        )
    )


def _pages(
    client: Any, exchange: Exchange, symbol: str, start: datetime, end: datetime, attempts: int
) -> list[list[Any]]:
    """The rows [ms, open, high, low, close, volume] of [start, end), page by page, forwards."""
    rows: list[list[Any]] = []
    page, cursor = timedelta(hours=_DIALECTS[exchange].page), start
    while cursor < end:
        window_end = min(cursor + page, end)
        first, last = cursor.timestamp() * 1000, end.timestamp() * 1000
        answer = _patiently(client, exchange, symbol, cursor, int((window_end - cursor) / hours.HOUR), attempts)
        fresh = [row for row in answer if first <= row[0] < last]
        rows += fresh
        newest = max((row[0] for row in fresh), default=None)
        # A short page continues behind its last candle; an empty one is a hole, or the end of what there is.
        cursor = window_end if newest is None else datetime.fromtimestamp(newest / 1000, UTC) + hours.HOUR
    return rows


def _patiently(
    client: Any, exchange: Exchange, symbol: str, since: datetime, limit: int, attempts: int
) -> list[list[Any]]:
    """One page, asked for again after passing faults."""
    for attempt in range(1, attempts + 1):
        try:
            return _page(client, exchange, symbol, since, limit)
        except Retry as fault:
            pause = random.uniform(0.5, 1) * _FIRST_PAUSE * 2 ** (attempt - 1)  # noqa: S311 (spreads, guards nothing)
            if isinstance(fault, ExchangeThrottled):
                pause = max(pause, _retry_after(client))
            if attempt == attempts or pause > LONGEST_WAIT:
                raise
        time.sleep(pause)
    raise AssertionError("settings demand at least one attempt")


def _page(client: Any, exchange: Exchange, symbol: str, since: datetime, limit: int) -> list[list[Any]]:
    client.asked += 1
    client.last_status = None
    milliseconds = int(since.timestamp() * 1000)
    try:
        rows = client.fetch_ohlcv(symbol.replace("-", "/"), "1h", since=milliseconds, limit=limit)
        return [[float("nan") if value is None else float(value) for value in row[:6]] for row in rows]
    except ccxt_errors.BaseError as error:
        raise _classed(exchange, symbol, client.last_status, error) from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # ccxt hands on bodies that are no JSON, or not the JSON that it expects.
        raise ExchangeUnavailable(f"{exchange} answered {symbol} with something that is no candle page.") from error


def _classed(exchange: Exchange, symbol: str, status: int | None, error: Exception) -> CandlecastError:
    """ccxt's error by what to do about it. The HTTP status decides: ccxt calls a 451 and a 503 by the same name."""
    says = f"{exchange} ({status or 'no answer'}, {type(error).__name__})"
    if status in {418, 429} or isinstance(error, (ccxt_errors.DDoSProtection, ccxt_errors.RateLimitExceeded)):
        return ExchangeThrottled(f"{says} asks to wait before {symbol} is asked for again.")
    refused_by_status = status is not None and 400 <= status < 500 and status != 408
    if refused_by_status or isinstance(error, _REFUSALS):
        return ExchangeRefused(f"{says} does not serve {symbol}, or not to this place; put another exchange first.")
    return ExchangeUnavailable(f"{says} could not serve {symbol}; try again later.")


def _retry_after(client: Any) -> float:
    """Seconds that the last answer asked us to wait; 0 where it does not say."""
    headers = {name.lower(): value for name, value in (client.last_response_headers or {}).items()}
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0  # an HTTP date: our own pause has to do


@contextmanager
def _client(exchange: Exchange, symbol: str, settings: ExchangeSettings) -> Iterator[Any]:
    """A client of the exchange that knows the symbol, for this thread alone."""
    key = _Key(exchange, settings.endpoints.get(exchange), settings.timeout_seconds)
    try:
        client = _idle[key].pop()
    except IndexError:
        client = _connect(key)
    client.asked = 0
    _declare(client, exchange, symbol)
    try:
        yield client
    finally:
        _idle[key].append(client)


def _connect(key: _Key) -> Any:
    try:
        module = importlib.import_module(f"ccxt.{key.exchange}")
    except ModuleNotFoundError:
        raise BadSettings(
            f"exchange {key.exchange!r} is not in this package of ccxt; add it to the exchange layer."
        ) from None
    client = getattr(module, key.exchange)({"enableRateLimit": True, "timeout": int(key.timeout_seconds * 1000)})
    if key.endpoint:
        api = client.urls["api"]
        client.urls["api"] = {n: key.endpoint + urlsplit(url).path for n, url in api.items() if isinstance(url, str)}

    def note_status(response: Any, **_: Any) -> None:
        client.last_status = response.status_code

    client.session.hooks["response"].append(note_status)
    return client


def _declare(client: Any, exchange: Exchange, symbol: str) -> None:
    """Tells ccxt of the symbol's market, which spares a request for thousands of others."""
    market_id = _DIALECTS[exchange].market_id
    known: dict[str, Any] = client.markets or {}
    pair = symbol.replace("-", "/")
    if market_id is None or pair in known:
        return
    base, quote = symbol.split("-")
    names = {"id": market_id(base, quote), "symbol": pair, "base": base, "quote": quote}
    market = client.safe_market_structure(names | {"baseId": base, "quoteId": quote, "type": "spot", "spot": True})
    client.set_markets([*known.values(), market])
